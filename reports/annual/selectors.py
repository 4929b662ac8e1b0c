"""Counts behind the annual report, each one set-based read.

Every function takes the viewer, who must hold reports of the whole register, and ``until``: the
last day that counts (the report's cut-off), or None for all that is known. Figures are of the
whole register; `reports.annual.protection` withholds what the viewer may not see of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import wraps
from typing import Any, NamedTuple, TypeVar

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import ExtractYear

from procedures.models import Complication, GoalOutcome, Operation, TreatmentGoal
from proms.instruments import instrument
from proms.instruments.schema import Scale
from proms.scoring.surgeon import computed_scores
from referrals.models import Consultation, Referral
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.base import RegionBasis
from registry.registers.selectors import definition_for, units_of
from registry.units.models import HealthRegion, Unit, UnitLabel
from reports.models import CompletenessFact, OperationScaleFact
from reports.selectors.completeness import answered, counted

ByRegionAndYear = dict[tuple[int | None, int], int]
Read = TypeVar("Read", bound=Callable[..., Any])

FOREVER = date(9999, 12, 31)


def may_see_annual_report(viewer: Viewer, register_code: str) -> bool:
    """Say whether the viewer's role holds for the whole register, as its annual report does."""
    return viewer.whole_register(Permission.SEE_REPORTS, register_code)


def require_annual_report(viewer: Viewer, register_code: str) -> None:
    """Go on only with a role for the whole register; otherwise NotAllowed, with a trace."""
    if not may_see_annual_report(viewer, register_code):
        deny(viewer, "read", "annual_report", register_code=register_code)


def _whole_register(read: Read) -> Read:
    """Refuse viewers without the whole register before anything is read."""

    @wraps(read)
    def guarded(viewer: Viewer, register_code: str, *args: Any, **kwargs: Any) -> Any:
        require_annual_report(viewer, register_code)
        return read(viewer, register_code, *args, **kwargs)

    return guarded


# --- Referrals and consultations --------------------------------------------------------------


@_whole_register
def consultations(
    viewer: Viewer, register_code: str, *, basis: RegionBasis, until: date | None
) -> ByRegionAndYear:
    """Return consultations by (region id, year of the consultation)."""
    found = Consultation.objects.filter(membership__register_id=register_code)
    return _by_region_and_year(found, "held_on", basis, until)


@_whole_register
def referrals(
    viewer: Viewer, register_code: str, *, basis: RegionBasis, until: date | None
) -> ByRegionAndYear:
    """Return referrals by (region id, year received), whatever was decided."""
    found = Referral.objects.filter(membership__register_id=register_code)
    return _by_region_and_year(found, "received_on", basis, until)


def _by_region_and_year(
    found: QuerySet, day: str, basis: RegionBasis, until: date | None
) -> ByRegionAndYear:
    region = F("region_id") if basis == "residence" else F("unit__site_region_id")
    if until is not None:
        found = found.filter(**{f"{day}__lte": until})
    rows = (
        found.annotate(counted_region=region, counted_year=ExtractYear(day))
        .order_by()
        .values_list("counted_region", "counted_year")
        .annotate(n=Count("pk"))
    )
    return {(region_id, year): n for region_id, year, n in rows}


def regions(country: str, also: Iterable[int]) -> list[HealthRegion]:
    """Return a country's regions in the order of reports, then others that occur (``also``)."""
    return sorted(
        HealthRegion.objects.filter(Q(country=country) | Q(pk__in=set(also))),
        key=lambda region: (region.country != country, region.position, region.code),
    )


# --- Operations -------------------------------------------------------------------------------


def _performed(register_code: str, until: date | None) -> QuerySet[Operation]:
    found = Operation.objects.filter(
        register_id=register_code, performed_on__isnull=False, cancelled_on__isnull=True
    )
    return found if until is None else found.filter(performed_on__lte=until)


