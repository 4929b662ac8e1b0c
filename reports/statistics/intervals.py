"""Confidence intervals: of a mean change, of a difference of means (Welch), of a share (Wilson)."""

from __future__ import annotations

import math
from typing import NamedTuple

from scipy.special import stdtrit

CONFIDENCE = 0.95
NORMAL_975 = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution


class Interval(NamedTuple):
    """Lower and upper bound."""

    low: float
    high: float


def mean_interval(n: int, mean: float, sd: float) -> Interval | None:
    """Return the 95 % interval mean ± t(0.975; n − 1) · sd/√n; None for fewer than two values.

    Of paired changes this is the interval of the paired t test (Student 1908). Assumes
    independent changes and a mean that is nearly normal, as it is from some 20 operations on.
    """
    if n < 2:
        return None
    half = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * sd / math.sqrt(n)
    return Interval(mean - half, mean + half)


def difference_interval(
    n1: int, mean1: float, sd1: float, n2: int, mean2: float, sd2: float
) -> Interval | None:
    """Return Welch's 95 % interval of mean1 − mean2; None where a group has fewer than two values.

    With v = sd²/n of each group the degrees of freedom are (v1 + v2)² / (v1²/(n1 − 1) +
    v2²/(n2 − 1)) (Welch 1947); variances need not be equal. The groups must not overlap: the own
    unit is compared with the rest, not with the nation that holds it.
    """
    if n1 < 2 or n2 < 2:
        return None
    v1, v2 = sd1 * sd1 / n1, sd2 * sd2 / n2
    difference = mean1 - mean2
    if v1 + v2 == 0:
        return Interval(difference, difference)
    freedom = (v1 + v2) ** 2 / (v1 * v1 / (n1 - 1) + v2 * v2 / (n2 - 1))
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(v1 + v2)
    return Interval(difference - half, difference + half)


def share_interval(count: int, n: int) -> Interval | None:
    """Return Wilson's 95 % score interval of count/n (Wilson 1927); None for n = 0.

    Stays within 0 and 1 and holds for small n and shares near the ends.
    """
    if n == 0:
        return None
    share, z2 = count / n, NORMAL_975**2
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_975 / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(max(0.0, centre - half), min(1.0, centre + half))
