"""Sixty operations around the demo's day: what the worklists and the first invitations live on.

They are cases of the synthetic register set on days near the given one, so that some surgery lies
ahead, some was just done, and some was done a year or two ago and is asked again now.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from demo.danespine.answers import Responses
from demo.danespine.cohorts import cohorts
from demo.danespine.frame import TIME_POINTS, Frame, unit_codes
from demo.danespine.people import People
from demo.danespine.surgery import Surgery
from demo.danespine.synthesis import SEED, SpineRegister, synthesise

DEMO_UNIT = "1301812"  # Glostrup: where the demo's clinician and coordinator work
OTHER_UNITS = ("6008351", "6630321", "1517010", "6620131")
AT_DEMO_UNIT = 0.7


@dataclass(frozen=True)
class Scenario:
    """Some operations alike: how many, when from the demo's day, and what has been answered."""

    count: int
    first_day: int
    last_day: int
    performed: bool
    answered: tuple[str, ...]
    families: tuple[str, ...] = ("lumbar", "cervical")


SCENARIOS = (
    Scenario(16, 4, 75, performed=False, answered=()),  # to be invited before surgery
    Scenario(6, 1, 10, performed=False, answered=("before",)),
    Scenario(5, -6, -1, performed=False, answered=("before",)),  # to be registered as performed
    Scenario(8, -45, -3, performed=True, answered=("before",)),
    Scenario(3, -40, -3, performed=True, answered=()),
    Scenario(3, -46, -37, performed=True, answered=("before",), families=("metastasis",)),
    Scenario(12, -364, -352, performed=True, answered=("before",)),  # asked again after a year
    Scenario(7, -729, -717, performed=True, answered=("before", "y1")),  # and after two
)


@dataclass(frozen=True)
class RecentCases:
    """The cases and which of their operations have been performed, shape (n,)."""

    register: SpineRegister
    performed: NDArray[np.bool_]


def recent(on: date, seed: int = SEED) -> RecentCases:
    """Return the sixty cases for the day ``on``; operations fall on working days."""
    source = _source(seed + 1)
    rng = np.random.default_rng([seed, on.toordinal()])
    family = np.array([each.family for each in cohorts()])[source.frame.cohort]
    _, first_of_patient = np.unique(source.people.patient, return_index=True)
    free = np.zeros(source.operations, dtype=bool)
    free[first_of_patient] = True
    chosen, date_of, performed, kept_points = [], [], [], []
    for scenario in SCENARIOS:
        wanted = [TIME_POINTS.index(point) for point in scenario.answered]
        fits = free & np.isin(family, scenario.families)
        fits &= source.frame.answered[:, wanted].all(axis=1)
        picked = rng.choice(np.flatnonzero(fits), scenario.count, replace=False)
        free[picked] = False
        days = np.linspace(scenario.first_day, scenario.last_day, scenario.count).round()
        chosen.append(picked)
        date_of.append(_working_days(np.datetime64(on, "D") + days.astype(int), scenario, on))
        performed.append(np.full(scenario.count, scenario.performed))
        points = np.isin(np.arange(len(TIME_POINTS)), wanted)
        kept_points.append(np.tile(points, (scenario.count, 1)))
    return RecentCases(
        register=_moved(
            source,
            np.concatenate(chosen),
            np.concatenate(date_of),
            np.concatenate(kept_points),
            on,
            rng,
        ),
        performed=np.concatenate(performed),
    )


@lru_cache(maxsize=1)
def _source(seed: int) -> SpineRegister:
    """The small register from which cases are taken."""
    return synthesise("small", seed)


def _working_days(days: NDArray, scenario: Scenario, on: date) -> NDArray:
    """Move weekends to the Friday before, or to the Monday after where that would be too early."""
    earliest = np.datetime64(on, "D") + scenario.first_day
    back = np.busday_offset(days, 0, roll="backward")
    return np.where(back >= earliest, back, np.busday_offset(days, 0, roll="forward"))


def _moved(
    source: SpineRegister,
    chosen: NDArray,
    days: NDArray,
    kept_points: NDArray[np.bool_],
    on: date,
    rng: np.random.Generator,
) -> SpineRegister:
    """The chosen operations on other days, at the demo's units, with only the kept answers."""
    shift = days - source.people.date[chosen]
    patient = source.people.patient[chosen]
    codes = unit_codes()
    others = [codes.index(code) for code in OTHER_UNITS]
    unit = np.where(
        rng.random(len(chosen)) < AT_DEMO_UNIT,
        codes.index(DEMO_UNIT),
        rng.choice(others, len(chosen)),
    )
    position = np.full(source.operations, -1)
    position[chosen] = np.arange(len(chosen))
    responses = source.responses
    new_row = position[responses.operation]
    keep = (new_row >= 0) & kept_points[new_row, responses.point]
    columns = {name: getattr(responses, name)[keep] for name in Responses.__dataclass_fields__}
    columns["operation"] = new_row[keep].astype(np.int32)
    # Who is operated next week has answered already.
    answered_on = columns["answered_on"] + shift[columns["operation"]]
    latest = np.datetime64(on, "D") - rng.integers(1, 6, len(answered_on))
    columns["answered_on"] = np.minimum(answered_on, latest)
    surgery = source.surgery
    return SpineRegister(
        frame=Frame(
            cohort=source.frame.cohort[chosen],
            year=(days.astype("datetime64[Y]").astype(int) + 1970).astype(np.int16),
            unit=unit.astype(np.int16),
            answered=kept_points,
        ),
        people=People(
            birth_date=source.people.birth_date[patient] + shift,
            woman=source.people.woman[patient],
            died_on=np.full(len(chosen), np.datetime64("NaT", "D")),
            patient=np.arange(len(chosen), dtype=np.int32),
            date=days,
            age=source.people.age[chosen],
        ),
        surgery=Surgery(
            **{name: getattr(surgery, name)[chosen] for name in Surgery.__dataclass_fields__}
        ),
        responses=Responses(**columns),
    )
