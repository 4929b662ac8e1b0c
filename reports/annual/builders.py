"""One builder for each kind of table: counts in, table out, in the active language."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from registry.accounts.permissions import Viewer
from registry.core.alphabet import sort_key
from registry.core.choices import TimePoint
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.reporting import PublishedGroup, TableColumn
from registry.registers.schema.reporting import Table as Layout
from reports.annual import selectors
from reports.annual.breakdown import breakdown
from reports.annual.selectors import ByRegionAndYear, Preoperative, Scores
from reports.annual.tables import Cell, Column, Table, percent, rounded
from reports.scales import Measure, measures
from reports.statistics.moments import mean, standard_deviation

# Keys of print for the time points.
POINT_KEYS = {TimePoint.BEFORE.value: "preop"}


@dataclass(frozen=True, slots=True)
class Context:
    """What every builder needs: for whom, which register and year, until which day."""

    viewer: Viewer
    definition: RegisterDefinition
    year: int
    until: date | None
    language: str

    @property
    def register_code(self) -> str:
        """The register's code."""
        return self.definition.code

    def years(self, layout: Layout) -> range:
        """Return the years of a table: from its first one to that of the report."""
        first = layout.first_year or self.definition.about.start_date.year
        return range(first, self.year + 1)


Builder = Callable[[Context, Layout], Iterator[Table]]


def build(context: Context, layout: Layout) -> list[Table]:
    """Return the tables that a layout of the definition asks for; none before its first year."""
    if not context.years(layout):
        return []
    return list(BUILDERS[layout.kind](context, layout))


def _total_label() -> str:
    return pgettext("sum of a table", "Total")


def _header(column: TableColumn) -> Column:
    return Column(column.key, str(column.labels), "label")


# --- By region and year -----------------------------------------------------------------------


def consultations_by_region_year(context: Context, layout: Layout) -> Iterator[Table]:
    """Rows are regions, columns years."""
    yield _by_region(context, layout, _counts(context, layout, selectors.consultations))


def referrals_by_region_year(context: Context, layout: Layout) -> Iterator[Table]:
    """Rows are regions, columns years."""
    yield _by_region(context, layout, _counts(context, layout, selectors.referrals))


def _counts(
    context: Context, layout: Layout, read: Callable[..., ByRegionAndYear]
) -> ByRegionAndYear:
    basis = layout.region_basis or context.definition.about.region_basis
    years = context.years(layout)
    counts = read(context.viewer, context.register_code, basis=basis, until=context.until)
    return {(region, year): n for (region, year), n in counts.items() if year in years}


def _by_region(context: Context, layout: Layout, counts: ByRegionAndYear) -> Table:
    years = context.years(layout)
    occurring = {region for region, _year in counts if region is not None}
    rows: list[tuple[str, list[int]]] = [
        (region.report_label, [counts.get((region.pk, year), 0) for year in years])
        for region in selectors.regions(context.definition.about.country, occurring)
    ]
    if any(region is None for region, _year in counts):
        rows.append((_("Without a region"), [counts.get((None, year), 0) for year in years]))
    return _of_years(layout, years, rows)


def _of_years(layout: Layout, years: range, rows: Sequence[tuple[str, list[int]]]) -> Table:
    """Counts by year, with the sums that the layout asks for."""
    if layout.rows == "occurring":
        rows = [row for row in rows if any(row[1])]
    sum_key = next((c.key for c in layout.columns if c.measure == "total"), "")
    columns: list[Column] = []
    for column in layout.columns:
        if column.measure == "row":
            columns.append(_header(column))
        elif column.measure == "year":
            columns += [Column(str(year), str(year), adds_up=sum_key) for year in years]
        elif column.measure == "total":
            columns.append(Column(column.key, str(column.labels)))
    cells: list[tuple[Cell, ...]] = []
    totals = [sum(counts[place] for _label, counts in rows) for place in range(len(years))]
    for label, counts in [*rows, *([(_total_label(), totals)] if layout.total else [])]:
        cells.append((label, *counts, *([sum(counts)] if sum_key else [])))
    return Table(
        id=layout.id,
        title=str(layout.labels),
        columns=tuple(columns),
        rows=tuple(cells),
        has_total=layout.total,
    )


# --- Operations by type -----------------------------------------------------------------------


