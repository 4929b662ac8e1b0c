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
    "lumbar": {"dural_tear": 0.048, "nerve_injury": 0.004, "infection_superficial": 0.011,
               "infection_deep": 0.006, "haematoma": 0.007,
               "thrombosis": 0.003, "reoperation_30_days": 0.018},
    "cervical": {"dural_tear": 0.008, "nerve_injury": 0.004, "haematoma": 0.006,
                 "infection_superficial": 0.004},
    "deformity": {"dural_tear": 0.01, "infection_deep": 0.02, "bleeding": 0.02},
    "fracture": {"infection_deep": 0.02, "bleeding": 0.01, "thrombosis": 0.006},
    "vertebroplasty": {"nerve_injury": 0.002},
    "infection": {"reoperation_30_days": 0.06, "bleeding": 0.02},
    "metastasis": {"infection_deep": 0.03, "bleeding": 0.04, "thrombosis": 0.01},
}  # fmt: skip
PREVIOUS_SURGERY = 0.14
TOKUHASHI_REGISTERED = 246 / 1_300  # printed: 246 operations for metastasis with the score


# Parts of the revised Tokuhashi score with assumed shares: general condition, metastases outside
# the spine, in the spine and in organs, palsy, primary tumour.
TOKUHASHI = {
    "tokuhashi_karnofsky": {"10_40": 0.15, "50_70": 0.50, "80_100": 0.35},
    "tokuhashi_extraspinal": {"three_or_more": 0.30, "one_or_two": 0.30, "none": 0.40},
    "tokuhashi_vertebral": {"three_or_more": 0.40, "two": 0.25, "one": 0.35},
    "tokuhashi_organ": {"unremovable": 0.35, "removable": 0.10, "none": 0.55},
    "tokuhashi_palsy": {"frankel_a_b": 0.08, "frankel_c_d": 0.47, "frankel_e": 0.45},
    "tokuhashi_primary": {"lung": 0.22, "liver": 0.03, "unidentified": 0.09, "other": 0.10,
                          "kidney": 0.11, "rectum": 0.04, "breast": 0.20, "prostate": 0.21},
}  # fmt: skip


@dataclass(frozen=True)
class Surgery:
    """One row per operation. ``complication`` is "" for none.

    ``levels`` are joined by a space. ``tokuhashi`` has a column per entry of TOKUHASHI, "" where
    nothing is registered.
    """

    group: NDArray[np.str_]
    diagnosis: NDArray[np.str_]
    procedure: NDArray[np.str_]
    levels: NDArray[np.str_]
    asa: NDArray[np.int8]
    previous_surgery: NDArray[np.bool_]
    complication: NDArray[np.str_]
    tokuhashi: NDArray[np.str_]


def build(frame: Frame, people: People, rng: np.random.Generator) -> Surgery:
    """Draw what the surgeon registered, in the shares that the cohorts name."""
    n = len(frame.cohort)
    names = ("group", "diagnosis", "procedure", "levels")
    columns = {name: np.full(n, "", dtype="U40") for name in names}
    complication = np.full(n, "", dtype="U30")
    tokuhashi = np.full((n, len(TOKUHASHI)), "", dtype="U20")
    for index, each in enumerate(cohorts()):
        members = np.flatnonzero(frame.cohort == index)
        for name, mix in zip(
            names, (each.groups, each.diagnoses, each.procedures, each.levels), strict=True
        ):
            counts = apportion(np.array(list(mix.values())), len(members))
            columns[name][members] = rng.permutation(np.repeat(list(mix), counts))
        rates = COMPLICATIONS[each.family]
        counts = apportion(np.array([*rates.values(), 1 - sum(rates.values())]), len(members))
        complication[members] = rng.permutation(np.repeat([*rates, ""], counts))
        if each.code == "metastasis":
            scored = members[rng.random(len(members)) < TOKUHASHI_REGISTERED]
            for column, shares in enumerate(TOKUHASHI.values()):
                drawn = rng.choice(list(shares), len(scored), p=list(shares.values()))
                tokuhashi[scored, column] = drawn
    frail = (people.age - 55) / 18 + rng.standard_normal(n)
    return Surgery(
        **columns,
        asa=(1 + np.searchsorted([-0.9, 1.1, 2.9], frail)).astype(np.int8),
        previous_surgery=rng.random(n) < PREVIOUS_SURGERY,
        complication=complication,
        tokuhashi=tokuhashi,
    )
