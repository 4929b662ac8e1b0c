"""Completeness: of the follow-ups that should be answered by a day, how many are.

The rule, for one follow-up on a day ``on``:

- it counts from its due date: what is not yet due is missing in nobody's figures;
- it does not count when the patient died, emigrated, withdrew or was operated again (censored)
  while it could still be answered and had not been: ``censored ≤ on`` and ``censored ≤ closes``;
- it is answered when its first response came on or before the day.

``counted`` and ``answered`` below say this to the database; the steps that reports.actions.refresh
writes say the same as sums over time, and a test holds both against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from django.db import connection
from django.db.models import Max

from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny
from registry.core.disclosure import TOTAL, withheld
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for, units_of
from registry.units.models import Unit
from reports.actions.refresh import ensure_fresh
from reports.models import CompletenessFact, CompletenessStep
from reports.selectors.scope import Scope, sees_all_patients, sees_patients_of
from reports.statistics.intervals import Interval, share_interval

FACTS = CompletenessFact._meta.db_table
STEPS = CompletenessStep._meta.db_table


class Count(NamedTuple):
    """Numerator and denominator."""

    answered: int = 0
    expected: int = 0

    def plus(self, other: Count) -> Count:
        """Return the count over both."""
        return Count(self.answered + other.answered, self.expected + other.expected)

    @property
    def share(self) -> float | None:
        """The completeness; None where nothing was expected."""
        return self.answered / self.expected if self.expected else None

    @property
    def interval(self) -> Interval | None:
        """Wilson's interval of the share."""
        return share_interval(self.answered, self.expected)


def counted(point: str) -> str:
    """Return the SQL condition that a follow-up counts on %(on)s."""
    return (
        f"({point}_due <= %(on)s AND ({point}_completed <= %(on)s"
        f" OR {point}_censored IS NULL OR {point}_censored > least(%(on)s, {point}_closes)))"
    )


def answered(point: str) -> str:
    """Return the SQL condition that a follow-up counts on %(on)s and is answered."""
    return f"({point}_due <= %(on)s AND {point}_completed <= %(on)s)"


def completeness_counts(
    scope: Scope, *, on: date, definition: RegisterDefinition
) -> dict[tuple[int, str], Count]:
    """Return the counts by (unit id, time point) on a day; the slices must be fresh.

    No viewer: what may be shown of these counts is for the caller to decide.
    """
    if scope.filters or _settled_after(scope.register_code, on):
        return _from_facts(scope, on=on, definition=definition)
    return _from_steps(scope, on=on)


def _settled_after(register_code: str, on: date) -> bool:
    """Say whether some slice was computed later than ``on``, so that its steps are too coarse."""
    # The greatest is one look at the index; asking whether one exists makes the planner guess.
    settled = CompletenessStep.objects.filter(register_id=register_code, settled=True)
    latest: date | None = settled.aggregate(latest=Max("on"))["latest"]
    return latest is not None and latest > on


def _from_steps(scope: Scope, *, on: date) -> dict[tuple[int, str], Count]:
    condition, parameters = scope.cells()
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT unit_id, time_point, sum(answered), sum(expected) FROM {STEPS} "
            f'WHERE {condition} AND "on" <= %(on)s GROUP BY unit_id, time_point',
            {**parameters, "on": on},
        )
        rows = cursor.fetchall()
    return {(unit, point): Count(done, due) for unit, point, done, due in rows if done or due}


def _from_facts(
    scope: Scope, *, on: date, definition: RegisterDefinition
) -> dict[tuple[int, str], Count]:
    condition, parameters = scope.operations(definition)
    points = time_points_of(definition, scope.groups)
    counts = ", ".join(
        f"count(*) FILTER (WHERE {answered(point)}), count(*) FILTER (WHERE {counted(point)})"
        for point in points
    )
    if not points:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT unit_id, {counts} FROM {FACTS} WHERE {condition} GROUP BY unit_id",
            {**parameters, "on": on},
        )
        rows = cursor.fetchall()
    return {
        (unit, point): Count(numbers[2 * place], numbers[2 * place + 1])
        for unit, *numbers in rows
        for place, point in enumerate(points)
        if numbers[2 * place + 1]
    }


@dataclass(frozen=True, slots=True)
class CompletenessRow:
    """One unit (None: all units): a count per time point, None where it is withheld."""

    unit: Unit | None
    own: bool
    counts: dict[str, Count | None]


@dataclass(frozen=True, slots=True)
class CompletenessTable:
    """Completeness by unit, the total last, with the register's targets by time point."""

    points: tuple[str, ...]
    rows: tuple[CompletenessRow, ...]
    total: CompletenessRow
    targets: dict[str, float]


def completeness_by_unit(viewer: Viewer, scope: Scope, *, on: date) -> CompletenessTable:
    """Return completeness of every unit that has operations in ``scope``, and of the nation."""
    register_code = scope.register_code
    if not viewer.may(Permission.SEE_REPORTS, register_code):
        deny(viewer, "read", "completeness", register_code=register_code)
    definition = definition_for(register_code)
    ensure_fresh(register_code, on=on)
    counts = completeness_counts(scope, on=on, definition=definition)
    points = time_points_of(definition, scope.groups)
    units = [u for u in units_of(register_code) if any((u.pk, p) in counts for p in points)]
    own = {u.pk for u in units if sees_patients_of(viewer, register_code, u.pk)}
    see_all = sees_all_patients(viewer, register_code)
    threshold = 0 if see_all else definition.about.small_number_threshold
    hidden = {
        point: withheld(
            {str(u.pk): counts.get((u.pk, point), Count()).expected for u in units},
            free={str(pk) for pk in own},
            threshold=threshold,
        )
        for point in points
    }
    rows = tuple(
        CompletenessRow(
            unit=unit,
            own=not see_all and unit.pk in own,
            counts={
                point: None
                if str(unit.pk) in hidden[point]
                else counts.get((unit.pk, point), Count())
                for point in points
            },
        )
        for unit in units
    )
    totals: dict[str, Count | None] = {}
    for point in points:
        total = Count()
        for unit in units:
            total = total.plus(counts.get((unit.pk, point), Count()))
        totals[point] = None if TOTAL in hidden[point] else total
    return CompletenessTable(
        points=points,
        rows=rows,
        total=CompletenessRow(unit=None, own=False, counts=totals),
        targets=definition.completeness_goals,
    )


def time_points_of(definition: RegisterDefinition, groups: tuple[str, ...]) -> tuple[str, ...]:
    """Return the time points at which any of the groups is asked, in order of time."""
    asked = {point.key for group in groups for point in definition.time_points_for(group)}
    return tuple(key for key in definition.time_points if key in asked)
