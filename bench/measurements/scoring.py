"""Scoring 100,000 SF-36 forms at once: eight scales and two summary scores.

Some answers are missing, as in life. Compared with scoring the same forms one at a time, as a
patient's form is scored when it is sent (a part of them is measured and multiplied); both must
give the same scores.
"""

from collections.abc import Iterator

import numpy as np

from bench.framework import Budget, Measured, medians, scale, timed
from proms.instruments import instrument
from proms.scoring import score, score_one

MISSING = 0.03
SINGLE = 200


def measurements() -> Iterator[Measured]:
    """Measure seconds."""
    sizes = scale()
    asked = instrument("sf36")
    random = np.random.default_rng(36)
    forms = np.column_stack(
        [random.integers(1, len(item.values) + 1, sizes.rows) for item in asked.items]
    ).astype(float)
    forms[random.random(forms.shape) < MISSING] = np.nan
    single = min(SINGLE, sizes.rows)
    ones = [
        {
            code: None if np.isnan(value) else value
            for code, value in zip(asked.item_codes, row, strict=True)
        }
        for row in forms[:single]
    ]
    together = score(asked, forms)
    for place, one in enumerate(ones):
        for code, held in score_one("sf36", one).items():
            value = together[code].values[place]
            assert np.isnan(value) if held.value is None else value == held.value, code
    found = medians(
        sizes.runs,
        {
            "together": timed(lambda: score(asked, forms), factor=1),
            "singly": timed(
                lambda: [score_one("sf36", one) for one in ones], factor=sizes.rows / single
            ),
        },
    )
    yield Measured(
        "scoring_sf36",
        found["together"],
        found["singly"],
        Budget(2, of="value"),
        unit="s",
        against="one form at a time",
    )