def operations_by_type(context: Context, layout: Layout) -> Iterator[Table]:
    """Operations of the year by type of their first procedure; percent of all operations."""
    counts = selectors.operations_by_type(
        context.viewer,
        context.register_code,
        year=context.year,
        groups=layout.groups,
        until=context.until,
    )
    rows = [(label, counts.get(key, 0)) for key, label in _types(context, layout)]
    if layout.rows == "occurring":
        rows = [row for row in rows if row[1]]
    columns = [
        _header(column)
        if column.measure == "row"
        else _count_column(column, column.key, str(column.labels), layout)
        for column in layout.columns
    ]
    yield _of_counts(layout, columns, [(label, (n,)) for label, n in rows])


def _count_column(column: TableColumn, key: str, label: str, layout: Layout) -> Column:
    if column.measure != "percent":
        return Column(key, label)
    count = next((c.key for c in layout.columns if c.measure == "count"), "")
    return Column(key, label, "figure", 1, about=key.replace(column.key, count, 1))


def _of_counts(
    layout: Layout, columns: Sequence[Column], rows: Sequence[tuple[str, tuple[int, ...]]]
) -> Table:
    """Counts, one or more a row, each with its percentage of the column's sum if asked for.

    A percentage stands only beside something: 0 of all is left blank, as the zero beside it
    says it.
    """
    width = len(rows[0][1]) if rows else 0
    totals = tuple(sum(counts[place] for _label, counts in rows) for place in range(width))
    with_percent = any(column.what == "figure" for column in columns)
    cells: list[tuple[Cell, ...]] = []
    for label, counts in [*rows, *([(_total_label(), totals)] if layout.total else [])]:
        row: list[Cell] = [label]
        for count, total in zip(counts, totals, strict=True):
            row.append(count)
            if with_percent:
                row.append(percent(count, total) if count else None)
        cells.append(tuple(row))
    return Table(
        id=layout.id,
        title=str(layout.labels),
        columns=tuple(columns),
        rows=tuple(cells),
        has_total=layout.total,
    )


def _types(context: Context, layout: Layout) -> list[tuple[str, str]]:
    """The procedure types of a table with their labels, in its order."""
    known = context.definition.procedure_types
    return [(key, str(known[key].labels)) for key in layout.procedure_types or known]


def goals_by_type(context: Context, layout: Layout) -> Iterator[Table]:
    """By type: how many were operated, and reached each goal; blank where none was assessed."""
    told = {
        "year": context.year,
        "groups": layout.groups,
        "until": context.until,
    }
    reader = (context.viewer, context.register_code)
    operated = selectors.operations_by_type(*reader, **told)
    goals = selectors.goals_by_type(*reader, **told)
    complications = selectors.complications_by_operation_type(*reader, **told)
    denominator = next((c.key for c in layout.columns if c.measure == "operated"), "")
    columns = [
        _header(column)
        if column.measure == "row"
        else Column(
            column.key, str(column.labels), about="" if column.key == denominator else denominator
        )
        for column in layout.columns
    ]
    kinds = [
        (key, label)
        for key, label in _types(context, layout)
        if layout.rows == "all" or operated.get(key)
    ]

    def cell(column: TableColumn, keys: list[str]) -> int | None:
        if column.measure == "operated":
            return sum(operated.get(key, 0) for key in keys)
        if column.measure == "goal":
            held = [goals[key, column.goal] for key in keys if (key, column.goal) in goals]
        else:
            held = [complications[key] for key in keys if key in complications]
        assessed = [one.had for one in held if one.assessed]
        return sum(assessed) if assessed else None

    measured = [column for column in layout.columns if column.measure != "row"]
    rows: list[tuple[Cell, ...]] = [
        (label, *(cell(column, [key]) for column in measured)) for key, label in kinds
    ]
    if layout.total:
        every = [key for key, _label in kinds]
        rows.append((_total_label(), *(cell(column, every) for column in measured)))
    yield Table(
        id=layout.id,
        title=str(layout.labels),
        columns=tuple(columns),
        rows=tuple(rows),
        has_total=layout.total,
    )


