"""The benchmark: one unit beside the rest and the nation, on one scale, at every time point."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.db import connection

from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny
from registry.core.disclosure import TOTAL, withheld
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for
from registry.units.models import Unit
from reports.actions.refresh import ensure_fresh
from reports.actions.statements import sums_of
from reports.models import OperationScaleFact, Summary
from reports.scales import Measure, measures
from reports.selectors.completeness import Count, completeness_counts, time_points_of
from reports.selectors.scope import Scope, sees_all_patients, sees_patients_of
from reports.statistics.intervals import (
    Interval,
    difference_interval,
    mean_interval,
    share_interval,
)
from reports.statistics.moments import Sums, mean, standard_deviation

FACTS = OperationScaleFact._meta.db_table
SUMMARY = Summary._meta.db_table
SUM_COLUMNS = tuple(sums_of("value"))


@dataclass(frozen=True, slots=True)
class Figures:
    """What is shown of one set of operations on one scale at one time point.

    ``change`` is paired: score at the time point − score before, over operations with both.
    ``improved`` is the share of these that improved by the clinically relevant change. None: there
    is nothing to compute, or (``withheld``, ``change_withheld``) it may not be shown.
    """

    n: int | None = None
    mean: float | None = None
    sd: float | None = None
    paired_n: int | None = None
    paired_before: float | None = None
    change: float | None = None
    change_sd: float | None = None
    change_interval: Interval | None = None
    improved_n: int | None = None
    improved: float | None = None
    improved_interval: Interval | None = None
    withheld: bool = False
    change_withheld: bool = False


@dataclass(frozen=True, slots=True)
class PointResult:
    """One time point: own unit (None when none is asked for), the rest, and the nation of both.

    ``difference`` is own change − the rest's change with Welch's interval.
    """

    point: str
    own: Figures | None
    rest: Figures | None
    nation: Figures
    difference: float | None
    difference_interval: Interval | None
    own_completeness: Count | None
    rest_completeness: Count | None
    nation_completeness: Count | None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The answer to a benchmark question."""

    scope: Scope
    measure: Measure
    unit: Unit | None
    on: date
    threshold: int
    relevant_change: float | None
    """In points of the scale, without sign; None where the groups differ or none is known."""
    points: tuple[PointResult, ...]

    def at(self, point: str) -> PointResult | None:
        """Return the result of a time point; None where it is not asked."""
        return next((result for result in self.points if result.point == point), None)

    @property
    def anything(self) -> bool:
        """Say whether there is any score at all."""
        return any(result.nation.n or result.nation.withheld for result in self.points)


def benchmark(
    viewer: Viewer, scope: Scope, *, scale: str, unit: Unit | None, on: date
) -> Benchmark:
    """Return the figures of ``unit``, the rest and the nation on a scale, as they are on a day.

    The nation includes the own unit, as print does; tests compare the own unit with the rest.
    Without filters the figures are read from summaries, with filters from facts; they are the same
    either way. Raises NotAllowed where the viewer may not see reports of the register, KeyError
    for a scale that the register does not know.
    """
    register_code = scope.register_code
    if not viewer.may(Permission.SEE_REPORTS, register_code):
        deny(viewer, "read", "benchmark", register_code=register_code)
    definition = definition_for(register_code)
    measure = measures(definition)[scale]
    ensure_fresh(register_code, on=on)
    points = time_points_of(definition, scope.groups)
    sums = scale_sums(scope, scale=scale, points=points, definition=definition)
    counts = completeness_counts(scope, on=on, definition=definition)
    see_all = sees_all_patients(viewer, register_code)
    unit_id = None if unit is None else unit.pk
    free = set()
    if see_all:
        free = {"own", "rest"}
    elif unit_id is not None and sees_patients_of(viewer, register_code, unit_id):
        free = {"own"}
    threshold = definition.about.small_number_threshold
    changes = {measure.improves_by(definition, group) for group in scope.groups}
    change = changes.pop() if len(changes) == 1 else None
    return Benchmark(
        scope=scope,
        measure=measure,
        unit=unit,
        on=on,
        threshold=threshold,
        relevant_change=None if change is None else abs(change),
        points=tuple(
            _point(
                point,
                own_sums=sums.get((unit_id, point), Sums()) if unit_id is not None else None,
                rest_sums=_add(s for (u, p), s in sums.items() if p == point and u != unit_id),
                own_count=counts.get((unit_id, point), Count()) if unit_id is not None else None,
                rest_count=_count(c for (u, p), c in counts.items() if p == point and u != unit_id),
                free=free,
                threshold=threshold,
            )
            for point in points
        ),
    )


def scale_sums(
    scope: Scope,
    *,
    scale: str,
    points: Iterable[str],
    definition: RegisterDefinition,
) -> dict[tuple[int, str], Sums]:
    """Return the sums by (unit id, time point); the slices must be fresh.

    No viewer: what may be shown of these sums is for the caller to decide.
    """
    if scope.filters:
        return sums_from_facts(scope, scale=scale, points=points, definition=definition)
    return sums_from_summary(scope, scales=[scale])[scale]


