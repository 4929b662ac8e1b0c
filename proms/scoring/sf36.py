"""SF-36 version 1 and the RAND-36 scoring of the same items.

Items and minimum numbers of answers stand in the instrument files; here are the recodings.
Everything is added up in whole hundredths, so that each scale is one exact division.

Sources: Ware et al., SF-36 Health Survey manual (1993) and Physical and Mental Health Summary
Scales manual (1994), US 1990 norms; Hays, Sherbourne & Mazel, RAND-36 (1993).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from proms.instruments.schema import Scale
from proms.scoring.arrays import FloatArray, count_answered, no_reasons, sum_answered
from proms.scoring.results import Answers, Computed, ScaleScores

# Final item values in hundredths, for the answers 1, 2, 3 …
_RECODED: dict[str, tuple[int, ...]] = {
    "sf1": (500, 440, 340, 200, 100),
    "sf6": (500, 400, 300, 200, 100),
    "sf7": (600, 540, 420, 310, 220, 100),
    "sf8": (500, 400, 300, 200, 100),  # 600 for the first when sf7 is 1; see _bodily_pain
    **dict.fromkeys(("sf9a", "sf9d", "sf9e", "sf9h"), (600, 500, 400, 300, 200, 100)),
    **dict.fromkeys(("sf11b", "sf11d"), (500, 400, 300, 200, 100)),
}
_AS_ANSWERED = (100, 200, 300, 400, 500, 600)
_SF8_ALONE = (600, 475, 350, 225, 100)


@dataclass(frozen=True, slots=True)
class _Norm:
    """Lowest and highest possible raw score, and how the scale enters the summary scores."""

    lowest: int
    highest: int
    mean: float
    sd: float
    physical: float
    mental: float


_NORMS = {
    "sf36_pf": _Norm(10, 30, 84.52404, 22.89490, 0.42402, -0.22999),
    "sf36_rp": _Norm(4, 8, 81.19907, 33.79729, 0.35119, -0.12329),
    "sf36_bp": _Norm(2, 12, 75.49196, 23.55879, 0.31754, -0.09731),
    "sf36_gh": _Norm(5, 25, 72.21316, 20.16964, 0.24954, -0.01571),
    "sf36_vt": _Norm(4, 24, 61.05453, 20.86942, 0.02877, 0.23534),
    "sf36_sf": _Norm(2, 10, 83.59753, 22.37642, -0.00753, 0.26876),
    "sf36_re": _Norm(3, 6, 81.29467, 33.02717, -0.19206, 0.43407),
    "sf36_mh": _Norm(5, 30, 74.84212, 18.01189, -0.22069, 0.48581),
}


def scale_score(held: Answers, scale: Scale, _: Mapping[str, ScaleScores]) -> Computed:
    """One of the eight scales, 0–100. Missing items take the mean of the answered ones."""
    items = scale.formula.items
    if scale.code == "sf36_bp":
        recoded = _bodily_pain(held)
    else:
        recoded = np.stack(
            [_recode(held.columns[code], _RECODED.get(code, _AS_ANSWERED)) for code in items]
        )
    norm = _NORMS[scale.code]
    answered = np.maximum(count_answered(recoded), 1)
    total = sum_answered(recoded)
    lowest, span = 100 * norm.lowest, 100 * (norm.highest - norm.lowest)
    # 100 · (total · items / answered − lowest) / span, as one division of whole numbers
    values = 100.0 * (total * len(items) - lowest * answered) / (span * answered)
    return values, no_reasons(len(values))


def summary_score(held: Answers, scale: Scale, scores: Mapping[str, ScaleScores]) -> Computed:
    """PCS or MCS: 50 + 10 · Σ z · weight over the eight scales."""
    physical = scale.code == "sf36_pcs"
    total = np.zeros(len(held.columns["sf1"]))
    for code, norm in _NORMS.items():
        weight = norm.physical if physical else norm.mental
        total = total + (scores[code].values - norm.mean) / norm.sd * weight
    return 50 + 10 * total, no_reasons(len(total))


def rand36(held: Answers, scale: Scale, _: Mapping[str, ScaleScores]) -> Computed:
    """Every item linearly to 0–100 with 100 best, then the mean of the answered items."""
    recoded = []
    for code in scale.formula.items:
        steps = len(held.instrument.item(code).values) - 1
        share = (held.columns[code] - 1) / steps
        first_is_best = code in _RECODED
        recoded.append(np.rint(100 * (1 - share if first_is_best else share)))
    columns = np.stack(recoded)
    values = sum_answered(columns) / np.maximum(count_answered(columns), 1)
    return values, no_reasons(len(values))


def _bodily_pain(held: Answers) -> FloatArray:
    sf7, sf8 = held.columns["sf7"], held.columns["sf8"]
    magnitude = _recode(sf7, _RECODED["sf7"])
    together = _recode(sf8, _RECODED["sf8"])
    together = np.where((sf8 == 1) & (sf7 == 1), 600.0, together)
    interference = np.where(np.isnan(sf7), _recode(sf8, _SF8_ALONE), together)
    return np.stack([magnitude, interference])


def _recode(column: FloatArray, values: tuple[int, ...]) -> FloatArray:
    """The final item value of each answer 1, 2, …; NaN stays NaN."""
    table = np.array([np.nan, *values])
    return table[np.where(np.isnan(column), 0, column).astype(np.int64)]
