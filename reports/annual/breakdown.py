"""Tables that a definition describes whole: operations by one thing, with figures about another.

`by` says what the rows are, each column what is figured out about their operations. What both may
name is in `DIMENSIONS` and `ROWS`, and beyond these whatever the register asks or measures: a new
table needs a definition, no code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from proms.instruments import instrument
from proms.instruments.schema import OutcomeFlag
from registry.core.alphabet import sort_key
from registry.core.choices import Sex
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.reporting import Table as Layout
from registry.registers.schema.reporting import TableColumn
from reports.actions.statements import TOLERANCE
from reports.annual import selectors
from reports.annual.selectors import Scores
from reports.annual.tables import Cell, Column, Place, Table, percent, rounded
from reports.scales import measures, reported_questions
from reports.statistics.moments import mean, standard_deviation

if TYPE_CHECKING:
    from reports.annual.builders import Context

DIMENSIONS: Mapping[str, str] = {
    name: f"operation.{name}"
    for name in ("age", "bmi", "sex", "symptom_duration_axial", "symptom_duration_limb", "smoking")
}
"""What is known of every operation, as a column of the facts."""

OLDEST_BAND = 90
ROWS: Mapping[str, str] = {
    "year": "operation.year",
    "unit": "operation.unit_id",
    "age_band": f"least(operation.age / 10 * 10, {OLDEST_BAND})",
    "weekday": "extract(isodow FROM operation.performed_on)::int",
    **{name: DIMENSIONS[name] for name in DIMENSIONS if name not in {"age", "bmi"}},
}
"""What rows can be, beside published groups, regions, questions, computed scores and choices."""

TOTAL = "total"


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a breakdown: their key in SQL, what it needs, and their labels in order."""

    key: str
    labels: list[tuple[Any, str]]
    join: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)


def breakdown(context: Context, layout: Layout) -> Iterator[Table]:
    """Operations by ``layout.by``; a row without operations is shown where the layout says so."""
    held: dict[str, dict[Any, Scores]] = {}
    if layout.by == "published_group":
        labels = []
        for key in layout.published_groups:
            group = context.definition.published_groups[key]
            labels.append((key, str(group.labels)))
            rows = Rows("%(row)s::text", labels[-1:], parameters={"row": key})
            for column, found in _read(
                context, layout, rows, layout.columns, group.groups, group.procedure_types
            ).items():
                held.setdefault(column, {}).update(found)
    else:
        labels = []
        for point, columns in _by_time_point(context.definition, layout).items():
            rows = _rows(context, layout, point)
            labels = rows.labels
            groups = layout.groups or tuple(context.definition.groups)
            held |= _read(context, layout, rows, columns, groups, layout.procedure_types)
    counted = [c for c in layout.columns if c.measure in {"count", "answers"}]
    if layout.rows == "occurring":
        labels = [
            (key, label)
            for key, label in labels
            if any(key in held[column.key] for column in counted)
        ]
    yield _table(context, layout, labels, held)


# --- Reading ----------------------------------------------------------------------------------


def _by_time_point(definition: RegisterDefinition, layout: Layout) -> dict[str, list[TableColumn]]:
    """Columns by when the answer that makes the rows was given.

    Counts by an answer say so themselves; everything else is by the answer before surgery.
    """
    answered = layout.by in reported_questions(definition)
    columns: dict[str, list[TableColumn]] = {}
    for column in layout.columns:
        counts = column.measure in {"count", "percent"}
        point = column.time_point if answered and counts and column.time_point else "before"
        columns.setdefault(point, []).append(column)
    return columns


def _rows(context: Context, layout: Layout, point: str) -> Rows:
    definition, by = context.definition, str(layout.by)
    if by == "region":
        basis = layout.region_basis or definition.about.region_basis
        key = f"operation.{'residence' if basis == 'residence' else 'unit'}_region_id"
        regions = selectors.regions(definition.about.country, ())
        return Rows(key, [(region.pk, region.report_label) for region in regions])
    if by in ROWS:
        return Rows(ROWS[by], _labels(context, layout))
    if by in definition.patient_questions:
        return Rows(_value(by, point), _options(definition, by), selectors.join_of_fact(by))
    if by in definition.variables:
        options = definition.variables[by].options
        return Rows(
            "source.details ->> %(choice)s",
            [(option.key, str(option.labels)) for option in options],
            "JOIN procedures_operation AS source ON source.id = operation.operation_id",
            {"choice": by},
        )
    scored = selectors.surgeons_scores(context.viewer, context.register_code, scale=by)
    return Rows(
        "scored.score",
        _computed_labels(definition, by, set(scored.values())),
        "JOIN unnest(%(scored)s::bigint[], %(scores)s::text[]) AS scored (operation_id, score)"
        " ON scored.operation_id = operation.operation_id",
        {"scored": list(scored), "scores": list(scored.values())},
    )


