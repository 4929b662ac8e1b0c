"""[reports] Indicators, tables and benchmarks of a register."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from registry.registers.schema.base import Key, NonEmpty, Part, RegionBasis, Share, Text
from registry.registers.schema.followup import TimePointKey

ScaleCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]

IndicatorMeasure = Literal[
    "completeness",  # share of operations with an answer at `time_point`
    "improved",  # share whose `scale` improved by the relevant change at `time_point`
    "goal_achieved",  # share of assessed operations that achieved `goal`
    "complications",  # share of operations with a complication
    "reoperation",  # share reoperated within `days`
]

TableKind = Literal[
    "consultations_by_region_year",
    "referrals_by_region_year",
    "operations_by_type",
    "goals_by_type",
    "complications_by_type",
    "operations_by_group_year",
    "completeness_by_unit_year",
    "outcomes",
    "breakdown",  # operations by `by`, with any figures about them
]

ColumnMeasure = Literal[
    "row",
    "count",
    "percent",
    "operated",
    "goal",
    "complications",
    "year",
    "total",
    # Of a breakdown, about `variable` at `time_point`:
    "answers",  # how many have a value
    "mean",
    "sd",
    "share",  # percentage with one of `values`
    "flag",  # percentage whose outcome is what the scale's `flag` says
    "pairs",  # how many have a value before surgery as well
    "change",  # mean of value − value before, over pairs
    # … and about nothing but the count:
    "growth",  # percentage by which the count of the year differs from the year before
]


class Indicator(Part):
    """A quality indicator as reviewed data."""

    key: Key
    labels: Text
    measure: IndicatorMeasure
    numerator: Text
    denominator: Text
    why_it_matters: Text
    direction: Literal["higher", "lower"]
    """Which way is better."""
    target: Share | None = None
    minimum_denominator: Annotated[int, Field(ge=1)] = 10
    author: NonEmpty
    next_review: date
    groups: tuple[Key, ...] = ()
    time_point: TimePointKey | None = None
    scale: ScaleCode | None = None
    goal: Key | None = None
    days: Annotated[int, Field(ge=1)] | None = None


class TableColumn(Part):
    """A column of a report table; comparisons use its key, readers see its label.

    `row` is the label of the row; `year` stands for one column per year of the report.
    """

    key: Key
    labels: Text
    measure: ColumnMeasure
    goal: Key | None = None
    variable: Key | None = None
    """A scale, a patient's question, or `age`, `bmi`, `sex`."""
    time_point: TimePointKey | None = None
    """When the variable was answered; of a count by answers, when the rows' answer was."""
    values: tuple[int | str, ...] = ()
    """Which values of the variable a share is of."""
    flag: Key | None = None
    """Which outcome flag of the scale a percentage is of."""
    years: Literal["all", "year", "previous"] = "all"
    """Operations of all years of the table, of the report's year, or of the year before it."""


class Table(Part):
    """A table of the annual report."""

    id: Key
    labels: Text
    kind: TableKind
    by: Key | None = None
    """What the rows of a breakdown are: `published_group`, `year`, `unit`, `region`, `age_band`,
    `weekday`, `sex`, a patient's question, a score that is computed from what surgeons enter, or a
    choice that surgeons enter."""
    region_basis: RegionBasis | None = None
    """None: that of the register."""
    first_year: Annotated[int, Field(ge=1990, le=2100)] | None = None
    groups: tuple[Key, ...] = ()
    procedure_types: tuple[Key, ...] = ()
    """Rows by type, in this order; none means every type in the order of the definition."""
    published_groups: tuple[Key, ...] = ()
    columns: Annotated[tuple[TableColumn, ...], Field(min_length=1)]
    rows: Literal["all", "occurring"] = "all"
    """Whether a row with nothing to count is shown."""
    total: bool = True
    empty_row: Text | None = None
    """The label of the one row that says that nothing occurred."""


class BenchmarkScales(Part):
    """Which scales are compared for some groups, the most important first."""

    groups: Annotated[tuple[Key, ...], Field(min_length=1)]
    scales: Annotated[tuple[ScaleCode, ...], Field(min_length=1)]


class RelevantChange(Part):
    """The smallest change of a scale that matters here, where it differs from the instrument's."""

    scale: ScaleCode
    change: Annotated[float, Field(gt=0)]
    groups: tuple[Key, ...] = ()


class PublishedGroup(Part):
    """A group as a published table prints it: some groups, joined, by some procedure types."""

    key: Key
    labels: Text
    groups: Annotated[tuple[Key, ...], Field(min_length=1)]
    procedure_types: tuple[Key, ...] = ()
    """None means every type."""
    table: str | None = None
    """The number of the table in print."""
    scales: tuple[ScaleCode, ...] = ()
    time_points: tuple[TimePointKey, ...] = ()


class ReportsSection(Part):
    """[reports] What is reported, how, and against which targets."""

    indicators: tuple[Indicator, ...] = ()
    tables: tuple[Table, ...] = ()
    benchmarks: tuple[BenchmarkScales, ...] = ()
    relevant_changes: tuple[RelevantChange, ...] = ()
    published_groups: tuple[PublishedGroup, ...] = ()
