"""Telling patients that questions will come, some days before the window opens."""

from datetime import datetime, timedelta

from django.db import connection, transaction

from patients.reach import sms_available
from proms.asked import channel_of, definitions_of
from proms.notice import ENDED, MOVED, read, way_of
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
    SELECT coming.id, coming.key, told.attempts
    FROM coming
    JOIN patients_membership m ON m.id = coming.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    JOIN patients_patientidentity a ON a.patient_id = m.patient_id
    CROSS JOIN LATERAL (
        SELECT count(*) AS attempts FROM messaging_message
        WHERE purpose = %(purpose)s AND subject_id = coming.id
          AND rule = 'notice.' || coming.key) told
    WHERE m.opted_out_on IS NULL AND p.died_on IS NULL AND p.emigrated_on IS NULL
      AND ((a.has_email AND a.email_refused_at IS NULL)
           OR (a.guardian_has_email AND a.guardian_email_refused_at IS NULL)
           OR %(sms)s AND ((a.has_telephone AND a.telephone_refused_at IS NULL)
                OR (a.guardian_has_telephone AND a.guardian_telephone_refused_at IS NULL)))
      AND NOT EXISTS (
          SELECT FROM messaging_message told
          JOIN proms_followup f ON f.id = told.subject_id
          JOIN procedures_operation o ON o.id = f.operation_id
          WHERE told.purpose = %(purpose)s AND o.membership_id = coming.membership_id
            AND told.due_at > %(since)s AND told.withheld_reason <> ALL(%(again)s::text[]))
      AND NOT EXISTS (
          SELECT FROM proms_invitation asked
          WHERE asked.membership_id = coming.membership_id AND asked.submitted_at IS NULL
            AND asked.declined_at IS NULL AND asked.closes_on >= %(on)s)
      AND NOT EXISTS (
          SELECT FROM proms_stoppedreminders stopped
          JOIN proms_invitation i ON i.id = stopped.invitation_id
          WHERE i.membership_id = coming.membership_id)
    ORDER BY coming.id LIMIT %(limit)s
"""


@transaction.atomic
def queue_notices(*, now: datetime, limit: int | None = None) -> int:
    """Queue the pre-notices whose day has come by the register's rules; return how many.

    One a member and follow-up, to whom the invitation will go to and as they are reached; who
    gets letters or calls, has asked for no more reminders, is being asked something else at the
    moment, or whose questions are open already, gets none.
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
                "again": [ENDED, MOVED],
                "sms": sms_available(),
                "limit": limit,
            },
        )
        rows = cursor.fetchall()
    states = read(pk for pk, _key, _attempts in rows)
    definitions = definitions_of(states.values())
    ways = (
        (pk, key, attempts, way_of(definitions[states[pk].register_code], states[pk], key))
        for pk, key, attempts in rows
    )
    return enqueue(
        NewMessage(NOTICE_PURPOSE, pk, f"notice.{key}", now, channel=channel, attempt=attempts + 1)
        for pk, key, attempts, way in ways
        if (channel := channel_of(way)) is not None
    )


def _rules() -> list[tuple[str, str, str, str, int]]:
    codes = Register.objects.filter(current__isnull=False).values_list("pk", flat=True)
    return [
        (code, group, point.key, rule.key, rule.days)
        for code in codes
        for definition in [definition_for(code)]
        for group in definition.groups
        for point in definition.time_points_for(group)
        for rule in point.reminders
        if rule.is_notice and rule.channel != "letter"
    ]
