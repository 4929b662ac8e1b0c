"""The mails that patients get, written at the moment of sending.

A batch costs a query for the invitations, one for each register and two for the addresses. The text
of a mail is the same for all who are asked the same in the same language: it is rendered once and
kept, and each patient's link and last day are filled in.

Nothing clinical stands in a subject: it is read on locked screens and by others.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from django.db import connection
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.translation import gettext as _

from patients.vault import open_identities
from proms.links import address_for
from proms.models import Invitation
from proms.policies import why_not_answerable
from proms.questionnaire import Form, form_for
from proms.status import DAYS_TO_FINISH
from registry.core import clock
from registry.messaging.composing import ComposedMail, Purpose, Wanted, Withheld
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for


class Asked(NamedTuple):
    """What decides about a mail: the invitation and its patient as they are now."""

    patient_id: int
    register_code: str
    language: str
    time_point: str
    plan: str
    generation: int
    closes_on: date
    submitted: bool
    declined: bool
    started: bool
    asks_something: bool
    opted_out: bool
    died: bool
    identity_changed_at: datetime | None


# Read once more before each mail, so it joins no more than it must.
_ASKED = """
    SELECT i.id, m.patient_id, m.register_id, p.language, i.time_point, i.plan::text, i.generation,
           i.closes_on, i.submitted_at IS NOT NULL, i.declined_at IS NOT NULL,
           i.started_at IS NOT NULL,
           EXISTS (SELECT FROM proms_followup f
                   WHERE f.invitation_id = i.id AND f.completed_on IS NULL
                     AND f.censored_on IS NULL),
           m.opted_out_on IS NOT NULL, p.died_on IS NOT NULL,
           (SELECT updated_at FROM patients_patientidentity one WHERE one.patient_id = p.id)
    FROM proms_invitation i
    JOIN patients_membership m ON m.id = i.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    WHERE i.id = ANY(%s)
"""

# A first invitation keeps its day when it is sent again; see messaging.composing.Purpose.
NOTE_SENT = """
    UPDATE proms_invitation AS one
    SET invited_at = CASE WHEN marked.rule LIKE 'reminder%%' THEN one.invited_at
                          ELSE COALESCE(one.invited_at, %(now)s) END,
        reminded_at = CASE WHEN marked.rule LIKE 'reminder%%' THEN %(now)s
                           ELSE one.reminded_at END,
        updated_at = now()
    FROM marked WHERE one.id = marked.subject_id
"""


def read(invitation_ids: Iterable[int]) -> Mapping[int, Asked]:
    """Return what decides about mails now; an unknown invitation is left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, [list(invitation_ids)])
        return {row[0]: Asked(*row[1:]) for row in cursor.fetchall()}


def compose(wanted: Sequence[Wanted], now: datetime) -> list[ComposedMail | Withheld]:
    """Write invitations and reminders, or say why one is withheld.

    A patient who has answered, died, opted out or been operated again since the mail was queued
    gets none.
    """
    on = clock.civil_date(now)
    why = [_why_withheld(one.state, on) for one in wanted]
    open_ones = [one.state for one, reason in zip(wanted, why, strict=True) if not reason]
    identities = open_identities({one.patient_id for one in open_ones})
    definitions = {
        code: definition_for(code) for code in {asked.register_code for asked in open_ones}
    }
    written: list[ComposedMail | Withheld] = []
    for one, reason in zip(wanted, why, strict=True):
        if reason:
            written.append(Withheld(reason))
            continue
        identity = identities.get(one.state.patient_id)
        if identity is None:
            written.append(Withheld("erased"))
        elif not identity.email:
            written.append(Withheld("no_address"))
        else:
            written.append(_write(one, definitions[one.state.register_code], to=identity.email))
    return written


def note_withheld(invitation_id: int, _rule: str, now: datetime) -> None:
    """Show a patient whose address is missing in the telephone worklist."""
    Invitation.objects.filter(
        pk=invitation_id,
        submitted_at__isnull=True,
        unreachable_at__isnull=True,
        membership__patient__identity__has_email=False,
    ).update(unreachable_at=now)


PURPOSE = Purpose(compose=compose, read=read, note_sent=NOTE_SENT, withheld=note_withheld)


def _why_withheld(asked: Asked | None, on: date) -> str:
    if asked is None:
        return "unknown"
    if asked.died:
        return "died"
    if asked.opted_out:
        return "opted_out"
    if asked.submitted:
        return "answered"
    if asked.declined:
        return "declined"
    closed = why_not_answerable(
        submitted=asked.submitted,
        declined=asked.declined,
        started=asked.started,
        closes_on=asked.closes_on,
        asks_something=asked.asks_something,
        on=on,
        days_to_finish=DAYS_TO_FINISH,
    )
    return "closed" if closed else ""


# --- The text ---------------------------------------------------------------------------------

# Stand in a rendered text for what differs between patients; no text holds these characters.
ADDRESS = "\ue000"
LAST_DAY = "\ue001"


@dataclass(frozen=True, slots=True)
class Text:
    """The text of a mail, in which link and last day are still to be filled in."""

    subject: str
    text: str
    html: str


def _write(one: Wanted, definition: RegisterDefinition, *, to: str) -> ComposedMail:
    asked: Asked = one.state
    held = _text(definition, one.rule, asked.time_point == "before", asked.plan, asked.language)
    address = address_for(one.subject_id, asked.generation)
    last_day = _in_words(asked.closes_on, asked.language)
    sender = definition.about.sender
    return ComposedMail(
        to=to,
        subject=held.subject,
        text=held.text.replace(ADDRESS, address).replace(LAST_DAY, last_day),
        html=held.html.replace(ADDRESS, escape(address)).replace(LAST_DAY, escape(last_day)),
        from_name=sender.name,
        reply_to=sender.reply_to or "",
        language=asked.language,
    )


def _text(
    definition: RegisterDefinition, rule: str, is_before: bool, plan: str, language: str
) -> Text:
    form = _form(plan, language)
    sender = definition.about.sender
    return _render(
        rule="reminder" if rule.startswith("reminder") else rule,
        is_before=is_before,
        sender=definition.about.short_name,
        register=definition.about.names.in_language(language),
        reply_to=sender.reply_to or "",
        minutes=form.minutes,
        questions=len(form.pages),
        language=language,
    )


@lru_cache(maxsize=2048)
def _render(*, rule: str, language: str, **about: object) -> Text:
    with translation.override(language):
        subject = _subject(rule) % {"sender": about["sender"]}
        context = {
            **about,
            "subject": subject,
            "is_reminder": rule == "reminder",
            "is_new_link": rule == "new_link",
            "address": ADDRESS,
            "last_day": LAST_DAY,
            "language": language,
        }
        return Text(
            subject=subject,
            text=render_to_string("proms/mail/invitation.txt", context),
            html=render_to_string("proms/mail/invitation.html", context),
        )


@lru_cache(maxsize=2048)
def _form(plan: str, language: str) -> Form:
    return form_for(json.loads(plan), language)


@lru_cache(maxsize=2048)
def _in_words(day: date, language: str) -> str:
    with translation.override(language):
        return date_format(day, "DATE_FORMAT")


def _subject(rule: str) -> str:
    if rule == "reminder":
        return _("Reminder: questions from %(sender)s")
    if rule == "new_link":
        return _("Your new link from %(sender)s")
    return _("Questions from %(sender)s")
