"""What the surgeon registers: diagnosis, procedure, level, ASA class, previous surgery,
complications, and the Tokuhashi score of metastases."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.danespine.cohorts import cohorts
from demo.danespine.frame import Frame
from demo.danespine.moments import apportion
from demo.danespine.people import People

# Share of operations with each complication, per family. Assumptions; print has no such table.
COMPLICATIONS = {
    "lumbar": {"dural_tear": 0.048, "nerve_injury": 0.004, "infection": 0.017, "haematoma": 0.007,
               "thrombosis": 0.003, "reoperation_30_days": 0.018},
    "cervical": {"dural_tear": 0.008, "nerve_injury": 0.004, "haematoma": 0.006,
                 "infection": 0.004},
    "deformity": {"dural_tear": 0.01, "infection": 0.02, "bleeding": 0.02},
    "fracture": {"infection": 0.02, "bleeding": 0.01, "thrombosis": 0.006},
    "vertebroplasty": {"nerve_injury": 0.002},
    "infection": {"reoperation_30_days": 0.06, "bleeding": 0.02},
    "metastasis": {"infection": 0.03, "bleeding": 0.04, "thrombosis": 0.01},
}  # fmt: skip
PREVIOUS_SURGERY = 0.14
TOKUHASHI_REGISTERED = 246 / 1_300  # printed: 246 operations for metastasis with the score


@dataclass(frozen=True)
class Surgery:
    """One row per operation. ``complication`` is "" for none; ``tokuhashi`` −1 for unregistered."""

    diagnosis: NDArray[np.str_]
    procedure: NDArray[np.str_]
    level: NDArray[np.str_]
    asa: NDArray[np.int8]
    previous_surgery: NDArray[np.bool_]
    complication: NDArray[np.str_]
    tokuhashi: NDArray[np.int8]


def build(frame: Frame, people: People, rng: np.random.Generator) -> Surgery:
    """Draw what the surgeon registered, in the shares that the cohorts name."""
    n = len(frame.cohort)
    columns = {name: np.full(n, "", dtype="U30") for name in ("diagnosis", "procedure", "level")}
    complication = np.full(n, "", dtype="U30")
    tokuhashi = np.full(n, -1, dtype=np.int8)
    for index, each in enumerate(cohorts()):
        members = np.flatnonzero(frame.cohort == index)
        for name, mix in (
            ("diagnosis", each.diagnoses),
            ("procedure", each.procedures),
            ("level", each.levels),
        ):
            counts = apportion(np.array(list(mix.values())), len(members))
            columns[name][members] = rng.permutation(np.repeat(list(mix), counts))
        rates = COMPLICATIONS[each.family]
        counts = apportion(np.array([*rates.values(), 1 - sum(rates.values())]), len(members))
        complication[members] = rng.permutation(np.repeat([*rates, ""], counts))
        if each.code == "metastasis":
            scored = members[rng.random(len(members)) < TOKUHASHI_REGISTERED]
            tokuhashi[scored] = rng.binomial(15, 0.55, len(scored))
    frail = (people.age - 55) / 18 + rng.standard_normal(n)
    return Surgery(
        **columns,
        asa=(1 + np.searchsorted([-0.9, 1.1, 2.9], frail)).astype(np.int8),
        previous_surgery=rng.random(n) < PREVIOUS_SURGERY,
        complication=complication,
        tokuhashi=tokuhashi,
    )
