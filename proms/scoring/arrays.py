"""The arrays that scoring works on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int_]
TextArray = NDArray[Any]


ReasonCodes = NDArray[np.uint8]
"""For each response 0 (there is a score) or the place of the reason in `results.Reason`."""


def count_answered(columns: FloatArray) -> IntArray:
    """How many of the items, shape (n_items, n_responses), each response answers."""
    return np.count_nonzero(~np.isnan(columns), axis=0)


def sum_answered(columns: FloatArray) -> FloatArray:
    """Sum of the answered items of each response; 0 when none is answered."""
    return np.where(np.isnan(columns), 0.0, columns).sum(axis=0)


def no_reasons(n: int) -> ReasonCodes:
    """No reason for any of `n` responses."""
    return np.zeros(n, dtype=np.uint8)
