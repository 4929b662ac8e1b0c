"""Put the parts together: operations, people, surgery, answers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.danespine import answers, frame, people, surgery
from demo.danespine.answers import Responses
from demo.danespine.frame import Frame
from demo.danespine.people import People
from demo.danespine.surgery import Surgery

SEED = 2022
SIZES = {"small": 2_000, "full": 98_000}


@dataclass(frozen=True)
class SpineRegister:
    """The whole synthetic register; rows of ``frame``, ``people.patient`` … are operations."""

    frame: Frame
    people: People
    surgery: Surgery
    responses: Responses

    @property
    def operations(self) -> int:
        """Number of operations."""
        return len(self.frame.cohort)

    @property
    def cohort_codes(self) -> NDArray[np.str_]:
        """The code of every operation's cohort."""
        return np.array([each.code for each in frame.cohorts()])[self.frame.cohort]


def synthesise(scale: str = "small", seed: int = SEED) -> SpineRegister:
    """Draw a register: ``full`` has 98,000 operations, ``small`` about 2,000 of the same shape.

    The same scale and seed give the same register. Raises KeyError for another scale.
    """
    size = SIZES[scale]
    rng = np.random.default_rng(seed)
    operations = frame.build(rng)
    if size < len(operations.cohort):
        operations = frame.thin(operations, size)
    persons = people.build(operations, rng)
    return SpineRegister(
        frame=operations,
        people=persons,
        surgery=surgery.build(operations, persons, rng),
        responses=answers.build(operations, persons, rng),
    )
