"""The form that a patient is answering, as its pages need it.

No viewer: who holds the cookie of an invitation is let in, see proms.views.session. Every page and
every step of a patient asks this, so it is one statement written by hand and returns plain values:
through models the same read takes ten times as long as the database does.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

_FORM = """
    SELECT i.id, i.generation, i.plan, i.time_point, i.submitted_at, m.register_id, v.version,
           p.language, s.answers, s.language
    FROM proms_invitation i
    JOIN patients_membership m ON m.id = i.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    JOIN registers_register r ON r.code = m.register_id
    JOIN registers_definitionversion v ON v.id = r.current_id
    LEFT JOIN proms_startedform s ON s.invitation_id = i.id
    WHERE i.id = %s AND i.generation = %s
"""


@dataclass(frozen=True, slots=True)
class FormInProgress:
    """An invitation and what has been answered of it so far."""

    pk: int
    generation: int
    plan: list[dict[str, str]]
    time_point: str
    submitted_at: datetime | None
    register_code: str
    definition_version: str
    patient_language: str
    answers: Mapping[str, float | None]
    started_language: str | None


def form_in_progress(invitation_id: int, generation: int) -> FormInProgress | None:
    """Return an invitation's form; None when its link was revoked (the generation is another)."""
    with connection.cursor() as cursor:
        cursor.execute(_FORM, [invitation_id, generation])
        row = cursor.fetchone()
    if row is None:
        return None
    pk, generation_, plan, *rest, answers, language = row
    return FormInProgress(
        pk, generation_, json.loads(plan), *rest, json.loads(answers or "{}"), language
    )
