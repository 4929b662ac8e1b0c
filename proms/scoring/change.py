"""Change between two scores, and thresholds that are met exactly when they are met on paper.

Scores are fractions held as floats: 40.8 - 28 is 12.799999999999997. Every threshold of a
register goes through `at_least`, in Python; SQL uses the same tolerance.
"""

from __future__ import annotations

from typing import overload

import numpy as np

from proms.instruments.schema import OutcomeFlag
from proms.scoring.arrays import FloatArray

TOLERANCE = 1e-9
"""Far below the smallest step between two different scores, far above float error."""


@overload
def at_least(value: float | None, threshold: float) -> bool: ...
@overload
def at_least(value: FloatArray, threshold: float) -> np.ndarray: ...
def at_least(value: float | FloatArray | None, threshold: float) -> bool | np.ndarray:
    """Whether `value` ≥ `threshold`, without float error. A missing value (None, NaN) is not."""
    if value is None:
        return False
    reached = np.asarray(value, dtype=np.float64) >= threshold - TOLERANCE
    return reached if isinstance(value, np.ndarray) else bool(reached)


@overload
def improvement(
    before: float | None, after: float | None, *, higher_is_better: bool
) -> float | None: ...
@overload
def improvement(before: FloatArray, after: FloatArray, *, higher_is_better: bool) -> FloatArray: ...
def improvement(
    before: float | FloatArray | None,
    after: float | FloatArray | None,
    *,
    higher_is_better: bool,
) -> float | FloatArray | None:
    """How much better `after` is than `before`, in points: positive is better on every scale."""
    if before is None or after is None:
        return None
    return after - before if higher_is_better else before - after


def percent_improvement(
    before: float | None, after: float | None, *, higher_is_better: bool
) -> float | None:
    """The improvement in percent of the score before; no value when that is 0 or missing."""
    points = improvement(before, after, higher_is_better=higher_is_better)
    if points is None or not before:
        return None
    return 100.0 * points / abs(before)


def reached(
    flag: OutcomeFlag, before: float | None, after: float | None, *, higher_is_better: bool
) -> bool | None:
    """Whether an outcome is what a flag says; None where a score that it needs is missing.

    A percentage of a score of 0 has no value, so that nothing is said either. Reports count the
    same in SQL (`reports.annual.breakdown`); a test holds both together.
    """
    if after is None or (flag.compares and before is None):
        return None
    if flag.at_most is not None:
        return at_least(-after, -flag.at_most)
    if flag.above is not None:
        return not at_least(-after, -flag.above)
    if flag.improvement is not None:
        return at_least(
            improvement(before, after, higher_is_better=higher_is_better), flag.improvement
        )
    percent = percent_improvement(before, after, higher_is_better=higher_is_better)
    assert flag.percent_improvement is not None
    return None if percent is None else at_least(percent, flag.percent_improvement)
