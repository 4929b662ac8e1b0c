"""The messages that patients get, written at the moment of sending.

A batch costs a query for the invitations, one for each register and two for the addresses. The text
of a message is the same for all who are asked the same in the same language: it is rendered once
and kept, and each patient's links and last day are filled in.

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

from patients.actions import note_refused_address
from patients.reach import (
    ADDRESS_OF,
    PREFIX,
    Answerer,
    Contact,
    Recipient,
    Unreachable,
    recipient_by,
)
from patients.vault import Identity, open_identities
from proms.links import address_for, stop_address_for
from proms.models import Invitation
from proms.plans import answerer_of
from proms.policies import why_not_answerable
from proms.questionnaire import Form, form_for
from proms.status import DAYS_TO_FINISH
from registry.core import clock
from registry.core.choices import ContactChannel
from registry.messaging.composing import (
    ComposedMail,
    ComposedText,
    Content,
    Purpose,
    Undelivered,
    Wanted,
    Withheld,
)
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.followup import MessageText
from registry.registers.selectors import definition_for

REMINDER = "reminder"
"""What the rules of reminders begin with."""


class Asked(NamedTuple):
    """What decides about a message: the invitation and its patient as they are now."""

    patient_id: int
    register_code: str
    language: str
    guardian_language: str
    birth_date: date
    time_point: str
    plan: str
    generation: int
    closes_on: date
    submitted: bool
    declined: bool
    started: bool
    stopped: bool
    asks_something: bool
    opted_out: bool
    died: bool
    emigrated: bool
    has_email: bool | None
    has_telephone: bool | None
    email_refused: bool
    telephone_refused: bool
    guardian_has_email: bool | None
    guardian_has_telephone: bool | None
    guardian_email_refused: bool
    guardian_telephone_refused: bool
    identity_changed_at: datetime | None

    @property
    def contact(self) -> Contact:
        """Which addresses are known."""
        return Contact(
            birth_date=self.birth_date,
            has_email=bool(self.has_email),
            has_telephone=bool(self.has_telephone),
            email_refused=self.email_refused,
            telephone_refused=self.telephone_refused,
            guardian_has_email=bool(self.guardian_has_email),
            guardian_has_telephone=bool(self.guardian_has_telephone),
            guardian_email_refused=self.guardian_email_refused,
            guardian_telephone_refused=self.guardian_telephone_refused,
        )


# Read once more before each message, so it joins no more than it must.
_ASKED = """
    SELECT i.id, m.patient_id, m.register_id, p.language, p.guardian_language, p.birth_date,
           i.time_point, i.plan::text, i.generation, i.closes_on,
           i.submitted_at IS NOT NULL, i.declined_at IS NOT NULL, i.started_at IS NOT NULL,
           EXISTS (SELECT FROM proms_stoppedreminders s WHERE s.invitation_id = i.id),
           EXISTS (SELECT FROM proms_followup f
                   WHERE f.invitation_id = i.id AND f.completed_on IS NULL
                     AND f.censored_on IS NULL),
           m.opted_out_on IS NOT NULL, p.died_on IS NOT NULL,
           p.emigrated_on IS NOT NULL,
           a.has_email, a.has_telephone,
           a.email_refused_at IS NOT NULL, a.telephone_refused_at IS NOT NULL,
           a.guardian_has_email, a.guardian_has_telephone,
           a.guardian_email_refused_at IS NOT NULL, a.guardian_telephone_refused_at IS NOT NULL,
           a.updated_at
    FROM proms_invitation i
    JOIN patients_membership m ON m.id = i.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN patients_patientidentity a ON a.patient_id = p.id
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


def compose(wanted: Sequence[Wanted], now: datetime) -> list[Content]:
    """Write invitations and reminders, or say why one is withheld.

    A patient who has answered, died, moved abroad, opted out or been operated again since the
    message was queued gets none. For a child, a guardian is written to as the register says.
    """
    on = clock.civil_date(now)
    why = [_why_withheld(one.state, one.rule, on) for one in wanted]
    open_ones = [one.state for one, reason in zip(wanted, why, strict=True) if not reason]
    identities = open_identities({one.patient_id for one in open_ones})
    definitions = {
        code: definition_for(code) for code in {asked.register_code for asked in open_ones}
    }
    written: list[Content] = []
    for one, reason in zip(wanted, why, strict=True):
        if reason:
            written.append(Withheld(reason))
            continue
        identity = identities.get(one.state.patient_id)
        if identity is None:
            written.append(Withheld("erased"))
            continue
        definition = definitions[one.state.register_code]
        channel = ContactChannel(one.channel)
        recipient = recipient_by(
            one.state.contact,
            channel,
            on=on,
            guardian_until=definition.patients.guardian_until,
            answerer=_answerer(definition, one.state, on),
        )
        if isinstance(recipient, Unreachable):
            written.append(Withheld(recipient.value))
        else:
            written.append(_write(one, definition, recipient, channel, identity))
    return written