def sums_from_summary(scope: Scope, *, scales: list[str]) -> dict[str, dict[tuple[int, str], Sums]]:
    """Return the sums by scale and (unit id, time point), read from the summary. No filters."""
    condition, parameters = scope.cells()
    columns = ", ".join(f"sum({name})" for name in SUM_COLUMNS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT scale, unit_id, time_point, {columns} FROM {SUMMARY} "
            f"WHERE {condition} AND scale = ANY(%(scales)s) GROUP BY scale, unit_id, time_point",
            {**parameters, "scales": scales},
        )
        rows = cursor.fetchall()
    held: dict[str, dict[tuple[int, str], Sums]] = {scale: {} for scale in scales}
    for scale, unit, point, *numbers in rows:
        held[scale][unit, point] = Sums(*numbers)
    return held


def sums_from_facts(
    scope: Scope, *, scale: str, points: Iterable[str], definition: RegisterDefinition
) -> dict[tuple[int, str], Sums]:
    """Return the sums by (unit id, time point), read from the facts, filters applied."""
    points = list(points)
    if not points:
        return {}
    condition, parameters = scope.operations(definition)
    columns = ", ".join(
        expression for point in points for expression in sums_of(f'"{point}"').values()
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT unit_id, {columns} FROM {FACTS} "
            f"WHERE {condition} AND scale = %(scale)s GROUP BY unit_id",
            {**parameters, "scale": scale},
        )
        rows = cursor.fetchall()
    width = len(SUM_COLUMNS)
    return {
        (unit, point): Sums(*numbers[width * place : width * (place + 1)])
        for unit, *numbers in rows
        for place, point in enumerate(points)
        if numbers[width * place]
    }


def figures(sums: Sums) -> Figures:
    """Return the statistics of some sums; nothing is withheld."""
    change = mean(sums.paired_n, sums.change_total)
    change_sd = standard_deviation(sums.paired_n, sums.change_total, sums.change_squares)
    return Figures(
        n=sums.n,
        mean=mean(sums.n, sums.total),
        sd=standard_deviation(sums.n, sums.total, sums.squares),
        paired_n=sums.paired_n,
        paired_before=mean(sums.paired_n, sums.paired_before),
        change=change,
        change_sd=change_sd,
        change_interval=None
        if change is None or change_sd is None
        else mean_interval(sums.paired_n, change, change_sd),
        improved_n=sums.improved_n,
        improved=mean(sums.paired_n, sums.improved_n),
        improved_interval=share_interval(sums.improved_n, sums.paired_n),
    )


def _point(
    point: str,
    *,
    own_sums: Sums | None,
    rest_sums: Sums,
    own_count: Count | None,
    rest_count: Count,
    free: set[str],
    threshold: int,
) -> PointResult:
    """Put one time point together and withhold what may not be shown."""
    sums = {"rest": rest_sums} if own_sums is None else {"own": own_sums, "rest": rest_sums}
    counts = {"rest": rest_count} if own_count is None else {"own": own_count, "rest": rest_count}
    sums_hidden = _hidden({key: one.n for key, one in sums.items()}, free, threshold)
    change_hidden = _hidden({key: one.paired_n for key, one in sums.items()}, free, threshold)
    count_hidden = _hidden({key: one.expected for key, one in counts.items()}, free, threshold)
    nation = _add(sums.values())
    shown = {
        key: _shown(one, key in sums_hidden, key in change_hidden, before=point == "before")
        for key, one in {**sums, TOTAL: nation}.items()
    }
    difference, interval = None, None
    own, rest = shown.get("own"), shown["rest"]
    if own is not None and own.change is not None and rest.change is not None:
        difference = own.change - rest.change
        if own.change_sd is not None and rest.change_sd is not None:
            interval = difference_interval(
                own.paired_n or 0,
                own.change,
                own.change_sd,
                rest.paired_n or 0,
                rest.change,
                rest.change_sd,
            )
    alone = own_sums is None
    return PointResult(
        point=point,
        own=own,
        rest=None if alone else rest,
        nation=shown[TOTAL],
        difference=difference,
        difference_interval=interval,
        own_completeness=None if "own" in count_hidden else counts.get("own"),
        rest_completeness=None if alone or "rest" in count_hidden else counts["rest"],
        nation_completeness=None if TOTAL in count_hidden else _count(counts.values()),
    )


def _hidden(counts: dict[str, int], free: set[str], threshold: int) -> frozenset[str]:
    """Return what is withheld of own, rest and their total; one part alone is the total."""
    hidden = withheld(counts, free=free, threshold=threshold)
    return hidden | {TOTAL} if len(counts) == 1 and hidden else hidden


def _shown(sums: Sums, hidden: bool, change_hidden: bool, *, before: bool) -> Figures:
    """Return the figures, without what may not be shown; before surgery there is no change."""
    if hidden:
        return Figures(withheld=True, change_withheld=True)
    whole = figures(sums)
    if before or change_hidden:
        return Figures(
            n=whole.n, mean=whole.mean, sd=whole.sd, change_withheld=change_hidden and not before
        )
    return whole


def _add(sums: Iterable[Sums]) -> Sums:
    return sum(sums, Sums())


def _count(counts: Iterable[Count]) -> Count:
    total = Count()
    for count in counts:
        total = total.plus(count)
    return total
