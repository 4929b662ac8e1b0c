"""Ending follow-up: death, moving abroad, opt-out, cancelling, operation again on the same place.

Censoring is derived: each function brings ``censored_on`` and its reason in line with what is
recorded about patient, member and operations now. So the order of events does not matter, and a
death entered by mistake and taken back gives the follow-ups back.
"""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils.translation import ngettext

from procedures.models import Operation
from proms.actions.notifying import NOTICE_PURPOSE
from proms.actions.rerouting import send_another_way
from proms.actions.selecting import FIRST_RULE, PURPOSE
from proms.models import CensorReason, FollowUp
from proms.notice import ENDED
from proms.plans import ages_asked
from proms.policies import Site, replaces
from registry.core.bulk import number_array, planned_for_many
from registry.core.errors import RuleBroken
from registry.messaging.actions import withhold
from registry.registers.actions import mark_slices_stale
from registry.registers.models import Register
from registry.registers.schema.followup import OLDEST
from registry.registers.selectors import definition_for

# The earliest event ends follow-up, if the window was still open on that day. An answered
# follow-up stays answered. A cancelled operation never was: its windows do not matter.
_CENSOR = """
    WITH replaced AS (
        SELECT operation_id, min(replaced_on) AS replaced_on
        FROM unnest(%(replaced)s::bigint[], %(replaced_on)s::date[])
             AS r (operation_id, replaced_on)
        GROUP BY operation_id
    ),
    -- At which ages something is asked, where that is not all of them.
    form AS (
        SELECT * FROM unnest(%(form_registers)s::text[], %(form_groups)s::text[],
                             %(form_points)s::text[], %(form_ages)s::text[])
             AS a (register_id, "group", time_point, ages)
    ),
    -- Most operations have no such event and nothing censored: they are passed over early, before
    -- any follow-up is looked at. Left to itself the planner may do it the other way round.
    concerned AS MATERIALIZED (
        SELECT o.id, o.register_id, o.unit_id, o.year, o."group", o.cancelled_on,
               (o.created_at AT TIME ZONE %(zone)s)::date AS known_on, p.birth_date, p.died_on,
               m.opted_out_on, p.emigrated_on, r.replaced_on
        FROM procedures_operation o
        JOIN patients_membership m ON m.id = o.membership_id
        JOIN patients_patient p ON p.id = m.patient_id
        LEFT JOIN replaced r ON r.operation_id = o.id
        WHERE o.id = ANY(%(operations)s::bigint[])
          AND (COALESCE(o.cancelled_on, p.died_on, m.opted_out_on, p.emigrated_on, r.replaced_on)
                   IS NOT NULL
               OR (o.register_id, o."group") IN (SELECT register_id, "group" FROM form)
               OR o.id IN (SELECT operation_id FROM proms_followup
                           WHERE operation_id = ANY(%(operations)s::bigint[])
                             AND censored_on IS NOT NULL))
    ),
    wanted AS (
        SELECT f.id, o.register_id, o.unit_id, o.year, ended.ended_on, ended.reason
        FROM concerned o
        JOIN proms_followup f ON f.operation_id = o.id
        LEFT JOIN form ON form.register_id = o.register_id AND form."group" = o."group"
                      AND form.time_point = f.time_point
        LEFT JOIN LATERAL (
            SELECT ended_on, reason FROM (VALUES
                (o.cancelled_on, 'cancelled', 0),
                (o.died_on, 'death', 1),
                (o.opted_out_on, 'opt_out', 2),
                (o.emigrated_on, 'emigration', 3),
                (o.replaced_on, 'revision', 4),
                -- Never to be asked, as far as is known: not from the opening day on alone.
                (CASE WHEN f.invitation_id IS NULL AND NOT (
                     date_part('year', age(f.opens_on::timestamp, o.birth_date::timestamp))::int
                     = ANY(form.ages::int[])) THEN LEAST(f.opens_on, o.known_on) END,
                 'no_form', 5)
            ) AS event (ended_on, reason, position)
            WHERE ended_on IS NOT NULL AND (ended_on <= f.closes_on OR reason = 'cancelled')
            ORDER BY ended_on, position LIMIT 1
        ) ended ON true
        WHERE f.completed_on IS NULL
          AND (f.censored_on, f.censor_reason)
              IS DISTINCT FROM (ended.ended_on, COALESCE(ended.reason, ''))
    ),
    changed AS (
        UPDATE proms_followup f
        SET censored_on = wanted.ended_on, censor_reason = COALESCE(wanted.reason, ''),
            updated_at = now()
        FROM wanted WHERE wanted.id = f.id
        RETURNING f.id, f.invitation_id, f.censored_on
    )
    SELECT DISTINCT register_id, unit_id, year,
           (SELECT array_agg(DISTINCT invitation_id) FILTER (WHERE invitation_id IS NOT NULL)
            FROM changed),
           (SELECT array_agg(DISTINCT changed.id) FROM changed
            JOIN messaging_message m ON m.purpose = %(notice)s AND m.subject_id = changed.id
            WHERE changed.censored_on IS NOT NULL AND m.sent_at IS NULL
              AND m.withheld_at IS NULL AND m.failed_at IS NULL),
           now()
    FROM wanted
"""

