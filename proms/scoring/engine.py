"""Scores all scales of an instrument over an array of answers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from proms.instruments.loader import instrument as instrument_by_code
from proms.instruments.schema import Formula, Instrument, Scale
from proms.scoring import eq5d
from proms.scoring.arrays import (
    FloatArray,
    TextArray,
    count_answered,
    no_reasons,
    sum_answered,
)
from proms.scoring.functions import FUNCTIONS
from proms.scoring.results import Answers, Computed, Reason, ScaleScores, Score


class UnknownValueSet(ValueError):
    """The instrument needs a value set, and the one named is none of its own."""


class UnknownAnswer(ValueError):
    """An answer to an item that the instrument does not have."""


def score(
    instrument: Instrument,
    answers: np.ndarray,
    *,
    value_set: str | None = None,
    variant: str | None = None,
    minimum_answered: Mapping[str, int] | None = None,
) -> dict[str, ScaleScores]:
    """The scales of `instrument` by code, for `answers` of shape (n_responses, n_items).

    Columns are in the order of `instrument.item_codes`, missing answers NaN. `value_set` is
    needed by an index (EQ-5D-3L). `variant` chooses among `instrument.variants`.
    `minimum_answered` overrides a scale's minimum by code (the register decides).

    An answer outside its item's options counts as not answered and leaves every scale it
    belongs to without a value, with the reason `invalid_answer`.

    Raises UnknownValueSet, or ValueError for a wrong shape or variant.
    """
    answers = np.asarray(answers, dtype=np.float64)
    if answers.ndim != 2 or answers.shape[1] != len(instrument.items):
        raise ValueError(
            f"{instrument.code}: answers must have shape (n, {len(instrument.items)}), "
            f"not {answers.shape}"
        )
    chosen = _variant(instrument, value_set, variant)
    rows = np.ascontiguousarray(answers.T)
    wrong = ~(np.isnan(rows) | _accepted(instrument, rows))
    any_wrong = wrong.any(axis=1)
    if any_wrong.any():
        rows = np.where(wrong, np.nan, rows)
    columns = dict(zip(instrument.item_codes, rows, strict=True))
    invalid = {
        code: wrong[position] if any_wrong[position] else None
        for position, code in enumerate(instrument.item_codes)
    }

    held = Answers(instrument, columns, chosen)
    scores: dict[str, ScaleScores] = {}
    for scale in instrument.scales:
        needed = (minimum_answered or {}).get(scale.code, scale.formula.minimum)
        scores[scale.code] = _scale(held, scale, needed, invalid, scores)
    return scores


def score_one(
    instrument_code: str,
    answers: Mapping[str, float | None],
    *,
    value_set: str | None = None,
    variant: str | None = None,
    version: str | None = None,
    minimum_answered: Mapping[str, int] | None = None,
) -> dict[str, Score]:
    """The scales of one response; items left out of `answers` are unanswered.

    Raises UnknownInstrument, UnknownAnswer for a foreign item, UnknownValueSet.
    """
    asked = instrument_by_code(instrument_code, version)
    foreign = set(answers) - set(asked.item_codes)
    if foreign:
        raise UnknownAnswer(f"{asked.code} has no item {', '.join(sorted(foreign))}")
    given = (answers.get(code) for code in asked.item_codes)
    row = np.array([[np.nan if value is None else value for value in given]], dtype=np.float64)
    scored = score(
        asked,
        row.reshape(1, len(asked.items)),
        value_set=value_set,
        variant=variant,
        minimum_answered=minimum_answered,
    )
    chosen = _variant(asked, value_set, variant)
    return {
        code: Score(
            value=None if scale.reason_codes[0] else _plain(scale.values[0]),
            answered=int(scale.answered[0]),
            reason=Reason(scale.reasons[0]) if scale.reason_codes[0] else None,
            instrument_version=asked.version,
            variant=chosen,
        )
        for code, scale in scored.items()
    }


def _plain(value: object) -> float | str:
    return value if isinstance(value, str) else float(value)  # type: ignore[arg-type]


def _variant(instrument: Instrument, value_set: str | None, variant: str | None) -> str:
    """The value set or variant in force, checked against what the instrument has."""
    if instrument.value_sets:
        if value_set not in instrument.value_sets:
            known = ", ".join(sorted(instrument.value_sets))
            named = f"unknown value set “{value_set}”" if value_set else "name a value set"
            raise UnknownValueSet(f"{instrument.code}: {named}; known are {known}")
        return value_set
    if variant is not None and variant not in instrument.variants:
        known = ", ".join(instrument.variants) or "none"
        raise ValueError(f"{instrument.code}: unknown variant “{variant}”; known are {known}")
    return variant or (instrument.variants[0] if instrument.variants else "")


def _accepted(instrument: Instrument, rows: FloatArray) -> np.ndarray:
    """Which answers, shape (n_items, n_responses), lie within their item's options or range.

    NaN is not accepted.
    """
    limits = instrument.limits
    within = (rows >= limits.lowest) & (rows <= limits.highest)
    within &= limits.broken | (np.floor(rows) == rows)
    for position in limits.with_gaps:
        item = instrument.items[position]
        if item.options:
            within[position] &= np.isin(rows[position], item.values)
        else:
            within[position] &= (rows[position] - item.lowest) % item.step == 0
    return within


def _scale(
    held: Answers,
    scale: Scale,
    needed: int,
    invalid: Mapping[str, np.ndarray | None],
    scores: Mapping[str, ScaleScores],
) -> ScaleScores:
    formula = scale.formula
    columns = held.of(formula.items)
    answered = count_answered(columns)
    values, reasons = _compute(held, scale, columns, scores)

    for other in formula.requires:
        reasons[(reasons == 0) & (scores[other].reason_codes != 0)] = (
            Reason.OTHER_SCALE_MISSING.code
        )
    reasons[answered < needed] = Reason.TOO_FEW_ANSWERS.code
    for code in formula.items:
        if invalid[code] is not None:
            reasons[invalid[code]] = Reason.INVALID_ANSWER.code
    values[reasons != 0] = None if values.dtype == object else np.nan
    return ScaleScores(values, answered, reasons)


def _compute(
    held: Answers, scale: Scale, columns: FloatArray, scores: Mapping[str, ScaleScores]
) -> Computed:
    """Values for every row; rows without enough answers are blanked by the caller."""
    formula = scale.formula
    if formula.kind == "code":
        return FUNCTIONS[formula.function or ""](held, scale, scores)
    if formula.kind == "value":
        values: FloatArray | TextArray = columns[0].copy()
    elif formula.kind == "percent":
        values = _percent(held.instrument, formula, columns)
    elif formula.kind == "mean":
        values = sum_answered(columns) / np.maximum(count_answered(columns), 1)
    elif formula.kind == "value_set":
        values = eq5d.index(held.instrument.value_sets[held.variant], formula.items, columns)
    else:
        values = eq5d.profile(columns)
    return values, no_reasons(columns.shape[1])


def _percent(instrument: Instrument, formula: Formula, columns: FloatArray) -> FloatArray:
    """100 · sum / highest possible sum of the answered items.

    The multiplication comes first: sums are whole numbers, so that the one division is exact
    where the result is.
    """
    highest = np.array([instrument.item(code).highest for code in formula.items])
    possible = np.where(np.isnan(columns), 0.0, highest[:, None]).sum(axis=0)
    return 100.0 * sum_answered(columns) / np.where(possible > 0, possible, 1.0)
