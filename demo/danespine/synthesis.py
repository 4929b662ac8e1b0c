"""Put the parts together: operations, people, surgery, answers."""

from dataclasses import dataclass, replace
from typing import TypeVar

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

    def part(self, kept: NDArray[np.bool_], *, until: np.datetime64) -> "SpineRegister":
        """The operations that are ``kept`` with their patients, and answers before ``until``."""
        rows = np.flatnonzero(kept)
        patients, patient = np.unique(self.people.patient[rows], return_inverse=True)
        new_row = np.full(self.operations, -1)
        new_row[rows] = np.arange(len(rows))
        held = kept[self.responses.operation] & (self.responses.answered_on < until)
        answers = {name: values[held] for name, values in vars(self.responses).items()}
        answers["operation"] = new_row[answers["operation"]].astype(np.int32)
        answered = np.zeros((len(rows), self.frame.answered.shape[1]), dtype=bool)
        answered[answers["operation"], answers["point"]] = True
        return SpineRegister(
            frame=replace(_rows(self.frame, rows), answered=answered),
            people=People(
                birth_date=self.people.birth_date[patients],
                woman=self.people.woman[patients],
                died_on=self.people.died_on[patients],
                patient=patient.astype(np.int32),
                date=self.people.date[rows],
                age=self.people.age[rows],
            ),
            surgery=_rows(self.surgery, rows),
            responses=Responses(**answers),
        )


Table = TypeVar("Table", Frame, Surgery)


def _rows(table: Table, rows: NDArray[np.int64]) -> Table:
    """The same columns with some of the rows."""
    return type(table)(**{name: values[rows] for name, values in vars(table).items()})


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