# Invitations of which something changed: whether anything is asked still, and whether the first
# message would have to be queued anew because the one that waited was withheld.
_STILL_ASKED = """
    SELECT i.id, open.asks, open.asks AND i.invited_at IS NULL AND i.unreachable_at IS NULL
               AND i.submitted_at IS NULL AND i.declined_at IS NULL AND first_one.n > 0
               AND NOT first_one.waits,
           now()
    FROM proms_invitation i
    CROSS JOIN LATERAL (
        SELECT EXISTS (SELECT FROM proms_followup f
                       WHERE f.invitation_id = i.id AND f.completed_on IS NULL
                         AND f.censored_on IS NULL) AS asks
    ) AS open
    CROSS JOIN LATERAL (
        SELECT count(*) AS n,
               COALESCE(bool_or(sent_at IS NULL AND withheld_at IS NULL AND failed_at IS NULL),
                        false) AS waits
        FROM messaging_message m
        WHERE m.purpose = %(purpose)s AND m.subject_id = i.id AND m.rule = %(first_rule)s
    ) AS first_one
    WHERE i.id = ANY(%(invitations)s::bigint[])
"""


@transaction.atomic
def censor_operations(*, operation_ids: Iterable[int]) -> None:
    """Bring the censoring of operations in line, and of those that they replace.

    What waits to be sent about follow-ups that have ended is withheld at once; an invitation that
    was withheld so, and whose follow-ups go on after all, is queued again.
    """
    operations = list(operation_ids)
    if not operations:
        return
    replaced = _replaced(operations)
    everything = sorted({*operations, *(old.operation_id for old, _new in replaced)})
    with connection.cursor() as cursor:
        cursor.execute(
            _CENSOR,
            {
                "operations": number_array(everything),
                "notice": NOTICE_PURPOSE,
                "zone": settings.TIME_ZONE,
                **_ages_asked(),
                "replaced": [old.operation_id for old, _new in replaced],
                "replaced_on": [new.performed_on for _old, new in replaced],
            },
        )
        rows = cursor.fetchall()
    mark_slices_stale([row[:3] for row in rows])
    if rows and rows[0][3]:
        _withhold_or_resume(rows[0][3])
    if rows and rows[0][4]:
        # What will not come is not announced.
        withhold(purpose=NOTICE_PURPOSE, subject_ids=rows[0][4], reason=ENDED, now=rows[0][5])


def _ages_asked() -> dict[str, list[str]]:
    """At which ages each group is asked something at a time point, where not at all of them."""
    rows = [
        (code, group, point.key, f"{{{','.join(map(str, ages))}}}")
        for code in Register.objects.filter(current__isnull=False).values_list("pk", flat=True)
        for definition in [definition_for(code)]
        if definition.asks_by_age
        for group in definition.groups
        for point in definition.time_points_for(group)
        for ages in [ages_asked(definition, group, point.key)]
        if len(ages) <= OLDEST
    ]
    names = ("form_registers", "form_groups", "form_points", "form_ages")
    columns = zip(*rows, strict=True) if rows else ([],) * len(names)
    return {name: list(column) for name, column in zip(names, columns, strict=True)}


