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
    """The index for levels 1–3 of shape (n, len(items)); NaN where any is missing."""
    table = _table(value_set, items)
    complete = ~np.isnan(columns).any(axis=1)
    weights = 3 ** np.arange(len(items) - 1, -1, -1)
    states = (np.where(complete[:, None], columns, 1.0).astype(np.int64) - 1) @ weights
    return np.where(complete, table[states], np.nan)


def profile(columns: FloatArray) -> TextArray:
    """The levels one after the other, such as 11231; None where any is missing."""
    texts = np.full(len(columns), None, dtype=object)
    for row in np.flatnonzero(~np.isnan(columns).any(axis=1)):
        texts[row] = "".join(str(int(level)) for level in columns[row])
    return texts


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
