"""The arrays that scoring works on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int_]
TextArray = NDArray[Any]


def empty_reasons(n: int) -> TextArray:
    """No reason for any of `n` responses, with room for every reason's name."""
    return np.full(n, "", dtype="U24")