def _withhold_or_resume(invitation_ids: list[int]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _STILL_ASKED,
            {
                "purpose": PURPOSE,
                "first_rule": FIRST_RULE,
                "invitations": number_array(invitation_ids),
            },
        )
        rows = cursor.fetchall()
    # The moment of the transaction, as the rows just written have it.
    now = rows[0][3]
    withhold(
        purpose=PURPOSE,
        subject_ids=[pk for pk, asks, *_more in rows if not asks],
        reason="no_longer_asked",
        now=now,
    )
    send_another_way(
        messages=[(pk, FIRST_RULE) for pk, _asks, again, _now in rows if again], now=now
    )


def censor_patients(*, patient_ids: Iterable[int]) -> None:
    """Bring the censoring of patients' follow-ups in line, in every register."""
    censor_operations(
        operation_ids=Operation.objects.filter(
            membership__patient_id__in=list(patient_ids)
        ).values_list("pk", flat=True)
    )


def censor_by_age(*, register_code: str) -> None:
    """Look again at which follow-ups have questions for the patient's age, under a new definition.

    Those that were asked already stay as they are.
    """
    unasked = FollowUp.objects.filter(
        operation__register_id=register_code, invitation__isnull=True, completed_on__isnull=True
    )
    if not definition_for(register_code).asks_by_age:
        unasked = unasked.filter(censor_reason=CensorReason.NO_FORM)
    censor_operations(operation_ids=set(unasked.values_list("operation_id", flat=True)))


def censor_members_of(*, operation_ids: Iterable[int]) -> None:
    """Bring everything in line that the members of these operations have in the register.

    When an operation changes or goes, one that it had replaced may go on.
    """
    censor_operations(
        operation_ids=Operation.objects.filter(
            membership__operations__in=list(operation_ids)
        ).values_list("pk", flat=True)
    )


@transaction.atomic
def withdraw_schedule(*, operation_id: int, answers_confirmed: bool) -> None:
    """End the follow-ups of an operation that was registered by mistake.

    Answers stay, as the patient's own, and count nowhere. Raises RuleBroken under
    ``answers_confirmed`` when there are any and nobody has said that this is known.
    """
    answered = FollowUp.objects.filter(
        operation_id=operation_id, completed_on__isnull=False
    ).count()
    if answered and not answers_confirmed:
        raise RuleBroken(
            {
                "answers_confirmed": ngettext(
                    "The patient has answered %(count)d questionnaire about this operation. The "
                    "answers are kept but count nowhere. Tick the box to withdraw it all the same.",
                    "The patient has answered %(count)d questionnaires about this operation. The "
                    "answers are kept but count nowhere. Tick the box to withdraw it all the same.",
                    answered,
                )
                % {"count": answered}
            }
        )
    censor_members_of(operation_ids=[operation_id])


MANY = 200
"""From so many operations on, whole tables are read rather than rows looked up one by one."""


def _planned_for(cursor: CursorWrapper, operations: list[int]) -> AbstractContextManager[None]:
    """Plan for a batch of an import: the table has just grown, and its statistics do not know."""
    return planned_for_many(cursor) if len(operations) >= MANY else nullcontext()


def _replaced(operations: list[int]) -> list[tuple[Site, Site]]:
    """Pairs (old, new) of performed operations of one member that concern ``operations``.

    Only members with two performed operations have any, so few rows are read.
    """
    with connection.cursor() as cursor, _planned_for(cursor, operations):
        cursor.execute(
            """
            SELECT other.membership_id, other.id, other.performed_on, other."group", other.side,
                   other.levels, other.revises_id
            FROM procedures_operation other
            WHERE other.performed_on IS NOT NULL
              AND other.membership_id IN (
                  SELECT o.membership_id FROM procedures_operation o
                  WHERE o.performed_on IS NOT NULL AND o.membership_id IN (
                      SELECT membership_id FROM procedures_operation WHERE id = ANY(%s::bigint[]))
                  GROUP BY o.membership_id HAVING count(*) > 1)
            """,
            [number_array(operations)],
        )
        found = cursor.fetchall()
    by_member: dict[int, list[Site]] = {}
    for membership_id, pk, performed_on, group, side, levels, revises_id in found:
        site = Site(pk, performed_on, group, side, tuple(levels), revises_id)
        by_member.setdefault(membership_id, []).append(site)
    return [
        (old, new)
        for sites in by_member.values()
        for old in sites
        for new in sites
        if replaces(new, old)
    ]