@_whole_register
def operations_by_type(
    viewer: Viewer,
    register_code: str,
    *,
    year: int,
    groups: Iterable[str] = (),
    until: date | None,
) -> dict[str, int]:
    """Return operations performed in a year by type (that of the first procedure)."""
    found = _of_groups(_performed(register_code, until).filter(year=year), groups)
    return dict(found.order_by().values_list("procedure_type").annotate(n=Count("pk")))


def _of_groups(found: QuerySet[Operation], groups: Iterable[str]) -> QuerySet[Operation]:
    wanted = list(groups)
    return found.filter(group__in=wanted) if wanted else found


class Assessed(NamedTuple):
    """How many operations were assessed, and how many of them had it."""

    assessed: int
    had: int


@_whole_register
def goals_by_type(
    viewer: Viewer,
    register_code: str,
    *,
    year: int,
    groups: Iterable[str] = (),
    until: date | None,
) -> dict[tuple[str, str], Assessed]:
    """Return by (type, goal) the operations of a year whose goal was assessed, and achieved."""
    held = _of_groups(_performed(register_code, until).filter(year=year), groups)
    goals = TreatmentGoal.objects.filter(operation__in=held).exclude(
        outcome=GoalOutcome.NOT_ASSESSED
    )
    if until is not None:
        goals = goals.filter(assessed_on__lte=until)
    rows = (
        goals.order_by()
        .values_list("operation__procedure_type", "goal")
        .annotate(n=Count("pk"), had=Count("pk", filter=Q(outcome=GoalOutcome.ACHIEVED)))
    )
    return {(kind, goal): Assessed(n, had) for kind, goal, n, had in rows}


@_whole_register
def complications_by_operation_type(
    viewer: Viewer,
    register_code: str,
    *,
    year: int,
    groups: Iterable[str] = (),
    until: date | None,
) -> dict[str, Assessed]:
    """Return by type the operations of a year that were assessed for complications, and had any.

    A complication on record is an assessment too.
    """
    occurred = _until(Complication.objects.filter(operation=OuterRef("pk")), until)
    assessed = Q(complications_assessed_on__isnull=False)
    if until is not None:
        assessed = Q(complications_assessed_on__lte=until)
    rows = (
        _of_groups(_performed(register_code, until).filter(year=year), groups)
        .annotate(had_any=Exists(occurred))
        .order_by()
        .values_list("procedure_type")
        .annotate(
            n=Count("pk", filter=assessed | Q(had_any=True)),
            had=Count("pk", filter=Q(had_any=True)),
        )
    )
    return {kind: Assessed(n, had) for kind, n, had in rows}


@_whole_register
def complications_by_kind(
    viewer: Viewer,
    register_code: str,
    *,
    year: int,
    groups: Iterable[str] = (),
    until: date | None,
) -> dict[str, int]:
    """Return the complications of a year's operations by kind."""
    held = _of_groups(_performed(register_code, until).filter(year=year), groups)
    found = _until(Complication.objects.filter(operation__in=held), until)
    return dict(found.order_by().values_list("kind").annotate(n=Count("pk")))


def _until(found: QuerySet[Complication], until: date | None) -> QuerySet[Complication]:
    """Keep what had occurred; without a date it is known with the operation."""
    if until is None:
        return found
    return found.filter(Q(occurred_on__isnull=True) | Q(occurred_on__lte=until))


@_whole_register
def operations_by_group(
    viewer: Viewer, register_code: str, *, years: range, until: date | None
) -> dict[tuple[str, str, int], int]:
    """Return operations by (group, type, year), from facts that are fresh."""
    found = CompletenessFact.objects.filter(
        register_id=register_code, year__gte=years.start, year__lt=years.stop
    )
    if until is not None:
        found = found.filter(performed_on__lte=until)
    rows = found.order_by().values_list("group", "procedure_type", "year").annotate(n=Count("pk"))
    return {(group, kind, year): n for group, kind, year, n in rows}


# --- Questionnaires ---------------------------------------------------------------------------