def complications_by_type(context: Context, layout: Layout) -> Iterator[Table]:
    """Complications of the year's operations by kind; one row says it when there was none."""
    told = {"year": context.year, "groups": layout.groups, "until": context.until}
    reader = (context.viewer, context.register_code)
    counts = selectors.complications_by_kind(*reader, **told)
    assessed = selectors.complications_by_operation_type(*reader, **told)
    none = 0 if any(one.assessed for one in assessed.values()) else None
    rows: list[tuple[Cell, ...]] = [
        (str(kind.labels), counts.get(key, 0) or none)
        for key, kind in context.definition.complications.items()
        if layout.rows == "all" or counts.get(key)
    ]
    if not rows and layout.empty_row is not None:
        rows.append((str(layout.empty_row), none))
    if layout.total:
        rows.append((_total_label(), sum(counts.values()) or none))
    yield Table(
        id=layout.id,
        title=str(layout.labels),
        columns=tuple(
            _header(column) if column.measure == "row" else Column(column.key, str(column.labels))
            for column in layout.columns
        ),
        rows=tuple(rows),
        has_total=layout.total,
    )


# --- Operations by group ----------------------------------------------------------------------


def operations_by_group_year(context: Context, layout: Layout) -> Iterator[Table]:
    """Operations by group: a column a year, or number and percent of the year and of all years."""
    years = context.years(layout)
    counts = selectors.operations_by_group(
        context.viewer, context.register_code, years=years, until=context.until
    )
    rows = [
        (
            label,
            [
                sum(
                    n
                    for (group, kind, counted), n in counts.items()
                    if counted == year and group in groups and (not kinds or kind in kinds)
                )
                for year in years
            ],
        )
        for label, groups, kinds in _groups(context.definition, layout)
    ]
    if any(column.measure == "year" for column in layout.columns):
        yield _of_years(layout, years, rows)
        return
    if layout.rows == "occurring":
        rows = [row for row in rows if any(row[1])]
    whole = f"{years.start}–{years[-1]}"
    periods = [(str(context.year), str(context.year))]
    if len(years) > 1:
        periods.append((f"{years.start}_{years[-1]}", whole))
    columns = [_header(layout.columns[0])]
    columns += [
        _count_column(column, f"{column.key}_{key}", f"{column.labels} {period}", layout)
        for key, period in periods
        for column in layout.columns
        if column.measure in {"count", "percent"}
    ]
    yield _of_counts(
        layout,
        columns,
        [(label, (by_year[-1], sum(by_year))[: len(periods)]) for label, by_year in rows],
    )


def _groups(
    definition: RegisterDefinition, layout: Layout
) -> Iterator[tuple[str, set[str], set[str]]]:
    """Rows of groups: label, groups joined, and types (none: all)."""
    if layout.published_groups:
        for key in layout.published_groups:
            one = definition.published_groups[key]
            yield str(one.labels), set(one.groups), set(one.procedure_types)
        return
    for key in layout.groups or definition.groups:
        yield str(definition.groups[key].labels), {key}, set(layout.procedure_types)


# --- Questionnaires ---------------------------------------------------------------------------


def completeness_by_unit_year(context: Context, layout: Layout) -> Iterator[Table]:
    """By unit and year: operations, those with a questionnaire before surgery, and the share.

    The share is of the operations whose questionnaire counts (due, and not censored before it
    was answered). A unit without operations in a year has nothing to answer: blank.
    """
    years = context.years(layout)
    groups = layout.groups or tuple(context.definition.groups)
    counts = selectors.preoperative_by_unit_and_year(
        context.viewer, context.register_code, groups=groups, years=years, until=context.until
    )
    units = sorted(
        selectors.units_with_labels(context.register_code, layout.id),
        key=lambda one: sort_key(one[1], context.language),
    )
    rows = [
        (label, [counts.get((unit.pk, year), Preoperative()) for year in years])
        for unit, label in units
    ]
    if layout.rows == "occurring":
        rows = [row for row in rows if any(count.operations for count in row[1])]
    totals = [sum_of(by_year[place] for _label, by_year in rows) for place in range(len(years))]
    columns = [_header(layout.columns[0])]
    for year in years:
        columns += [
            Column(f"ops_{year}", _("Operations %(year)s") % {"year": year}),
            Column(f"preop_{year}", _("Answered %(year)s") % {"year": year}, about=f"ops_{year}"),
            Column(
                f"percent_{year}",
                _("Percent %(year)s") % {"year": year},
                "figure",
                1,
                about=f"preop_{year}",
            ),
        ]
    cells = tuple(
        (label, *(cell for count in by_year for cell in _completeness(count)))
        for label, by_year in [*rows, *([(_total_label(), totals)] if layout.total else [])]
    )
    yield Table(
        id=layout.id,
        title=str(layout.labels),
        columns=tuple(columns),
        rows=cells,
        has_total=layout.total,
        notes=(
            _(
                "Percent: of the operations whose questionnaire was due and whose patient had not "
                "died, emigrated, withdrawn or been operated on again before answering."
            ),
        ),
    )