def _labels(context: Context, layout: Layout) -> list[tuple[Any, str]]:
    match layout.by:
        case "year":
            return [(year, str(year)) for year in context.years(layout)]
        case "unit":
            units = selectors.units_with_labels(context.register_code, layout.id)
            pairs = [(unit.pk, label) for unit, label in units]
            return sorted(pairs, key=lambda one: sort_key(one[1], context.language))
        case "age_band":
            bands = [(low, f"{low}–{low + 9}") for low in range(0, OLDEST_BAND, 10)]
            return [*bands, (OLDEST_BAND, f"{OLDEST_BAND}+")]
        case "weekday":
            return [(day + 1, str(name).capitalize()) for day, name in WEEKDAYS.items()]
        case "sex":
            return [(value, str(label)) for value, label in Sex.choices]
    return _options(context.definition, str(layout.by))


def _options(definition: RegisterDefinition, question: str) -> list[tuple[Any, str]]:
    asked = definition.patient_questions[question]
    item = instrument(asked.instruments[0]).items_by_code[asked.item]
    return [(option.value, str(option)) for option in item.options]


def _computed_labels(
    definition: RegisterDefinition, scale: str, occurring: set[str]
) -> list[tuple[Any, str]]:
    """Labels of the values of a score; only numbers that occur, and words that are in force."""
    scales = selectors.surgeons_scales(definition)
    words = scales[scale].values
    if not words:
        return [(score, score) for score in sorted(occurring, key=float)]
    return [(key, str(text)) for key, text in words.items() if key in occurring]


def _value(name: str, point: str | None) -> str:
    """SQL of a variable of an operation, as it was answered at a time point."""
    if name in DIMENSIONS:
        return DIMENSIONS[name]
    point = point or "before"
    return (
        f"CASE WHEN operation.{point}_completed <= %(on)s THEN {selectors.alias(name)}.{point} END"
    )


def flag_sql(flag: OutcomeFlag, before: str, after: str, *, higher_is_better: bool) -> str:
    """Return SQL that is 1, 0 or NULL as `proms.scoring.change.reached` is yes, no or unknown."""
    points = f"({after} - {before})" if higher_is_better else f"({before} - {after})"
    if flag.at_most is not None:
        told = f"{after} <= {flag.at_most} + {TOLERANCE}"
    elif flag.above is not None:
        told = f"{after} > {flag.above} + {TOLERANCE}"
    elif flag.improvement is not None:
        told = f"{points} >= {flag.improvement} - {TOLERANCE}"
    else:
        percent = f"100 * {points} / abs(nullif({before}, 0))"
        told = f"{percent} >= {flag.percent_improvement} - {TOLERANCE}"
    return f"({told})::int"


def _expression(
    definition: RegisterDefinition, column: TableColumn, parameters: dict[str, Any]
) -> str:
    """SQL of what a column sums over its operations."""
    name = column.variable
    if name is None:
        return "1"
    value = _value(name, column.time_point)
    if column.measure in {"pairs", "change"}:
        return f"({value}) - ({_value(name, 'before')})"
    if column.measure == "share":
        parameters[f"{column.key}_values"] = [str(one) for one in column.values]
        return f"(({value})::text = ANY(%({column.key}_values)s))::int"
    if column.measure == "flag":
        scale = measures(definition)[name]
        flag = scale.flags[str(column.flag)]
        before = f"({_value(name, 'before')})"
        return flag_sql(flag, before, f"({value})", higher_is_better=scale.higher_is_better)
    return value


def _read(
    context: Context,
    layout: Layout,
    rows: Rows,
    columns: Sequence[TableColumn],
    groups: tuple[str, ...],
    procedure_types: tuple[str, ...],
) -> dict[str, dict[Any, Scores]]:
    """Number, sum and sum of squares for every column (by its key) and row, TOTAL among them."""
    years = context.years(layout)
    spans = {
        "all": years,
        "year": range(context.year, context.year + 1),
        "previous": range(context.year - 1, context.year),
    }
    parameters = dict(rows.parameters)
    sums: dict[str, tuple[str, range]] = {}
    for column in columns:
        if column.measure == "growth":
            sums |= {f"{column.key}/{name}": ("1", spans[name]) for name in ("year", "previous")}
        elif column.measure != "row":
            expression = _expression(context.definition, column, parameters)
            sums[column.key] = expression, spans[column.years]
    facts = {
        column.variable
        for column in columns
        if column.variable is not None and column.variable not in DIMENSIONS
    }
    joins = [selectors.join_of_fact(code) for code in sorted(facts)]
    return selectors.broken_down(
        context.viewer,
        context.register_code,
        row=rows.key,
        total=TOTAL,
        joins=[rows.join, *(join for join in joins if join != rows.join)],
        sums=sums,
        parameters=parameters,
        groups=groups,
        procedure_types=procedure_types,
        years=years,
        until=context.until,
    )


