"""Mean and standard deviation from sums, and sums that can be added.

Scores lie between −1 and 100 and a cell holds at most some 10⁵ of them, so that Σx² − (Σx)²/n in
double precision loses less than 10⁻⁹ of the standard deviation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over operations: scores at a time point, and changes where there is one before too."""

    n: int = 0
    total: float = 0.0
    squares: float = 0.0
    paired_n: int = 0
    paired_before: float = 0.0
    change_total: float = 0.0
    change_squares: float = 0.0
    improved_n: int = 0

    def __add__(self, other: Sums) -> Sums:
        """Return the sums over both sets of operations, which must not overlap."""
        return Sums(
            self.n + other.n,
            self.total + other.total,
            self.squares + other.squares,
            self.paired_n + other.paired_n,
            self.paired_before + other.paired_before,
            self.change_total + other.change_total,
            self.change_squares + other.change_squares,
            self.improved_n + other.improved_n,
        )


def mean(n: int, total: float) -> float | None:
    """Return Σx/n; None for no values."""
    return total / n if n else None


def standard_deviation(n: int, total: float, squares: float) -> float | None:
    """Return the sample standard deviation √((Σx² − (Σx)²/n)/(n − 1)); None for fewer than two.

    Rounding may make the numerator of equal values slightly negative; that is 0.
    """
    if n < 2:
        return None
    return math.sqrt(max(0.0, squares - total * total / n) / (n - 1))
