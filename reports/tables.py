"""Tables of pages: each row once as values (for files) and once as it is printed."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.utils.translation import gettext as _

from registry.registers.schema import RegisterDefinition
from reports.findings import percent, points_with_answers, rounded
from reports.selectors.benchmark import Benchmark, Figures, PointResult
from reports.selectors.completeness import CompletenessTable, Count

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Cell:
    """A printed cell; ``state`` (success, warning) is said in words beside it."""

    text: str
    number: bool = True
    detail: str = ""
    state: str = ""
    state_text: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: values in the order of the header, and the same as printed."""

    values: tuple[Value, ...]
    cells: tuple[Cell, ...]
    kind: str = ""
    """own, total or empty: how the row is set."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of a page."""

    header: tuple[str, ...]
    """Column names of the file."""
    columns: tuple[str, ...]
    """Column heads of the page."""
    rows: tuple[Row, ...] = field(default=())


def benchmark_table(benchmark: Benchmark, definition: RegisterDefinition) -> Table:
    """Return the figures of a benchmark: a row for each time point and set of operations."""
    rows = []
    for result in points_with_answers(benchmark):
        label = str(definition.time_points[result.point].labels)
        sets: list[tuple[str, Figures | None, Count | None, str]] = []
        if benchmark.unit is not None:
            sets.append((benchmark.unit.short_name, result.own, result.own_completeness, "own"))
            sets.append((_("The rest"), result.rest, result.rest_completeness, ""))
        sets.append((_("Nation"), result.nation, result.nation_completeness, ""))
        for name, figures, count, kind in sets:
            if figures is not None:
                rows.append(_benchmark_row(label, name, figures, count, kind, result, benchmark))
    return Table(
        header=(
            "time_point",
            "who",
            "n",
            "mean",
            "sd",
            "paired_n",
            "change",
            "change_low",
            "change_high",
            "improved",
            "improved_low",
            "improved_high",
            "difference",
            "difference_low",
            "difference_high",
            "answered",
            "expected",
        ),
        columns=(
            _("Time"),
            _("Who"),
            _("n"),
            _("Mean (SD)"),
            _("Change, 95 % interval"),
            _("Improved"),
            _("Difference from the rest"),
            _("Answered"),
        ),
        rows=tuple(rows),
    )


def _benchmark_row(
    label: str,
    name: str,
    figures: Figures,
    count: Count | None,
    kind: str,
    result: PointResult,
    benchmark: Benchmark,
) -> Row:
    decimals = benchmark.measure.decimals
    change, improved = figures.change_interval, figures.improved_interval
    own = kind == "own"
    between = result.difference_interval if own else None
    difference = result.difference if own else None
    hidden = _("withheld")
    spread = f" ({rounded(figures.sd, decimals)})" if figures.sd is not None else ""
    return Row(
        values=(
            label,
            name,
            figures.n,
            figures.mean,
            figures.sd,
            figures.paired_n,
            figures.change,
            change.low if change else None,
            change.high if change else None,
            figures.improved,
            improved.low if improved else None,
            improved.high if improved else None,
            difference,
            between.low if between else None,
            between.high if between else None,
            count.answered if count else None,
            count.expected if count else None,
        ),
        cells=(
            Cell(label, number=False),
            Cell(name, number=False),
            Cell(hidden if figures.withheld else str(figures.n)),
            Cell("" if figures.mean is None else f"{rounded(figures.mean, decimals)}{spread}"),
            Cell(
                hidden
                if figures.change_withheld and not figures.withheld
                else _with_interval(figures.change, change, decimals)
            ),
            Cell(
                "" if figures.improved is None else percent(figures.improved),
                detail=""
                if figures.improved is None
                else f"{figures.improved_n}/{figures.paired_n}",
            ),
            Cell(_with_interval(difference, between, decimals)),
            _count_cell(count),
        ),
        kind=kind,
    )


def completeness_table(table: CompletenessTable, definition: RegisterDefinition) -> Table:
    """Return completeness by unit, the total last."""
    labels = [str(definition.time_points[point].labels) for point in table.points]
    rows = []
    for row in (*table.rows, table.total):
        name = row.unit.name if row.unit is not None else _("Total")
        counts = [row.counts[point] for point in table.points]
        rows.append(
            Row(
                values=(
                    name,
                    *(
                        number
                        for count in counts
                        for number in ((count.answered, count.expected) if count else (None, None))
                    ),
                ),
                cells=(
                    Cell(name, number=False),
                    *(
                        _count_cell(count, table.targets.get(point))
                        for point, count in zip(table.points, counts, strict=True)
                    ),
                ),
                kind="total" if row.unit is None else "own" if row.own else "",
            )
        )
    return Table(
        header=(
            "unit",
            *(f"{point}_{part}" for point in table.points for part in ("answered", "expected")),
        ),
        columns=(_("Unit"), *labels),
        rows=tuple(rows),
    )


def _with_interval(value: float | None, interval: tuple[float, float] | None, decimals: int) -> str:
    if value is None:
        return ""
    if interval is None:
        return rounded(value, decimals)
    low, high = (rounded(bound, decimals) for bound in interval)
    return _("%(value)s (%(low)s to %(high)s)") % {
        "value": rounded(value, decimals),
        "low": low,
        "high": high,
    }


def _count_cell(count: Count | None, target: float | None = None) -> Cell:
    """Return a completeness; whether the target is reached is said in words, not by colour."""
    if count is None:
        return Cell(_("withheld"))
    if count.share is None:
        return Cell("")
    reached = target is not None and count.share >= target
    return Cell(
        percent(count.share, 1),
        detail=f"{count.answered}/{count.expected}",
        state="" if target is None else "success" if reached else "warning",
        state_text="" if target is None else _("target reached") if reached else _("below target"),
    )
