"""The schema of an instrument file: items, wording, scales and how each is computed.

Everything a clinician may want to check stands in the file; only formulas that are neither a
sum, a mean nor a table are `code`, named there and written in `proms.scoring`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from registry.registers.schema.base import Key, NonEmpty, Part, Text

InstrumentCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class Option(Text):
    """One answer of a closed question: the value stored, and its words."""

    value: int
    code: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")] | None = None
    """How the value is written in files, where that is not the number (`removable`)."""
    points: int | None = None
    """What the answer counts in a score, where that is not the value."""


class Condition(Part):
    """An item is asked only when an earlier one was answered with one of these values."""

    item: Key
    values: Annotated[tuple[int, ...], Field(min_length=1)]


class Stem(Part):
    """Words shared by a group of items that are shown together as rows."""

    code: Key
    text: Text


class Item(Part):
    """One question."""

    code: Key
    type: Literal["choice", "vas", "number"]
    text: Text
    help: Text | None = None
    options: tuple[Option, ...] = ()
    low: Text | None = None
    """The words at the lower end of a VAS."""
    high: Text | None = None
    minimum: float | None = None
    maximum: float | None = None
    integer: bool = True
    step: float | None = None
    unit: Text | None = None
    optional: bool = False
    """May be skipped without a word; others need an answer or a deliberate skip."""
    stem: Key | None = None
    show_if: Condition | None = None

    @model_validator(mode="after")
    def _fits_its_type(self) -> Self:
        if self.type == "choice":
            values = [option.value for option in self.options]
            if len(values) < 2:
                raise ValueError(f"{self.code}: a choice needs at least two options")
            if len(set(values)) != len(values):
                raise ValueError(f"{self.code}: two options have the same value")
            if len({option.code is None for option in self.options}) > 1:
                raise ValueError(f"{self.code}: give every option a code, or none")
        else:
            if self.options:
                raise ValueError(f"{self.code}: only a choice has options")
            if self.minimum is None or self.maximum is None or self.minimum >= self.maximum:
                raise ValueError(f"{self.code}: minimum and maximum are needed, in this order")
        if self.type == "vas" and (self.low is None or self.high is None):
            raise ValueError(f"{self.code}: a VAS needs words at both ends (low, high)")
        return self

    @cached_property
    def values(self) -> tuple[int, ...]:
        """The values that may be stored for a choice, in the order shown; else empty."""
        return tuple(option.value for option in self.options)

    @property
    def highest(self) -> float:
        """The highest value that may be stored."""
        return max(self.values) if self.options else float(self.maximum or 0)

    @property
    def lowest(self) -> float:
        """The lowest value that may be stored."""
        return min(self.values) if self.options else float(self.minimum or 0)

    def accepts(self, value: float) -> bool:
        """Whether `value` is an answer to this item."""
        if self.options:
            return value in self.values
        if self.minimum is None or self.maximum is None:
            return False
        if not self.minimum <= value <= self.maximum:
            return False
        if self.step is not None:
            return float((value - self.minimum) % self.step) == 0
        return not self.integer or float(value).is_integer()

    def expected(self) -> str:
        """In plain English, which values are accepted; for error messages about files."""
        if self.options:
            return "one of " + ", ".join(
                option.code or str(option.value) for option in self.options
            )
        step = f" in steps of {self.step:g}" if self.step else ""
        kind = "a whole number" if self.integer else "a number"
        return f"{kind} from {self.minimum:g} to {self.maximum:g}{step}"


class Limits(NamedTuple):
    """The limits of an instrument's items; arrays of shape (n_items, 1)."""

    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]
    broken: NDArray[np.bool_]
    """Whether an answer need not be a whole number."""
    with_gaps: tuple[int, ...]
    """The places of items that do not allow every whole number in between."""


def _column(values: Iterable[float]) -> NDArray[Any]:
    return np.array(list(values)).reshape(-1, 1)


def _has_gaps(values: tuple[int, ...]) -> bool:
    return bool(values) and len(values) != max(values) - min(values) + 1


class ValueSet(Part):
    """Preference weights of EQ-5D-3L: start + terms for every item above level 1."""

    name: NonEmpty
    source: NonEmpty
    start: Decimal
    """The value of state 11111, and the start for every other state."""
    any_above_1: Decimal = Decimal(0)
    """Added once when any item is above level 1."""
    any_3: Decimal = Decimal(0)
    """Added once when any item is at level 3 (N3)."""
    terms: dict[Key, tuple[Decimal, Decimal]]
    """For each item the term at level 2 and at level 3."""