def note_withheld(invitation_id: int, _rule: str, now: datetime) -> None:
    """Show a patient in the telephone worklist whom no message reaches."""
    asked = read([invitation_id]).get(invitation_id)
    if asked is None or _why_withheld(asked, "", clock.civil_date(now)):
        return
    definition = definition_for(asked.register_code)
    if isinstance(
        recipient_by(
            asked.contact,
            ContactChannel.EMAIL,
            on=clock.civil_date(now),
            guardian_until=definition.patients.guardian_until,
            answerer=_answerer(definition, asked, clock.civil_date(now)),
        ),
        Unreachable,
    ):
        _mark_unreachable(invitation_id, now)


def note_undelivered(what: Undelivered, now: datetime) -> None:
    """Show the patient in the telephone worklist; an address that was refused is not used again.

    Only an address that is known to be the one on file is given up: one that has been corrected
    since is left alone.
    """
    _mark_unreachable(what.subject_id, now)
    patient_id = (
        Invitation.objects.filter(pk=what.subject_id)
        .values_list("membership__patient_id", flat=True)
        .first()
    )
    if what.address_refused and what.address and patient_id is not None:
        note_refused_address(
            patient_id=patient_id, channel=what.channel, now=now, address=what.address
        )


def _mark_unreachable(invitation_id: int, now: datetime) -> None:
    Invitation.objects.filter(
        pk=invitation_id,
        submitted_at__isnull=True,
        declined_at__isnull=True,
        unreachable_at__isnull=True,
    ).update(unreachable_at=now)


PURPOSE = Purpose(
    compose=compose,
    read=read,
    note_sent=NOTE_SENT,
    withheld=note_withheld,
    undelivered=note_undelivered,
)


def _why_withheld(asked: Asked | None, rule: str, on: date) -> str:
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
    if asked.stopped and rule.startswith(REMINDER):
        return "stopped"
    closed = why_not_answerable(
        submitted=asked.submitted,
        declined=asked.declined,
        started=asked.started,
        closes_on=asked.closes_on,
        asks_something=asked.asks_something and not asked.emigrated,
        on=on,
        days_to_finish=DAYS_TO_FINISH,
    )
    return "closed" if closed else ""


def _answerer(definition: RegisterDefinition, asked: Asked, on: date) -> Answerer:
    """Who answers for a child, by what the register says of the instruments asked."""
    return answerer_of(
        definition,
        _plan(asked.plan),
        time_point=asked.time_point,
        birth_date=asked.birth_date,
        on=on,
    )


# --- The text ---------------------------------------------------------------------------------

# Stand in a rendered text for what differs between patients; no text holds these characters.
ADDRESS = "\ue000"
LAST_DAY = "\ue001"
STOP_ADDRESS = "\ue002"


@dataclass(frozen=True, slots=True)
class Rendered:
    """The text of a message, in which links and last day are still to be filled in."""

    subject: str
    text: str
    html: str
    sms: str