class Preoperative(NamedTuple):
    """Operations, those whose questionnaire before surgery counts, and those who answered it."""

    operations: int = 0
    expected: int = 0
    answered: int = 0

    def plus(self, other: Preoperative) -> Preoperative:
        """Return the sum of both."""
        return Preoperative(*(a + b for a, b in zip(self, other, strict=True)))


@_whole_register
def preoperative_by_unit_and_year(
    viewer: Viewer,
    register_code: str,
    *,
    groups: Iterable[str],
    years: range,
    until: date | None,
) -> dict[tuple[int, int], Preoperative]:
    """Return completeness before surgery by (unit id, year), from facts that are fresh."""
    table = CompletenessFact._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT unit_id, year, count(*), count(*) FILTER (WHERE {counted('before')}),"
            f" count(*) FILTER (WHERE {answered('before')}) FROM {table}"
            f' WHERE register_id = %(register)s AND "group" = ANY(%(groups)s)'
            " AND year BETWEEN %(first)s AND %(last)s AND performed_on <= %(on)s"
            " GROUP BY unit_id, year",
            {
                "register": register_code,
                "groups": list(groups),
                "first": years.start,
                "last": years.stop - 1,
                "on": until or FOREVER,
            },
        )
        return {(unit, year): Preoperative(*counts) for unit, year, *counts in cursor.fetchall()}


def units_with_labels(register_code: str, table: str) -> list[tuple[Unit, str]]:
    """Return the units of a register with their names in a table of its report."""
    labels = dict(
        UnitLabel.objects.filter(table=table).values_list("unit_id", "label").order_by("pk")
    )
    return [(unit, labels.get(unit.pk, unit.name)) for unit in units_of(register_code)]


@dataclass(frozen=True, slots=True)
class Scores:
    """Number, sum and sum of squares of the scores at one time point."""

    n: int
    total: float
    squares: float


@_whole_register
def scores(
    viewer: Viewer,
    register_code: str,
    *,
    groups: Iterable[str],
    procedure_types: Iterable[str],
    time_points: Iterable[str],
    scales: Iterable[str],
    years: range,
    until: date | None,
) -> dict[tuple[str, str], Scores]:
    """Return by (scale, time point) the scores of some groups, from facts that are fresh.

    Answers after ``until`` are left out. The scores at two time points are not those of the same
    patients only: print compares everybody who answered.
    """
    points, kinds = list(time_points), list(procedure_types)
    # The names of columns are those of the vocabulary, which the loader has checked.
    sums = ", ".join(
        f"count(v.{p}), coalesce(sum(v.{p}), 0), coalesce(sum(v.{p} * v.{p}), 0)" for p in points
    )
    values = ", ".join(
        f"CASE WHEN held.{p}_completed <= %(on)s THEN fact.{p} END AS {p}" for p in points
    )
    facts, completeness = OperationScaleFact._meta.db_table, CompletenessFact._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT scale, {sums} FROM ("
            f"SELECT fact.scale, {values} FROM {facts} AS fact"
            f" JOIN {completeness} AS held ON held.operation_id = fact.operation_id"
            " WHERE fact.register_id = %(register)s"
            ' AND fact."group" = ANY(%(groups)s) AND fact.scale = ANY(%(scales)s)'
            " AND fact.year BETWEEN %(first)s AND %(last)s AND held.performed_on <= %(on)s"
            f"{' AND fact.procedure_type = ANY(%(kinds)s)' if kinds else ''}"
            ") AS v GROUP BY scale",
            {
                "register": register_code,
                "groups": list(groups),
                "scales": list(scales),
                "kinds": kinds,
                "first": years.start,
                "last": years.stop - 1,
                "on": until or FOREVER,
            },
        )
        rows = cursor.fetchall()
    return {
        (scale, point): Scores(*numbers[3 * place : 3 * place + 3])
        for scale, *numbers in rows
        for place, point in enumerate(points)
    }


# --- Breakdowns -------------------------------------------------------------------------------


def alias(code: str) -> str:
    """Return the name under which the facts of a scale or question are joined."""
    return f'"of_{code}"'