class Formula(Part):
    """How a scale is computed from its answered items.

    - value: the answer of the one item, as given
    - percent: 100 · sum / (highest possible sum of the answered items), every item from 0
    - mean: mean of the answered items
    - value_set: an EQ-5D-3L index
    - profile: the levels one after the other (11231)
    - code: a function of `proms.scoring`, named in `function`
    """

    kind: Literal["value", "percent", "mean", "value_set", "profile", "code"]
    items: Annotated[tuple[Key, ...], Field(min_length=1)]
    minimum_answered: Annotated[int, Field(ge=1)] | None = None
    """Fewer answers than this give no score; all items when not given."""
    function: Key | None = None
    requires: tuple[Key, ...] = ()
    """Other scales that must have a value for this one to have one."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if len(set(self.items)) != len(self.items):
            raise ValueError("an item is named twice")
        if self.minimum_answered is not None and self.minimum_answered > len(self.items):
            raise ValueError("minimum_answered is more than there are items")
        if (self.kind == "code") != (self.function is not None):
            raise ValueError("function is for kind “code”, and needed there")
        if self.kind == "value" and len(self.items) != 1:
            raise ValueError("kind “value” takes exactly one item")
        return self

    @property
    def minimum(self) -> int:
        return len(self.items) if self.minimum_answered is None else self.minimum_answered


class Band(Part):
    """A named part of the range: up to and including `upto`, or below `below`."""

    code: Key
    label: Text
    upto: float | None = None
    below: float | None = None

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.upto is None) == (self.below is None):
            raise ValueError("a band ends with either upto or below")
        return self

    def ends_before(self, value: float) -> bool:
        """Whether `value` lies above this band."""
        return value > self.upto if self.upto is not None else value >= (self.below or 0)


class OutcomeFlag(Part):
    """A yes or no about the outcome of one patient, as published reports count it.

    By exactly one rule: better by so many points or by so many percent of the score before, or a
    score after of at most, or above, a limit. See `proms.scoring.change.reached`.
    """

    code: Key
    label: Text
    source: NonEmpty
    improvement: Annotated[float, Field(gt=0)] | None = None
    percent_improvement: Annotated[float, Field(gt=0)] | None = None
    at_most: float | None = None
    above: float | None = None

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        rules = (self.improvement, self.percent_improvement, self.at_most, self.above)
        if sum(rule is not None for rule in rules) != 1:
            raise ValueError(f"{self.code}: a flag has exactly one rule")
        return self

    @property
    def compares(self) -> bool:
        """Whether the score before is needed too."""
        return self.improvement is not None or self.percent_improvement is not None


class Scale(Part):
    """One score of an instrument."""

    code: Key
    column: Key | None = None
    """The column of score files; the code when not given."""
    label: Text
    kind: Literal["number", "text"] = "number"
    range: tuple[float, float] | None = None
    direction: Literal["higher_is_better", "lower_is_better"] | None = None
    formula: Formula
    relevant_change: Annotated[float, Field(gt=0)] | None = None
    """The smallest change that matters to a patient; a register may use its own."""
    relevant_change_source: NonEmpty | None = None
    bands: tuple[Band, ...] = ()
    outcome_flags: tuple[OutcomeFlag, ...] = ()
    values: dict[str, Text] = {}
    """What the values of a text are called, where they are words; a code such as 1A- is not."""
    decimals: Annotated[int, Field(ge=0, le=4)] = 1
    """Of means, and of one score unless it is a whole number as answered (see
    ``Instrument.decimals_of_one``); scores are stored unrounded."""
    count_column: bool = True
    reason_column: bool = False

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind == "number" and (self.range is None or self.range[0] >= self.range[1]):
            raise ValueError(f"{self.code}: a number needs a range, lowest value first")
        if self.values and self.kind != "text":
            raise ValueError(f"{self.code}: only a text has named values")
        if self.relevant_change is not None and self.direction is None:
            raise ValueError(f"{self.code}: a relevant change needs a direction")
        if self.outcome_flags and self.direction is None:
            raise ValueError(f"{self.code}: an outcome flag needs a direction")
        limits = [(band.upto, band.below) for band in self.bands]
        ends = [upto if upto is not None else below for upto, below in limits]
        if ends != sorted(ends, key=lambda end: end or 0):
            raise ValueError(f"{self.code}: bands go from low to high")
        if self.bands and self.range and self.bands[-1].ends_before(self.range[1]):
            raise ValueError(f"{self.code}: the last band ends before the range does")
        return self

    @property
    def output(self) -> str:
        """The column of this scale in a score file."""
        return self.column or self.code

    @property
    def higher_is_better(self) -> bool:
        return self.direction == "higher_is_better"

    def named(self, value: str) -> str:
        """What a text is called in the language of the reader."""
        return str(self.values.get(value, value))

    def band(self, value: float | None) -> Band | None:
        """The band that `value` (unrounded) lies in."""
        if value is None:
            return None
        return next((band for band in self.bands if not band.ends_before(value)), None)


class Licence(Part):
    """Who owns the published questionnaire."""

    owner: NonEmpty
    required: bool = True
    """Whether patients may only be sent the owner's wording."""
    credit: NonEmpty | None = None
    """Line to print with the questionnaire."""

    @property
    def owned(self) -> bool:
        """Whether the questionnaire belongs to somebody; the register's own questions do not."""
        return self.owner != "none"


class DemonstrationWording(Part):
    """The project's own words in this file."""

    version: Annotated[str, Field(pattern=r"^(demo-[0-9]+|none)$")]
    validated: bool = False


