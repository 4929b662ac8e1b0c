"""The mail that tells a patient that questions will come. It has no link: there is none yet."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple

from django.db import connection
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from patients.vault import open_identities
from registry.core import clock
from registry.messaging.composing import ComposedMail, Purpose, Wanted, Withheld
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for


class Coming(NamedTuple):
    """What decides about a notice: the follow-up and its patient as they are now."""

    patient_id: int
    register_code: str
    language: str
    opens_on: date
    wanted: bool


_COMING = """
    SELECT f.id, m.patient_id, m.register_id, p.language, f.opens_on,
           f.invitation_id IS NULL AND f.completed_on IS NULL AND f.censored_on IS NULL
               AND m.opted_out_on IS NULL AND p.died_on IS NULL AND p.emigrated_on IS NULL
    FROM proms_followup f
    JOIN procedures_operation o ON o.id = f.operation_id
    JOIN patients_membership m ON m.id = o.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    WHERE f.id = ANY(%s)
"""


def read(follow_up_ids: Iterable[int]) -> Mapping[int, Coming]:
    """Return what decides about notices now; an unknown follow-up is left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_COMING, [list(follow_up_ids)])
        return {row[0]: Coming(*row[1:]) for row in cursor.fetchall()}


def compose(wanted: Sequence[Wanted], now: datetime) -> list[ComposedMail | Withheld]:
    """Write notices. One that comes when the questions are open, or not wanted, is withheld."""
    on = clock.civil_date(now)
    identities = open_identities({one.state.patient_id for one in wanted if one.state is not None})
    written: list[ComposedMail | Withheld] = []
    for one in wanted:
        coming: Coming | None = one.state
        identity = coming and identities.get(coming.patient_id)
        if coming is None or not coming.wanted:
            written.append(Withheld("no_longer_asked"))
        elif coming.opens_on <= on:
            written.append(Withheld("overtaken"))
        elif identity is None or not identity.email:
            written.append(Withheld("no_address"))
        else:
            written.append(_write(coming, definition_for(coming.register_code), identity.email))
    return written


PURPOSE = Purpose(compose=compose, read=read)


def _write(coming: Coming, definition: RegisterDefinition, to: str) -> ComposedMail:
    sender = definition.about.sender
    with translation.override(coming.language):
        subject = _("Questions from %(sender)s will come soon") % {
            "sender": definition.about.short_name
        }
        context = {
            "subject": subject,
            "register": definition.about.names.in_language(coming.language),
            "day": date_format(coming.opens_on, "DATE_FORMAT"),
            "reply_to": sender.reply_to or "",
            "language": coming.language,
        }
        return ComposedMail(
            to=to,
            subject=subject,
            text=render_to_string("proms/mail/notice.txt", context),
            html=render_to_string("proms/mail/notice.html", context),
            from_name=sender.name,
            reply_to=sender.reply_to or "",
            language=coming.language,
        )
