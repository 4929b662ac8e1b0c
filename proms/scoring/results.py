"""What scoring speaks of: reasons, scores of a scale, the answers a formula sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from proms.instruments.schema import Instrument, Scale
from proms.scoring.arrays import FloatArray, IntArray, ReasonCodes, TextArray


class Reason(StrEnum):
    """Why a scale has no value."""

    TOO_FEW_ANSWERS = "too_few_answers"
    INVALID_ANSWER = "invalid_answer"
    OTHER_SCALE_MISSING = "other_scale_missing"
    NO_TYPE = "no_type"
    CONTRADICTION = "contradiction"

    @property
    def message(self) -> Promise:
        """The reason in words, for staff."""
        return _REASONS[self]

    @property
    def code(self) -> int:
        """Its place, from 1, as arrays hold it."""
        return _CODES.index(self)


_CODES: tuple[str, ...] = ("", *Reason)

_REASONS: dict[str, Promise] = {
    "too_few_answers": _("Too few questions were answered to compute this score."),
    "invalid_answer": _("An answer lies outside what the question allows."),
    "other_scale_missing": _("Another scale that this score builds on has no value."),
    "no_type": _("This combination of structural curves has no type."),
    "contradiction": _("The measurements contradict each other. Check them."),
}


@dataclass(frozen=True, slots=True)
class ScaleScores:
    """One scale over all responses.

    `values` holds float64 with NaN for no score (text scales: objects with None), `answered` the
    number of its items answered, `reason_codes` 0 or why there is no score (`Reason.code`).
    """

    values: FloatArray | TextArray
    answered: IntArray
    reason_codes: ReasonCodes

    @property
    def reasons(self) -> TextArray:
        """The name of the reason where there is no score, else ""."""
        return np.array(_CODES)[self.reason_codes]


@dataclass(frozen=True, slots=True)
class Score:
    """One scale of one response, with what it takes to know how it came about."""

    value: float | str | None
    answered: int
    reason: Reason | None
    instrument_version: str
    variant: str
    """The value set or scoring variant, "" where there is only one way."""


Computed = tuple[FloatArray | TextArray, ReasonCodes]
"""Values and reasons of one scale."""


@dataclass(frozen=True)
class Answers:
    """Answers of many responses, by item, as a formula sees them: NaN where missing."""

    instrument: Instrument
    columns: Mapping[str, FloatArray]
    variant: str

    def of(self, items: tuple[str, ...]) -> FloatArray:
        """Shape (len(items), n_responses): sums over items are then fast."""
        return np.stack([self.columns[code] for code in items])


Function = Callable[[Answers, Scale, Mapping[str, ScaleScores]], Computed]
"""A formula that is code: the answers, the scale wanted, and the scales scored before it."""