class Instrument(Part):
    """An instrument: what is asked, in which words, and which scores come of it."""

    code: InstrumentCode
    version: Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)*$")]
    status: Literal["active", "planned"] = "active"
    respondent: Literal["patient", "surgeon"] = "patient"
    name: Text
    introduction: Text | None = None
    licence: Licence
    source: NonEmpty
    wording: DemonstrationWording = DemonstrationWording(version="none")
    seconds: Annotated[int, Field(ge=0)] = 0
    """How long an average patient needs, for telling the real number of minutes."""
    parts: tuple[InstrumentCode, ...] = ()
    """A collection of other instruments, for files that hold several in one row."""
    items_of: InstrumentCode | None = None
    """Asks exactly the items of another instrument, and scores them in its own way."""
    stems: tuple[Stem, ...] = ()
    items: tuple[Item, ...] = ()
    scales: tuple[Scale, ...] = ()
    value_sets: dict[Key, ValueSet] = {}
    default_value_set: Key | None = None
    """Only for files; a register names its own."""
    variants: tuple[Key, ...] = ()
    """Scoring variants that a register chooses between, the first is the default."""

    @model_validator(mode="before")
    @classmethod
    def _options_by_name(cls, data: Any) -> Any:
        """Items may name a set of options that several share: options = "trouble"."""
        if not isinstance(data, dict) or "option_sets" not in data:
            return data
        data = dict(data)
        sets = data.pop("option_sets")
        items = []
        for item in data.get("items", ()):
            if isinstance(item, dict) and isinstance(item.get("options"), str):
                if item["options"] not in sets:
                    raise ValueError(f"unknown option set “{item['options']}”")
                item = {**item, "options": sets[item["options"]]}
            items.append(item)
        return {**data, "items": items}

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        codes = [item.code for item in self.items]
        if len(set(codes)) != len(codes):
            raise ValueError("two items have the same code")
        self._check_rows(codes)
        known_scales: set[str] = set()
        for scale in self.scales:
            unknown = set(scale.formula.items) - set(codes)
            if unknown and not self.parts:
                raise ValueError(f"scale {scale.code}: unknown items {', '.join(sorted(unknown))}")
            if set(scale.formula.requires) - known_scales:
                raise ValueError(f"scale {scale.code}: requires must name earlier scales")
            if scale.code in known_scales:
                raise ValueError(f"two scales are called {scale.code}")
            known_scales.add(scale.code)
            if scale.formula.kind == "value_set":
                self._check_value_sets(scale.formula.items)
        if self.default_value_set and self.default_value_set not in self.value_sets:
            raise ValueError(f"default_value_set: no value set “{self.default_value_set}”")
        if self.status == "active" and not (self.items or self.parts):
            raise ValueError("an active instrument has items or parts")
        return self

    def _check_rows(self, codes: list[str]) -> None:
        stems = {stem.code for stem in self.stems}
        closed: set[str] = set()
        current: Item | None = None
        for position, item in enumerate(self.items):
            if item.show_if and item.show_if.item not in codes[:position]:
                raise ValueError(f"{item.code}: show_if must name an earlier item")
            if item.stem is not None:
                if item.stem not in stems:
                    raise ValueError(f"{item.code}: unknown stem “{item.stem}”")
                if item.stem in closed:
                    raise ValueError(f"{item.code}: items of a stem stand together")
                if current and current.stem == item.stem and current.values != item.values:
                    raise ValueError(f"{item.code}: items of a stem share their options")
            if current and current.stem and current.stem != item.stem:
                closed.add(current.stem)
            current = item

    def _check_value_sets(self, items: tuple[str, ...]) -> None:
        if not self.value_sets:
            raise ValueError("an index needs value_sets")
        for name, value_set in self.value_sets.items():
            if set(value_set.terms) != set(items):
                raise ValueError(f"value set {name}: needs a term for each of {', '.join(items)}")

    @cached_property
    def limits(self) -> Limits:
        """What may be stored for each item, for looking at many answers at once."""
        return Limits(
            lowest=_column(item.lowest for item in self.items),
            highest=_column(item.highest for item in self.items),
            broken=_column(not (item.options or item.integer) for item in self.items),
            with_gaps=tuple(
                position
                for position, item in enumerate(self.items)
                if item.step is not None or _has_gaps(item.values)
            ),
        )

    @cached_property
    def item_codes(self) -> tuple[str, ...]:
        return tuple(item.code for item in self.items)

    @cached_property
    def items_by_code(self) -> dict[str, Item]:
        return {item.code: item for item in self.items}

    @cached_property
    def scales_by_code(self) -> dict[str, Scale]:
        return {scale.code: scale for scale in self.scales}

    def item(self, code: str) -> Item:
        """The item `code`; KeyError when there is none."""
        return self.items_by_code[code]

    def decimals_of_one(self, scale: Scale) -> int:
        """Decimals of one patient's score: none where it is a whole number as it was answered.

        A scale's own decimals are for means as well.
        """
        formula = scale.formula
        is_answer = formula.kind == "value" and all(
            self.item(code).options or self.item(code).integer for code in formula.items
        )
        return 0 if is_answer else scale.decimals

    def scale(self, code: str) -> Scale:
        """The scale `code`; KeyError when there is none."""
        return self.scales_by_code[code]
