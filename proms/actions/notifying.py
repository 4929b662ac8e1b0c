"""Telling patients that questions will come, some days before the window opens."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from registry.core import clock
from registry.messaging.actions import NewMessage, enqueue
from registry.registers.models import Register
from registry.registers.selectors import definition_for

NOTICE_PURPOSE = "proms.notice"
"""The subject of such a message is the follow-up: there is no invitation yet."""

# One notice a member: that of the time point which opens first, and none close to another one.
_NOTICES = """
    WITH rule AS (
        SELECT * FROM unnest(
            %(registers)s::text[], %(groups)s::text[], %(time_points)s::text[], %(keys)s::text[],
            %(days)s::int[]
        ) AS r (register_id, "group", time_point, key, days)
    ),
    coming AS (
        SELECT DISTINCT ON (o.membership_id) o.membership_id, f.id, rule.key
        FROM proms_followup f
        JOIN procedures_operation o ON o.id = f.operation_id
        JOIN rule ON rule.register_id = o.register_id AND rule."group" = o."group"
                 AND rule.time_point = f.time_point
        WHERE f.invitation_id IS NULL AND f.completed_on IS NULL AND f.censored_on IS NULL
          AND f.opens_on > %(on)s AND f.opens_on <= %(until)s
          AND f.opens_on + rule.days <= %(on)s
        ORDER BY o.membership_id, f.opens_on, f.id
    )
    SELECT coming.id, coming.key
    FROM coming
    JOIN patients_membership m ON m.id = coming.membership_id
    JOIN patients_patientidentity identity ON identity.patient_id = m.patient_id
    WHERE identity.has_email AND identity.email_refused_at IS NULL
      AND NOT EXISTS (
          SELECT FROM messaging_message told
          JOIN proms_followup f ON f.id = told.subject_id
          JOIN procedures_operation o ON o.id = f.operation_id
          WHERE told.purpose = %(purpose)s AND o.membership_id = coming.membership_id
            AND told.due_at > %(since)s)
      AND NOT EXISTS (
          SELECT FROM proms_invitation asked
          WHERE asked.membership_id = coming.membership_id AND asked.submitted_at IS NULL
            AND asked.declined_at IS NULL AND asked.closes_on >= %(on)s)
    ORDER BY coming.id LIMIT %(limit)s
"""


@transaction.atomic
def queue_notices(*, now: datetime, limit: int | None = None) -> int:
    """Queue the pre-notices whose day has come by the register's rules; return how many.

    One a member and follow-up, to those reached by e-mail; whose questions are open already, or who
    is being asked something else at the moment, gets none.
    """
    on = clock.civil_date(now)
    rules = _rules()
    if not rules:
        return 0
    names = ("registers", "groups", "time_points", "keys", "days")
    columns = {
        name: list(column) for name, column in zip(names, zip(*rules, strict=True), strict=True)
    }
    longest = -min(columns["days"])
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTICES,
            {
                **columns,
                "on": on,
                "until": on + timedelta(days=longest),
                "since": now - timedelta(days=longest + 1),
                "purpose": NOTICE_PURPOSE,
                "limit": limit,
            },
        )
        rows = cursor.fetchall()
    return enqueue(NewMessage(NOTICE_PURPOSE, pk, f"notice.{key}", now) for pk, key in rows)


def _rules() -> list[tuple[str, str, str, str, int]]:
    codes = Register.objects.filter(current__isnull=False).values_list("pk", flat=True)
    return [
        (code, group, point.key, rule.key, rule.days)
        for code in codes
        for definition in [definition_for(code)]
        for group in definition.groups
        for point in definition.time_points_for(group)
        for rule in point.reminders
        if rule.is_notice and rule.channel == "email"
    ]
