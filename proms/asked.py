"""What decides about the messages of an invitation, and by which way they go now.

Read for many invitations at once; ``way_of`` puts the facts through the one rule of who is reached
how (patients.reach). A message goes by the channel that its rule names, if that reaches the patient
or guardian, and otherwise by the one that does.
"""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple, Protocol

from django.db import connection

from patients.reach import (
    CONTACT_COLUMNS,
    Answerer,
    Contact,
    Reach,
    Recipient,
    reach,
    sms_available,
)
from proms.plans import answerer_of
from proms.policies import why_not_answerable
from proms.status import DAYS_TO_FINISH
from registry.core.choices import ContactChannel
from registry.messaging.models import Channel
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

REMINDER = "reminder"
"""What the rules of reminders begin with."""


class Told(Protocol):
    """What tells the words of a message: of an invitation here, of a follow-up in proms.notice."""

    @property
    def register_code(self) -> str: ...
    @property
    def language(self) -> str: ...
    @property
    def guardian_language(self) -> str: ...


class Asked(NamedTuple):
    """What decides about a message: the invitation and its patient as they are now."""

    patient_id: int
    register_code: str
    language: str
    guardian_language: str
    time_point: str
    plan: str
    generation: int
    closes_on: date
    submitted: bool
    declined: bool
    started: bool
    stopped: bool
    group: str | None
    """The group whose rules hold; None where nothing is asked any more."""
    opted_out: bool
    died: bool
    emigrated: bool
    identity_changed_at: datetime | None
    contact: Contact


# Read once more before each message, so it joins no more than it must.
_ASKED = f"""
    SELECT i.id, m.patient_id, m.register_id, p.language, p.guardian_language,
           i.time_point, i.plan::text, i.generation, i.closes_on,
           i.submitted_at IS NOT NULL, i.declined_at IS NOT NULL, i.started_at IS NOT NULL,
           EXISTS (SELECT FROM proms_stoppedreminders s WHERE s.invitation_id = i.id),
           (SELECT o."group" FROM proms_followup f
            JOIN procedures_operation o ON o.id = f.operation_id
            WHERE f.invitation_id = i.id AND f.completed_on IS NULL AND f.censored_on IS NULL
            ORDER BY f.time_point <> i.time_point, f.closes_on, f.id LIMIT 1),
           m.opted_out_on IS NOT NULL, p.died_on IS NOT NULL,
           p.emigrated_on IS NOT NULL,
           a.updated_at, {CONTACT_COLUMNS}
    FROM proms_invitation i
    JOIN patients_membership m ON m.id = i.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN patients_patientidentity a ON a.patient_id = p.id
    WHERE i.id = ANY(%s)
"""
_OWN = 1 + Asked._fields.index("contact")


def read(invitation_ids: Iterable[int]) -> Mapping[int, Asked]:
    """Return what decides about messages now; an unknown invitation is left out. One query."""
    with connection.cursor() as cursor:
        cursor.execute(_ASKED, [list(invitation_ids)])
        return {row[0]: Asked(*row[1:_OWN], Contact(*row[_OWN:])) for row in cursor.fetchall()}


def why_withheld(asked: Asked | None, rule: str, on: date) -> str:
    """Return why a message of a rule is not sent any more, "" when it may go."""
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
        asks_something=asked.group is not None and not asked.emigrated,
        on=on,
        days_to_finish=DAYS_TO_FINISH,
    )
    return "closed" if closed else ""


def answerer(definition: RegisterDefinition, asked: Asked, on: date) -> Answerer:
    """Who answers for a child, by what the register says of the instruments asked."""
    return answerer_of(
        definition,
        plan_of(asked.plan),
        time_point=asked.time_point,
        birth_date=asked.contact.birth_date,
        on=on,
    )


def way_of(
    definition: RegisterDefinition, asked: Asked, on: date, *, rule_channel: str = ""
) -> Reach:
    """Return to whom and how a message about an invitation goes on a day.

    ``rule_channel``: what the rule of the message names, "" where it names none.
    """
    return reach(
        asked.contact,
        on=on,
        guardian_until=definition.patients.guardian_until,
        answerer=answerer(definition, asked, on),
        sms=sms_available(),
        first=rule_channel,
    )


def language_of(invitation_id: int, on: date) -> str:
    """Return the language of whoever gets the messages of an invitation: guardian or patient."""
    state = read([invitation_id])[invitation_id]
    way = way_of(definition_for(state.register_code), state, on)
    return language_for(state, way.recipient)


def language_for(state: Told, recipient: Recipient | None) -> str:
    """Return the language of a message: a guardian's own where it is known, else the patient's."""
    return (recipient is Recipient.GUARDIAN and state.guardian_language) or state.language


def definitions_of(states: Iterable[Told]) -> dict[str, RegisterDefinition]:
    """Return the definitions of the registers that ask, each read once."""
    return {code: definition_for(code) for code in {state.register_code for state in states}}


def channel_of(way: Reach) -> Channel | None:
    """Return by which channel of the outbox a message goes; None: not by a message."""
    return MESSAGES.get(way.channel)


MESSAGES = {ContactChannel.EMAIL: Channel.EMAIL, ContactChannel.SMS: Channel.SMS}
"""The channels by which messages go; who is reached in another way stands in a worklist."""


@lru_cache(maxsize=2048)
def plan_of(plan: str) -> list[dict[str, str]]:
    """Read the plan of an invitation."""
    return json.loads(plan)
