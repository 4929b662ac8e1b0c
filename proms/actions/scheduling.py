"""Laying and moving the follow-ups of operations, for one operation or a hundred thousand.

Every function takes operation ids and costs a fixed number of queries. Each can be run again: it
brings the follow-ups into the state that the operations ask for.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from proms.actions.censoring import censor_members_of, censor_operations
from proms.schedule import offsets
from registry.core.bulk import number_array, planned_for_many
from registry.registers.actions import mark_slices_stale
from registry.registers.models import DefinitionVersion
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_of

# One row for each time point at which a group is asked, under a version of the definition.
_SCHEDULE = """
    schedule AS (
        SELECT * FROM unnest(
            %(definitions)s::bigint[], %(groups)s::text[], %(time_points)s::text[],
            %(opens)s::int[], %(due)s::int[], %(closes)s::int[]
        ) AS s (definition_id, "group", time_point, opens, due, closes)
    ),
    wanted AS (
        SELECT o.id AS operation_id, s.time_point,
               o.scheduled_on + s.opens AS opens_on,
               o.scheduled_on + s.due AS due_on,
               o.scheduled_on + s.closes AS closes_on
        FROM procedures_operation o
        JOIN schedule s ON s.definition_id = o.definition_id AND s."group" = o."group"
        WHERE o.id = ANY(%(operations)s::bigint[]) AND o.cancelled_on IS NULL
    )
"""

# Who lays the same schedules at the same time waits here, and then finds them laid. An INSERT … ON
# CONFLICT would not need this, but takes twice as long for each row.
_LOCK = """
    SELECT DISTINCT definition_id, register_id, unit_id, year FROM (
        SELECT definition_id, register_id, unit_id, year FROM procedures_operation
        WHERE id = ANY(%s::bigint[])
        ORDER BY id FOR NO KEY UPDATE
    ) AS locked
"""

# In the order of the unique index, which then grows at its end.
_LAY = f"""
    WITH {_SCHEDULE},
    held AS MATERIALIZED (
        SELECT operation_id, time_point FROM proms_followup
        WHERE operation_id = ANY(%(operations)s::bigint[])
    )
    INSERT INTO proms_followup
        (operation_id, time_point, opens_on, due_on, closes_on, old_at_surgery, censor_reason)
    SELECT operation_id, time_point, opens_on, due_on, closes_on, false, ''
    FROM wanted LEFT JOIN held USING (operation_id, time_point)
    WHERE held.operation_id IS NULL
    ORDER BY operation_id, time_point
"""

_MOVE = f"""
    WITH {_SCHEDULE}
    UPDATE proms_followup held
    SET opens_on = wanted.opens_on, due_on = wanted.due_on, closes_on = wanted.closes_on,
        updated_at = now()
    FROM wanted
    WHERE held.operation_id = wanted.operation_id AND held.time_point = wanted.time_point
      AND held.invitation_id IS NULL AND held.completed_on IS NULL
      AND (held.opens_on, held.due_on, held.closes_on)
          IS DISTINCT FROM (wanted.opens_on, wanted.due_on, wanted.closes_on)
"""

# A corrected group may be asked at other time points.
_REMOVE = f"""
    WITH {_SCHEDULE}
    DELETE FROM proms_followup held
    USING procedures_operation o
    WHERE o.id = held.operation_id AND o.id = ANY(%(operations)s::bigint[])
      AND o.cancelled_on IS NULL
      AND held.invitation_id IS NULL AND held.completed_on IS NULL
      AND NOT EXISTS (
          SELECT FROM wanted w
          WHERE w.operation_id = held.operation_id AND w.time_point = held.time_point)
"""

# What has been asked stays asked; but a preoperative form belongs before the surgery.
_CLOSE_WITH_SURGERY = f"""
    WITH {_SCHEDULE},
    moved AS (
        UPDATE proms_followup held
        SET closes_on = w.closes_on,
            due_on = LEAST(held.due_on, w.closes_on),
            opens_on = LEAST(held.opens_on, w.closes_on),
            updated_at = now()
        FROM wanted w
        WHERE w.operation_id = held.operation_id AND w.time_point = held.time_point
          AND held.time_point = 'before'
          AND held.invitation_id IS NOT NULL AND held.completed_on IS NULL
          AND held.closes_on <> w.closes_on
        RETURNING held.id, held.invitation_id, held.closes_on
    ),
    last AS (
        SELECT asked.id, GREATEST(
            max(moved.closes_on),
            (SELECT max(f.closes_on) FROM proms_followup f
             WHERE f.invitation_id = asked.id AND f.id NOT IN (SELECT id FROM moved))
        ) AS closes_on
        FROM proms_invitation asked JOIN moved ON moved.invitation_id = asked.id
        GROUP BY asked.id
    )
    UPDATE proms_invitation asked
    SET closes_on = last.closes_on,
        due_on = LEAST(asked.due_on, last.closes_on),
        opens_on = LEAST(asked.opens_on, last.closes_on),
        updated_at = now()
    FROM last WHERE last.id = asked.id AND asked.closes_on <> last.closes_on
