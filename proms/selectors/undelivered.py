"""Messages that did not arrive, of patients whose answer is awaited: for people to look at.

A refusal for good of the address marks a patient unreachable. What is told here beside it comes and
goes: a mailbox that is full, a filter that takes a mail for spam, a server that never answered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db import connection

from proms.actions.selecting import PURPOSE
from proms.selectors.telephone import as_sql, waiting_for
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import require


@dataclass(frozen=True, slots=True)
class NotArrived:
    """The last message about an invitation, which did not arrive.

    ``gave_up``: it could not be handed over after all attempts, or was refused; otherwise a report
    came back. ``status``: the code of the report, ``error``: the answer at sending; neither holds
    an address. ``unreachable``: the patient is on a worklist, because of it or not.
    """

    invitation_id: int
    membership_id: int
    unit_id: int
    unit: str
    time_point: str
    group: str
    at: datetime
    channel: str
    attempts: int
    gave_up: bool
    status: str
    error: str
    unreachable: bool


_NOT_ARRIVED = """
    WITH waiting AS ({waiting}),
    asked AS (
        SELECT DISTINCT ON (invitation_id) invitation_id, unit_id, time_point, "group"
        FROM waiting ORDER BY invitation_id, closes_on, id
    )
    SELECT asked.invitation_id, i.membership_id, asked.unit_id, u.name, asked.time_point,
           asked."group", COALESCE(last.bounced_at, last.failed_at), last.channel, last.attempts,
           last.failed_at IS NOT NULL, last.bounce_status, last.last_error,
           i.unreachable_at IS NOT NULL, count(*) OVER ()
    FROM asked
    JOIN proms_invitation i ON i.id = asked.invitation_id
    JOIN units_unit u ON u.id = asked.unit_id
    CROSS JOIN LATERAL (
        SELECT * FROM messaging_message m
        WHERE m.purpose = %(purpose)s AND m.subject_id = asked.invitation_id
          AND m.withheld_at IS NULL
        -- One that still waits is the newest of all: somebody has acted already.
        ORDER BY COALESCE(m.failed_at, m.sent_at) DESC NULLS FIRST, m.id DESC LIMIT 1
    ) last
    WHERE (last.failed_at IS NOT NULL OR last.bounced_at IS NOT NULL)
      AND (%(unit)s::bigint IS NULL OR asked.unit_id = %(unit)s)
    ORDER BY 7 DESC, 1 LIMIT %(limit)s
"""


def not_arrived(
    viewer: Viewer, register_code: str, *, on: date, unit_id: int | None = None, limit: int = 50
) -> tuple[Sequence[NotArrived], int]:
    """Return patients whose last message did not arrive, the newest first, and how many there are.

    Their window is open and they have not answered; what is being sent again is left out.
    """
    require(viewer, Permission.FOLLOW_UP, register_code)
    waiting, parameters = as_sql(waiting_for(viewer, register_code, on))
    with connection.cursor() as cursor:
        cursor.execute(
            _NOT_ARRIVED.format(waiting=waiting),
            parameters | {"purpose": PURPOSE, "unit": unit_id, "limit": limit},
        )
        rows = cursor.fetchall()
    return [NotArrived(*row[:-1]) for row in rows], rows[0][-1] if rows else 0