def _write(
    one: Wanted,
    definition: RegisterDefinition,
    recipient: Recipient,
    channel: ContactChannel,
    identity: Identity,
) -> ComposedMail | ComposedText:
    asked: Asked = one.state
    is_guardian = recipient is Recipient.GUARDIAN
    language = (is_guardian and asked.guardian_language) or asked.language
    held = _render(_what_is_said(definition, one.rule, asked, language, is_guardian))
    to = getattr(identity, f"{PREFIX[recipient]}{ADDRESS_OF[channel]}")
    filled = {
        ADDRESS: address_for(one.subject_id, asked.generation),
        LAST_DAY: _in_words(asked.closes_on, language),
        STOP_ADDRESS: stop_address_for(one.subject_id),
    }
    if channel is ContactChannel.SMS:
        return ComposedText(to=to, text=_fill(held.sms, filled))
    sender = definition.about.sender
    return ComposedMail(
        to=to,
        subject=held.subject,
        text=_fill(held.text, filled),
        html=_fill(held.html, {key: escape(value) for key, value in filled.items()}),
        from_name=sender.name,
        from_address=sender.address or "",
        reply_to=sender.reply_to or "",
        language=language,
        headers={
            "List-Unsubscribe": f"<{filled[STOP_ADDRESS]}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )


def _fill(text: str, values: Mapping[str, str]) -> str:
    for mark, value in values.items():
        text = text.replace(mark, value)
    return text


class About(NamedTuple):
    """Everything that a text depends on, but for the patient."""

    kind: str
    own: MessageText | None
    language: str
    is_guardian: bool
    is_before: bool
    sender: str
    register: str
    reply_to: str
    minutes: int
    questions: int


def _what_is_said(
    definition: RegisterDefinition, rule: str, asked: Asked, language: str, is_guardian: bool
) -> About:
    form = _form(asked.plan, language)
    return About(
        kind=REMINDER if rule.startswith(REMINDER) else rule,
        own=definition.messages.get(_text_key(definition, rule, asked.time_point)),
        language=language,
        is_guardian=is_guardian,
        is_before=asked.time_point == "before",
        sender=definition.about.short_name,
        register=definition.about.names.in_language(language),
        reply_to=definition.about.sender.reply_to or "",
        minutes=form.minutes,
        questions=len(form.pages),
    )


def _text_key(definition: RegisterDefinition, rule: str, time_point: str) -> str:
    """Which message of the definition a rule names: that of its time point or reminder."""
    point = definition.time_points.get(time_point)
    if point is not None and rule == "invitation":
        return point.text
    if point is not None and rule.startswith(f"{REMINDER}."):
        key = rule.removeprefix(f"{REMINDER}.")
        return next((one.text for one in point.reminders if one.key == key), REMINDER)
    return rule


@lru_cache(maxsize=2048)
def _render(about: About) -> Rendered:
    with translation.override(about.language):
        context = {
            **about._asdict(),
            "is_reminder": about.kind == REMINDER,
            "is_new_link": about.kind == "new_link",
            "address": ADDRESS,
            "last_day": LAST_DAY,
            "stop_address": STOP_ADDRESS,
        }
        if about.own is not None:
            return _render_own(about.own, context)
        context["subject"] = _subject(about.kind) % {"sender": about.sender}
        return Rendered(
            subject=context["subject"],
            text=render_to_string("proms/mail/invitation.txt", context),
            html=render_to_string("proms/mail/invitation.html", context),
            sms=_sms(about.kind) % {"sender": about.sender, "address": ADDRESS},
        )


def _render_own(own: MessageText, context: Mapping[str, object]) -> Rendered:
    """Fill a register's own text in. It is data: nothing in it is a template or HTML."""
    language = context["language"]
    text = own.body.in_language(language).format_map(context)
    return Rendered(
        subject=own.subject.in_language(language).format_map(context),
        text=text,
        html=render_to_string(
            "proms/mail/own.html",
            {**context, "paragraphs": [part for part in text.split("\n\n") if part.strip()]},
        ),
        sms=(
            own.sms.in_language(language).format_map(context)
            if own.sms is not None
            else _sms(context["kind"]) % {"sender": context["sender"], "address": ADDRESS}
        ),
    )


def _sms(kind: str) -> str:
    if kind == REMINDER:
        return _("Reminder from %(sender)s: please answer some questions: %(address)s")
    return _("%(sender)s: please answer some questions: %(address)s")


@lru_cache(maxsize=2048)
def _plan(plan: str) -> list[dict[str, str]]:
    return json.loads(plan)


@lru_cache(maxsize=2048)
def _form(plan: str, language: str) -> Form:
    return form_for(_plan(plan), language)


@lru_cache(maxsize=2048)
def _in_words(day: date, language: str) -> str:
    with translation.override(language):
        return date_format(day, "DATE_FORMAT")


def _subject(kind: str) -> str:
    if kind == REMINDER:
        return _("Reminder: questions from %(sender)s")
    if kind == "new_link":
        return _("Your new link from %(sender)s")
    return _("Questions from %(sender)s")