def sum_of(counts: Iterator[Preoperative]) -> Preoperative:
    """Return the sum of counts."""
    total = Preoperative()
    for count in counts:
        total = total.plus(count)
    return total


def _completeness(count: Preoperative) -> tuple[Cell, Cell, Cell]:
    answered = count.answered if count.expected else None
    return count.operations, answered, percent(answered, count.expected)


def outcomes(context: Context, layout: Layout) -> Iterator[Table]:
    """One table for each published group: n, mean and SD of its scales at each time point."""
    for key in layout.published_groups:
        yield _outcome(context, layout, context.definition.published_groups[key])


def _outcome(context: Context, layout: Layout, group: PublishedGroup) -> Table:
    years = context.years(layout)
    known = measures(context.definition)
    scales = [known[scale] for scale in group.scales if scale in known]
    points = group.time_points
    held = selectors.scores(
        context.viewer,
        context.register_code,
        groups=group.groups,
        procedure_types=group.procedure_types,
        time_points=points,
        scales=[scale.code for scale in scales],
        years=years,
        until=context.until,
    )
    labels = context.definition.time_points
    columns = [_header(layout.columns[0])]
    for point in points:
        key, label = POINT_KEYS.get(point, point), str(labels[point].labels)
        columns += [
            Column(f"{key}_n", f"{label}: {pgettext('how many', 'number')}"),
            Column(f"{key}_mean", f"{label}: {_('mean')}", "figure", 2, about=f"{key}_n"),
            Column(f"{key}_sd", f"{label}: {_('SD')}", "figure", 2, about=f"{key}_n"),
        ]
    if len(points) > 1:
        columns.append(
            Column(
                f"diff_preop_{POINT_KEYS.get(points[1], points[1])}",
                _("Improvement: %(point)s") % {"point": labels[points[1]].labels},
                "figure",
                2,
                about=f"{POINT_KEYS.get(points[1], points[1])}_n",
            )
        )
    title = f"{group.labels}, {years.start}–{years[-1]}"
    return Table(
        id=f"{layout.id}_{group.key}",
        title=f"{layout.labels}: {title}",
        columns=tuple(columns),
        rows=tuple(
            _outcome_row(scale, [held.get((scale.code, point)) for point in points])
            for scale in scales
        ),
        notes=(
            _(
                "Improvement: difference of the two means, positive where patients became better. "
                "The means are over everybody who answered at the time point."
            ),
        ),
    )


def _outcome_row(scale: Measure, by_point: list[Scores | None]) -> tuple[Cell, ...]:
    row: list[Cell] = [scale.label]
    means: list[float | None] = []
    for held in by_point:
        if held is None or not held.n:
            row += [0, None, None]
            means.append(None)
            continue
        average = mean(held.n, held.total)
        spread = standard_deviation(held.n, held.total, held.squares)
        row += [held.n, rounded(average, scale.decimals), rounded(spread, scale.decimals)]
        means.append(average)
    if len(means) > 1:
        before, after = means[:2]
        gain = None
        if before is not None and after is not None:
            gain = after - before if scale.higher_is_better else before - after
        row.append(rounded(gain, scale.decimals))
    return tuple(row)


BUILDERS: dict[str, Builder] = {
    "consultations_by_region_year": consultations_by_region_year,
    "referrals_by_region_year": referrals_by_region_year,
    "operations_by_type": operations_by_type,
    "goals_by_type": goals_by_type,
    "complications_by_type": complications_by_type,
    "operations_by_group_year": operations_by_group_year,
    "completeness_by_unit_year": completeness_by_unit_year,
    "outcomes": outcomes,
    "breakdown": breakdown,
}
"""By TableKind of the definition."""
