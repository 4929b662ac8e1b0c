"""The message that tells that questions will come. It has no link: there is none yet.

It goes to whom the invitation will go to, by the channel that reaches them (patients.reach).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from patients.actions import note_refused_address
from patients.policies import age_on
from patients.reach import (
    ADDRESS_OF,
    CONTACT_COLUMNS,
    PREFIX,
    Contact,
    Reach,
    Recipient,
    Unreachable,
    reach,
    recipient_by,
    sms_available,
)
from patients.vault import Identity, open_identities
from proms.asked import definitions_of, language_for
from proms.plans import answerer_at, plan_for
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
from registry.registers.schema.followup import ReminderRule

ENDED, MOVED = "no_longer_asked", "moved"
"""Why a notice is withheld that may be wanted again."""


class Coming(NamedTuple):
    """What decides about a notice: the follow-up and its patient as they are now."""

    patient_id: int
    register_code: str
    language: str
    guardian_language: str
    group: str
    time_point: str
    opens_on: date
    wanted: bool
    stopped: bool
    identity_changed_at: datetime | None
    contact: Contact


_COMING = f"""
    SELECT f.id, m.patient_id, m.register_id, p.language, p.guardian_language, o."group",
           f.time_point, f.opens_on,
           f.invitation_id IS NULL AND f.completed_on IS NULL AND f.censored_on IS NULL
               AND m.opted_out_on IS NULL AND p.died_on IS NULL AND p.emigrated_on IS NULL,
           EXISTS (SELECT FROM proms_stoppedreminders s
                   JOIN proms_invitation i ON i.id = s.invitation_id
                   WHERE i.membership_id = m.id),
           a.updated_at, {CONTACT_COLUMNS}
    FROM proms_followup f
    JOIN procedures_operation o ON o.id = f.operation_id
    JOIN patients_membership m ON m.id = o.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN patients_patientidentity a ON a.patient_id = p.id
    WHERE f.id = ANY(%s)
"""
_OWN = 1 + Coming._fields.index("contact")


def read(follow_up_ids: Iterable[int]) -> Mapping[int, Coming]:
    """Return what decides about notices now; an unknown follow-up is left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_COMING, [list(follow_up_ids)])
        return {row[0]: Coming(*row[1:_OWN], Contact(*row[_OWN:])) for row in cursor.fetchall()}


def way_of(definition: RegisterDefinition, coming: Coming, rule: str) -> Reach:
    """Return to whom and how a notice goes: as the invitation will, on the day it opens.

    The channel that the rule names comes first, where it reaches them.
    """
    named = next((one.channel for one in _rules(definition, coming) if one.key == rule), None)
    return reach(
        coming.contact,
        sms=sms_available(),
        first=named or "",
        **_asked(definition, coming),
    )


def compose(wanted: Sequence[Wanted], now: datetime) -> list[Content]:
    """Write notices. One that comes too late or too early, or is not wanted, is withheld."""
    on = clock.civil_date(now)
    identities = open_identities({one.state.patient_id for one in wanted if one.state is not None})
    definitions = definitions_of(one.state for one in wanted if one.state is not None)
    written: list[Content] = []
    for one in wanted:
        coming: Coming | None = one.state
        definition = definitions.get(coming.register_code) if coming else None
        reason = ENDED if coming is None else _why_withheld(definition, coming, one.rule, on)
        identity = coming and identities.get(coming.patient_id)
        if reason or identity is None:
            written.append(Withheld(reason or "erased"))
            continue
        channel = ContactChannel(one.channel)
        recipient = recipient_by(coming.contact, channel, **_asked(definition, coming))
        if isinstance(recipient, Unreachable):
            written.append(Withheld(recipient.value))
        else:
            written.append(_write(definition, coming, recipient, channel, identity))
    return written


def note_undelivered(what: Undelivered, now: datetime) -> None:
    """An address that was refused is not used again: the invitation goes another way."""
    coming = read([what.subject_id]).get(what.subject_id)
    if coming is not None and what.address_refused and what.address:
        note_refused_address(
            patient_id=coming.patient_id, channel=what.channel, now=now, address=what.address
        )


PURPOSE = Purpose(compose=compose, read=read, undelivered=note_undelivered)


def _why_withheld(definition: RegisterDefinition, coming: Coming, rule: str, on: date) -> str:
    if not coming.wanted:
        return ENDED
    if coming.stopped:
        return "stopped"
    if coming.opens_on <= on:
        return "overtaken"
    key = rule.removeprefix("notice.")
    days = next((-one.days for one in _rules(definition, coming) if one.key == key), None)
    if days is None or (coming.opens_on - on).days > days:
        return MOVED
    if not plan_for(
        definition,
        [(coming.group, coming.time_point)],
        coming.language,
        age=age_on(coming.contact.birth_date, coming.opens_on),
    ).instruments:
        return "nothing_to_ask"
    return ""


def _rules(definition: RegisterDefinition, coming: Coming) -> list[ReminderRule]:
    point = definition.time_points.get(coming.time_point)
    reminders = point.for_group(coming.group).reminders if point else ()
    return [rule for rule in reminders if rule.is_notice]


def _asked(definition: RegisterDefinition, coming: Coming) -> dict[str, Any]:
    """Who is asked on the day the questions open, as patients.reach takes it."""
    age = age_on(coming.contact.birth_date, coming.opens_on)
    return {
        "on": coming.opens_on,
        "guardian_until": definition.patients.guardian_until,
        "answerer": answerer_at(definition, coming.group, coming.time_point, age=age),
    }


def _write(
    definition: RegisterDefinition,
    coming: Coming,
    recipient: Recipient,
    channel: ContactChannel,
    identity: Identity,
) -> ComposedMail | ComposedText:
    sender = definition.about.sender
    is_guardian = recipient is Recipient.GUARDIAN
    language = language_for(coming, recipient)
    to = getattr(identity, f"{PREFIX[recipient]}{ADDRESS_OF[channel]}")
    with translation.override(language):
        named = {
            "sender": definition.about.short_name,
            "day": date_format(coming.opens_on, "DATE_FORMAT"),
        }
        if channel is ContactChannel.SMS:
            text = _(
                "%(sender)s: some questions will come about %(day)s. You need not do anything now."
            )
            return ComposedText(to=to, text=text % named)
        subject = _("Questions from %(sender)s will come soon") % named
        context = {
            "subject": subject,
            "register": definition.about.names.in_language(language),
            "day": named["day"],
            "is_guardian": is_guardian,
            "reply_to": sender.reply_to or "",
            "language": language,
        }
        return ComposedMail(
            to=to,
            subject=subject,
            text=render_to_string("proms/mail/notice.txt", context),
            html=render_to_string("proms/mail/notice.html", context),
            from_name=sender.name,
            from_address=sender.address or "",
            reply_to=sender.reply_to or "",
            language=language,
        )
