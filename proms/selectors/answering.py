"""The form that a patient is answering, as its pages need it.

No viewer: who holds the cookie of an invitation is let in, see proms.views.session. Every page and
every step of a patient asks this, so it is one statement, written by hand and planned once, and
returns plain values: through models the same read takes ten times as long as the database does.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from proms.policies import counts_as_begun, why_not_answerable
from proms.status import DAYS_TO_FINISH
from registry.core import clock

STILL_ASKED = """
           m.opted_out_on IS NULL AND p.died_on IS NULL AND p.emigrated_on IS NULL
           AND EXISTS (SELECT FROM proms_followup f
                       WHERE f.invitation_id = i.id AND f.completed_on IS NULL
                         AND f.censored_on IS NULL)
"""
"""Whether something is asked: a follow-up is open, of a patient who still takes part. (Death,
emigration and opt-out censor open follow-ups; those that had closed while a form was begun stay as
they are, and yet nothing more is collected.) For a query of invitation i, member m, patient p."""

VERSION = """
    (SELECT v.version FROM registers_register r
     JOIN registers_definitionversion v ON v.id = r.current_id WHERE r.code = m.register_id)
"""
"""The version of the definition that holds now, for a query of member m. Not by two more joins:
planning six tables takes longer than reading them."""

_FORM = f"""
    SELECT i.id, i.generation, i.plan, i.time_point, i.submitted_at, i.started_at, i.declined_at,
           i.opened_at, i.closes_on, {STILL_ASKED}, m.register_id, {VERSION},
           p.language, p.guardian_language, p.birth_date, s.answers, s.language, s.answered_by
    FROM proms_invitation i
    JOIN patients_membership m ON m.id = i.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN proms_startedform s ON s.invitation_id = i.id
    WHERE i.id = %s
"""


@dataclass(frozen=True, slots=True)
class FormInProgress:
    """An invitation and what has been answered of it so far."""

    pk: int
    generation: int
    plan: list[dict[str, str]]
    time_point: str
    submitted_at: datetime | None
    started_at: datetime | None
    declined_at: datetime | None
    opened_at: datetime | None
    closes_on: date
    asks_something: bool
    register_code: str
    definition_version: str
    patient_language: str
    guardian_language: str
    birth_date: date
    answers: Mapping[str, float | None]
    started_language: str | None
    answered_by: str

    def why_not_open(self, on: date) -> str:
        """Return why the form may not be answered on a day, "" when it may."""
        return why_not_answerable(
            submitted=self.submitted_at is not None,
            declined=self.declined_at is not None,
            started=self.started_at is not None or self.begun_when_opened(on),
            closes_on=self.closes_on,
            asks_something=self.asks_something,
            on=on,
            days_to_finish=DAYS_TO_FINISH,
        )

    def begun_when_opened(self, on: date) -> bool:
        """Whether a first answer on a day is late, and counts as begun when the form was opened."""
        opened_on = clock.civil_date(self.opened_at) if self.opened_at else None
        return counts_as_begun(opened_on=opened_on, closes_on=self.closes_on, on=on)


_COURSE = """
    SELECT DISTINCT ON (s.scale, r.id) s.scale, s.instrument, s.instrument_version, s.value,
           r.answered_on, asked.time_point
    FROM proms_followup mine
    JOIN proms_followup f ON f.operation_id = mine.operation_id AND f.completed_on IS NOT NULL
    JOIN proms_invitation asked ON asked.id = f.invitation_id
    JOIN proms_response r ON r.invitation_id = asked.id AND r.current
    JOIN proms_score s ON s.response_id = r.id
    WHERE mine.invitation_id = %(invitation)s AND r.answered_on <= %(on)s
      AND s.scale = ANY(%(scales)s) AND s.value IS NOT NULL
    ORDER BY s.scale, r.id
"""


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """What a patient's answers came to at one time point; ``value`` unrounded."""

    scale: str
    instrument: str
    instrument_version: str
    value: float
    answered_on: date
    time_point: str


def own_course(invitation_id: int, scales: Sequence[str], *, on: date) -> list[CoursePoint]:
    """Return the results so far of the operations that an invitation asks about, oldest first.

    Of the scales named, and only from responses that count. No viewer: see the module.
    """
    if not scales:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_COURSE, {"invitation": invitation_id, "scales": list(scales), "on": on})
        found = [CoursePoint(*row) for row in cursor.fetchall()]
    return sorted(found, key=lambda point: point.answered_on)


def form_in_progress(invitation_id: int) -> FormInProgress | None:
    """Return an invitation's form; None when there is no such invitation."""
    with connection.planned_once() as cursor:
        cursor.execute(_FORM, [invitation_id])
        row = cursor.fetchone()
    if row is None:
        return None
    pk, generation, plan, *rest, answers, language, answered_by = row
    return FormInProgress(
        pk,
        generation,
        json.loads(plan),
        *rest,
        json.loads(answers or "{}"),
        language,
        answered_by or "",
    )
