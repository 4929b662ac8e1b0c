"""EQ-5D with three levels: the index of a value set, and the profile.

An index takes one of 243 values. They are added up once, in decimal, so that the published
numbers come out as printed (33333 in Denmark is -0.624, not -0.6240000000000001), and looked up
for every response.
"""

from __future__ import annotations

import itertools
from decimal import Decimal

import numpy as np

from proms.instruments.schema import ValueSet
from proms.scoring.arrays import FloatArray, TextArray

_LEVELS = (1, 2, 3)
_tables: dict[tuple[int, tuple[str, ...]], tuple[ValueSet, FloatArray]] = {}


def state_value(value_set: ValueSet, levels: dict[str, int]) -> Decimal:
    """The value of one state: start, plus the terms for levels above 1, each constant once."""
    value = value_set.start
    for item, level in levels.items():
        if level > 1:
            value += value_set.terms[item][level - 2]
    if any(level > 1 for level in levels.values()):
        value += value_set.any_above_1
    if any(level == 3 for level in levels.values()):
        value += value_set.any_3
    return value


def index(value_set: ValueSet, items: tuple[str, ...], columns: FloatArray) -> FloatArray:
    """The index for levels 1–3 of shape (len(items), n); NaN where any is missing."""
    complete, states = _states(columns)
    return np.where(complete, _table(value_set, items)[states], np.nan)


def profile(columns: FloatArray) -> TextArray:
    """The levels one after the other, such as 11231; None where any is missing."""
    names = ["".join(map(str, state)) for state in itertools.product(_LEVELS, repeat=len(columns))]
    complete, states = _states(columns)
    return np.where(complete, np.array(names, dtype=object)[states], None)


def _states(columns: FloatArray) -> tuple[np.ndarray, np.ndarray]:
    """Which responses are complete, and the number of their state, 11111 being 0."""
    complete = ~np.isnan(columns).any(axis=0)
    weights = 3 ** np.arange(len(columns) - 1, -1, -1)
    return complete, weights @ (np.where(complete, columns, 1.0).astype(np.int64) - 1)


def _table(value_set: ValueSet, items: tuple[str, ...]) -> FloatArray:
    # The value set is kept beside its table, so that its id stays its own.
    held = _tables.get((id(value_set), items))
    if held is None:
        table = np.array(
            [
                float(state_value(value_set, dict(zip(items, state, strict=True))))
                for state in itertools.product(_LEVELS, repeat=len(items))
            ]
        )
        held = _tables[id(value_set), items] = (value_set, table)
    return held[1]