"""

_MARK_OLD = """
    UPDATE proms_followup held
    SET old_at_surgery = (o.performed_on - held.completed_on) > grace.days, updated_at = now()
    FROM procedures_operation o
    JOIN unnest(%(definitions)s::bigint[], %(groups)s::text[], %(graces)s::int[])
         AS grace (definition_id, "group", days)
      ON grace.definition_id = o.definition_id AND grace."group" = o."group"
    WHERE o.id = held.operation_id AND o.id = ANY(%(operations)s::bigint[])
      AND held.time_point = 'before' AND held.completed_on IS NOT NULL
      AND o.performed_on IS NOT NULL
      AND held.old_at_surgery <> ((o.performed_on - held.completed_on) > grace.days)
"""


@transaction.atomic
def create_schedules(*, operation_ids: Iterable[int]) -> None:
    """Lay the follow-ups of operations: windows from each one's group, definition and date.

    Follow-ups that exist are left as they are. Operations of patients who have died, left or opted
    out get follow-ups that are censored from the start, and an operation on the same place ends
    the follow-up of the one before.
    """
    operations = list(operation_ids)
    if not operations:
        return
    with connection.cursor() as cursor:
        locked = _lock(cursor, operations)
        _lay(cursor, _parameters(operations, locked.definitions))
    censor_operations(operation_ids=operations)
    mark_slices_stale(locked.slices)


def create_schedule(*, operation_id: int) -> None:
    """Lay the follow-ups of one operation; see create_schedules."""
    create_schedules(operation_ids=[operation_id])


@transaction.atomic
def move_schedules(*, operation_ids: Iterable[int]) -> None:
    """Bring follow-ups in line with operations whose date or group has changed.

    Only follow-ups that were not sent move. A preoperative form that was sent and not answered
    closes with the new date. A form answered too long before the surgery is marked.
    """
    operations = list(operation_ids)
    if not operations:
        return
    with connection.cursor() as cursor:
        locked = _lock(cursor, operations)
        parameters = _parameters(operations, locked.definitions)
        _lay(cursor, parameters)
        cursor.execute(_MOVE, parameters)
        cursor.execute(_REMOVE, parameters)
        cursor.execute(_CLOSE_WITH_SURGERY, parameters)
        cursor.execute(_MARK_OLD, {**parameters, **_graces(locked.definitions)})
    censor_members_of(operation_ids=operations)
    mark_slices_stale(locked.slices)


@dataclass(frozen=True, slots=True)
class Locked:
    """Operations that this transaction holds: their definitions by version id, their slices."""

    definitions: dict[int, RegisterDefinition]
    slices: set[tuple[str, int, int]]


def _lock(cursor: CursorWrapper, operations: list[int]) -> Locked:
    cursor.execute(_LOCK, [number_array(operations)])
    rows = cursor.fetchall()
    versions = DefinitionVersion.objects.defer("definition").filter(pk__in={row[0] for row in rows})
    return Locked(
        definitions={version.pk: definition_of(version) for version in versions},
        slices={row[1:] for row in rows},
    )


def _lay(cursor: CursorWrapper, parameters: Mapping[str, object]) -> None:
    with planned_for_many(cursor):
        cursor.execute(_LAY, parameters)


def _parameters(
    operations: list[int], definitions: Mapping[int, RegisterDefinition]
) -> dict[str, object]:
    rows = [
        (version_id, group, each.time_point, each.opens, each.due, each.closes)
        for version_id, definition in definitions.items()
        for group in definition.groups
        for each in offsets(definition, group)
    ]
    names = ("definitions", "groups", "time_points", "opens", "due", "closes")
    columns = zip(*rows, strict=True) if rows else ([],) * len(names)
    return {
        "operations": number_array(operations),
        **{name: list(column) for name, column in zip(names, columns, strict=True)},
    }


def _graces(definitions: Mapping[int, RegisterDefinition]) -> dict[str, list[object]]:
    rows = [
        (version_id, group, days)
        for version_id, definition in definitions.items()
        for group, days in definition.grace_days.items()
    ]
    columns = zip(*rows, strict=True) if rows else ([],) * 3
    names = ("definitions", "groups", "graces")
    return {name: list(column) for name, column in zip(names, columns, strict=True)}