def join_of_fact(code: str) -> str:
    """Return the SQL that joins the facts of a scale or question to operations."""
    table, name = OperationScaleFact._meta.db_table, alias(code)
    return (
        f"LEFT JOIN {table} AS {name} ON {name}.operation_id = operation.operation_id"
        f" AND {name}.register_id = operation.register_id"
        f' AND {name}."group" = operation."group" AND {name}.scale = \'{code}\''
    )


@_whole_register
def broken_down(
    viewer: Viewer,
    register_code: str,
    *,
    row: str,
    total: str,
    joins: Iterable[str],
    sums: Mapping[str, tuple[str, range]],
    parameters: Mapping[str, Any],
    groups: Iterable[str],
    procedure_types: Iterable[str],
    years: range,
    until: date | None,
) -> dict[str, dict[Any, Scores]]:
    """Return for each of ``sums`` what it adds up to by row, and over all rows as ``total``.

    A sum is an expression and the years of the operations that it is over. Operations whose row is
    unknown are in none. ``row``, ``joins`` and expressions are SQL whose names the definition's
    checks have passed; the facts are fresh.
    """
    if not sums:
        return {}
    kinds = list(procedure_types)
    values = ", ".join(
        f"CASE WHEN operation.year BETWEEN {span.start} AND {span.stop - 1}"
        f" THEN ({expression})::float8 END"
        for expression, span in sums.values()
    )
    columns = [f"v{place}" for place in range(len(sums))]
    moments = ", ".join(
        f"count({v}), coalesce(sum({v}), 0), coalesce(sum({v}*{v}), 0)" for v in columns
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT grouping(key) = 1, key, {moments} FROM ("
            f"SELECT {row}, {values} FROM {CompletenessFact._meta.db_table} AS operation"
            f" {' '.join(joins)}"
            ' WHERE operation.register_id = %(register)s AND operation."group" = ANY(%(groups)s)'
            " AND operation.year BETWEEN %(first)s AND %(last)s"
            " AND operation.performed_on <= %(on)s"
            f"{' AND operation.procedure_type = ANY(%(kinds)s)' if kinds else ''}"
            f") AS broken (key, {', '.join(columns)})"
            " WHERE key IS NOT NULL GROUP BY GROUPING SETS ((key), ())",
            {
                **parameters,
                "register": register_code,
                "groups": list(groups),
                "kinds": kinds,
                "first": years.start,
                "last": years.stop - 1,
                "on": until or FOREVER,
            },
        )
        rows = cursor.fetchall()
    found: dict[str, dict[Any, Scores]] = {name: {} for name in sums}
    for whole, key, *numbers in rows:
        for place, name in enumerate(sums):
            told = Scores(*numbers[3 * place : 3 * place + 3])
            if told.n:
                found[name][total if whole else key] = told
    return found


def surgeons_scales(definition: RegisterDefinition) -> dict[str, Scale]:
    """Return the scales that are computed from what surgeons enter, by code."""
    asked = (instrument(computed.instrument) for computed in definition.procedures.computed)
    return {scale.code: scale for one in asked for scale in one.scales}


@_whole_register
def surgeons_scores(viewer: Viewer, register_code: str, *, scale: str) -> dict[int, str]:
    """Return a score that is computed from what surgeons entered, by operation id.

    It is stored nowhere; only operations with one of its variables are looked at.
    """
    definition = definition_for(register_code)
    asked = {
        variable
        for computed in definition.procedures.computed
        if any(one.code == scale for one in instrument(computed.instrument).scales)
        for variable in computed.answers.values()
    }
    entered = _performed(register_code, None).filter(details__has_any_keys=sorted(asked))
    return {
        pk: _written(computed.score.value)
        for pk, details in entered.values_list("pk", "details")
        for computed in computed_scores(definition, details)
        if computed.scale.code == scale and computed.score.value is not None
    }


def _written(score: float | str) -> str:
    return score if isinstance(score, str) else f"{score:g}"
