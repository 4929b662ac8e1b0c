"""The messages that patients get, written at the moment of sending.

A batch costs a query for the invitations, one for each register and two for the addresses. The text
of a message is the same for all who are asked the same in the same language: it is rendered once
and kept, and each patient's links and last day are filled in.

Nothing clinical stands in a subject: it is read on locked screens and by others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.html import escape
from django.utils.translation import gettext as _

from patients.actions import note_refused_address
from patients.reach import (
    ADDRESS_OF,
    PREFIX,
    Recipient,
    Unreachable,
    recipient_by,
)
from patients.vault import Identity, open_identities
from proms.actions.rerouting import note_unreached, send_another_way
from proms.asked import (
    REMINDER,
    Asked,
    answerer,
    definitions_of,
    language_for,
    plan_of,
    read,
    why_withheld,
)
from proms.links import address_for, stop_address_for
from proms.models import Invitation
from proms.questionnaire import Form, form_for
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


def compose(wanted: Sequence[Wanted], now: datetime) -> list[Content]:
    """Write invitations and reminders, or say why one is withheld.

    A patient who has answered, died, moved abroad, opted out or been operated again since the
    message was queued gets none. For a child, a guardian is written to as the register says.
    """
    on = clock.civil_date(now)
    why = [why_withheld(one.state, one.rule, on) for one in wanted]
    open_ones = [one.state for one, reason in zip(wanted, why, strict=True) if not reason]
    identities = open_identities({one.patient_id for one in open_ones})
    definitions = definitions_of(open_ones)
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
            answerer=answerer(definition, one.state, on),
        )
        if isinstance(recipient, Unreachable):
            written.append(Withheld(recipient.value))
        else:
            written.append(_write(one, definition, recipient, channel, identity))
    return written


def note_withheld(invitation_id: int, rule: str, now: datetime) -> None:
    """Send by another way what could not go by its own; see send_another_way."""
    send_another_way(messages=[(invitation_id, rule)], now=now)


def note_undelivered(what: Undelivered, now: datetime) -> None:
    """Show the patient in the telephone worklist; an address that was refused is not used again.

    Only an address that is known to be the one on file is given up: one that has been corrected
    since is left alone.
    """
    note_unreached(invitation_ids=[what.subject_id], now=now)
    patient_id = (
        Invitation.objects.filter(pk=what.subject_id)
        .values_list("membership__patient_id", flat=True)
        .first()
    )
    if what.address_refused and what.address and patient_id is not None:
        note_refused_address(
            patient_id=patient_id, channel=what.channel, now=now, address=what.address
        )


PURPOSE = Purpose(
    compose=compose,
    read=read,
    note_sent=NOTE_SENT,
    withheld=note_withheld,
    undelivered=note_undelivered,
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
    language = language_for(asked, recipient)
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
        own=definition.messages.get(_text_key(definition, rule, asked)),
        language=language,
        is_guardian=is_guardian,
        is_before=asked.time_point == "before",
        sender=definition.about.short_name,
        register=definition.about.names.in_language(language),
        reply_to=definition.about.sender.reply_to or "",
        minutes=form.minutes,
        questions=len(form.pages),
    )


def _text_key(definition: RegisterDefinition, rule: str, asked: Asked) -> str:
    """Which message of the definition a rule names: that of its time point or reminder."""
    point = definition.time_points.get(asked.time_point)
    if point is not None and rule == "invitation":
        return point.text
    if point is not None and rule.startswith(f"{REMINDER}."):
        point = point.for_group(asked.group or "")
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
def _form(plan: str, language: str) -> Form:
    return form_for(plan_of(plan), language)


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