# --- Writing ----------------------------------------------------------------------------------


def _table(
    context: Context,
    layout: Layout,
    labels: list[tuple[Any, str]],
    held: dict[str, dict[Any, Scores]],
) -> Table:
    rows = [*labels, *([(TOTAL, pgettext("sum of a table", "Total"))] if layout.total else [])]
    behind: dict[Place, int] = {}
    cells: list[tuple[Cell, ...]] = []
    for place, (key, label) in enumerate(rows):
        row: list[Cell] = [label]
        for position, column in enumerate(layout.columns[1:], start=1):
            value, cases = _cell(context.definition, column, key, held)
            row.append(value)
            if column.measure not in {"count", "answers", "pairs"} and cases:
                behind[place, position] = cases
        cells.append(tuple(row))
    notes = []
    if any(column.measure == "percent" for column in layout.columns):
        notes.append(_("Percent: of the operations for which it is known."))
    if any(column.measure in {"share", "flag"} for column in layout.columns):
        notes.append(_("Percent: of those who answered."))
    if any(column.measure == "flag" for column in layout.columns):
        notes.append(_("Better by so much: of those who answered both before and after."))
    if any(column.measure == "change" for column in layout.columns):
        notes.append(
            _("Gain: over those who answered both before and after, positive where better.")
        )
    return Table(
        id=layout.id,
        title=str(layout.labels),
        columns=tuple(_column(context, layout, column) for column in layout.columns),
        rows=tuple(cells),
        has_total=layout.total,
        notes=tuple(notes),
        behind=behind,
    )


def _column(context: Context, layout: Layout, column: TableColumn) -> Column:
    label = str(column.labels)
    if column.years != "all":
        label = f"{label} {context.year if column.years == 'year' else context.year - 1}"
    if column.measure == "row":
        return Column(column.key, label, "label")
    if column.measure in {"count", "answers", "pairs"}:
        return Column(column.key, label)
    about = tuple(
        other.key
        for other in layout.columns
        if (other.measure in {"answers", "pairs"} and other.variable == column.variable)
        or (other.measure == "count" and _of_same(other, column))
    )
    decimals = _decimals(context.definition, column)
    return Column(column.key, label, "figure", decimals, about=about, one_measure=True)


def _of_same(count: TableColumn, figure: TableColumn) -> bool:
    """Whether a figure falls with a count: it is of the same operations, or of these among them."""
    if figure.measure == "growth":
        return count.years in {"year", "previous"}
    return count.years == figure.years and (
        figure.measure != "percent" or count.time_point == figure.time_point
    )


def _decimals(definition: RegisterDefinition, column: TableColumn) -> int:
    scale = measures(definition).get(column.variable or "")
    if column.measure in {"percent", "share", "flag", "growth"} or scale is None:
        return 1
    return scale.decimals


def _cell(
    definition: RegisterDefinition,
    column: TableColumn,
    key: Any,
    held: dict[str, dict[Any, Scores]],
) -> tuple[Cell, int]:
    """The value of a cell and the number of cases behind it."""
    none = Scores(0, 0.0, 0.0)
    if column.measure == "growth":
        now = held[f"{column.key}/year"].get(key, none).n
        then = held[f"{column.key}/previous"].get(key, none).n
        grown = percent(now - then, then) if then else None
        return grown, min(now or then, then)
    found = held[column.key].get(key, none)
    if column.measure in {"count", "answers", "pairs"}:
        return found.n, found.n
    if column.measure == "percent":
        whole = held[column.key].get(TOTAL, none).n
        return (percent(found.n, whole) if found.n else None), found.n
    if column.measure in {"share", "flag"}:
        return percent(round(found.total), found.n), found.n
    decimals = _decimals(definition, column)
    if column.measure == "sd":
        return rounded(standard_deviation(found.n, found.total, found.squares), decimals), found.n
    value = mean(found.n, found.total)
    scale = measures(definition).get(column.variable or "")
    if column.measure == "change" and value is not None and scale is not None:
        value = value if scale.higher_is_better else -value
    return rounded(value, decimals), found.n
