"""Days of operation, and who was operated: sex, age, birth date, second operations, death."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.danespine.cohorts import cohorts
from demo.danespine.frame import Frame
from demo.danespine.moments import apportion, at_quantiles, tilted

Days = NDArray[np.datetime64]

# Relative numbers of operations from Monday to Sunday. Print: 53 % of the operations for
# metastasis fall on Monday, Thursday or Friday.
WEEKDAYS = {
    "elective": (0.21, 0.215, 0.21, 0.205, 0.16, 0.0, 0.0),
    "acute": (0.155, 0.155, 0.15, 0.155, 0.165, 0.115, 0.105),
    "metastasis": (0.17, 0.175, 0.175, 0.18, 0.18, 0.065, 0.055),
}
MONTHS = (1.05, 1.0, 1.1, 0.95, 1.0, 1.0, 0.45, 0.95, 1.1, 1.05, 1.1, 0.85)

# About this share of lumbar operations is a second one of somebody operated three years or more
# before; earlier ones would end the first operation's follow-up.
SECOND_OPERATIONS = 0.04
YEARS_BETWEEN = 3
GOMPERTZ_LEVEL, GOMPERTZ_SLOPE = 2.2e-5, 0.1  # yearly risk of death at age 0, growth with age
METASTASIS_YEARLY_RISK = 0.9


@dataclass(frozen=True)
class People:
    """Patients and what links operations to them.

    ``birth_date``, ``woman`` and ``died_on`` (the day the person will have died, which may lie in
    the future; NaT: not drawn) have one row per patient; ``patient``, ``date`` and ``age``
    (completed years) one per operation.
    """

    birth_date: Days
    woman: NDArray[np.bool_]
    died_on: Days
    patient: NDArray[np.int32]
    date: Days
    age: NDArray[np.int16]


def build(frame: Frame, rng: np.random.Generator) -> People:
    """Draw the people behind the operations; ``died_on`` is after every answer of the person."""
    n = len(frame.cohort)
    date = _dates(frame, rng)
    age = np.empty(n, dtype=np.int64)
    woman = np.empty(n, dtype=bool)
    for index, each in enumerate(cohorts()):
        members = np.flatnonzero(frame.cohort == index)
        years = np.arange(each.age_range[0], each.age_range[1] + 1)
        p = tilted(years.astype(float), np.ones(len(years)), *each.age)
        age[members] = rng.permutation(years[at_quantiles(p, len(members))])
        sexes = apportion(np.array([each.women, 1 - each.women]), len(members))
        woman[members] = rng.permutation(np.repeat([True, False], sexes))
    birth = _birthdays(date, age, rng)
    patient, birth = _second_operations(frame, date, birth, woman, rng)
    kept, patient = np.unique(patient, return_inverse=True)
    age = _completed_years(birth, date)
    died = _deaths(frame, date, age, patient, len(kept), rng)
    return People(
        birth_date=birth[kept],
        woman=woman[kept],
        died_on=died,
        patient=patient.astype(np.int32),
        date=date,
        age=age.astype(np.int16),
    )


def _dates(frame: Frame, rng: np.random.Generator) -> Days:
    pattern = np.array([list(WEEKDAYS).index(each.weekdays) for each in cohorts()])[frame.cohort]
    date = np.empty(len(pattern), dtype="datetime64[D]")
    for year in np.unique(frame.year):
        days = np.arange(f"{year}-01-01", f"{int(year) + 1}-01-01", dtype="datetime64[D]")
        weekday = (days.astype(np.int64) + 3) % 7  # 1 January 1970 was a Thursday
        month = days.astype("datetime64[M]").astype(np.int64) % 12
        for number, weights in enumerate(WEEKDAYS.values()):
            here = np.flatnonzero((frame.year == year) & (pattern == number))
            p = np.array(weights)[weekday] * np.array(MONTHS)[month]
            date[here] = rng.choice(days, len(here), p=p / p.sum())
    return date


def _birthdays(date: Days, age: NDArray, rng: np.random.Generator) -> Days:
    """A birth date that makes the person this old, in completed years, on the day."""
    month = date.astype("datetime64[M]")
    day = (date - month.astype("datetime64[D]")).astype(np.int64)
    latest = (month - 12 * age).astype("datetime64[D]") + np.minimum(day, 27)
    return latest - rng.integers(0, 364, len(age))


def _completed_years(birth: Days, date: Days) -> NDArray[np.int64]:
    months = (date.astype("datetime64[M]") - birth.astype("datetime64[M]")).astype(np.int64)
    day_of = (date - date.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
    born = (birth - birth.astype("datetime64[M]").astype("datetime64[D]")).astype(np.int64)
    return (months - (day_of < born)) // 12


def _second_operations(
    frame: Frame, date: Days, birth: Days, woman: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int64], Days]:
    """Give some lumbar operations to the patient of an earlier one of nearly the same birth date.

    Returns the patient of every operation (as the number of the patient's first operation) and
    the birth dates, where the second operation takes over that of the first.
    """
    patient = np.arange(len(date))
    lumbar = np.array([each.family == "lumbar" for each in cohorts()])[frame.cohort]
    pool = np.flatnonzero(lumbar)
    later = pool[frame.year[pool] >= 2009 + YEARS_BETWEEN]
    later = rng.choice(later, int(SECOND_OPERATIONS * len(pool)), replace=False)
    first = np.setdiff1d(pool[frame.year[pool] <= 2022 - YEARS_BETWEEN], later)
    key = birth.astype(np.int64) + woman * 1_000_000
    first = first[np.argsort(key[first], kind="stable")]
    near = np.minimum(np.searchsorted(key[first], key[later]), len(first) - 1)
    found = first[near]
    tolerance = max(10, 2_000_000 // len(date))  # days; small samples have fewer to choose from
    fits = (np.abs(key[found] - key[later]) <= tolerance) & (
        date[later] - date[found] > np.timedelta64(366 * YEARS_BETWEEN, "D")
    )
    later, found = later[fits], found[fits]
    _, single = np.unique(found, return_index=True)
    later, found = later[single], found[single]
    patient[later] = found
    birth = birth.copy()
    birth[later] = birth[found]
    return patient, birth


def _deaths(
    frame: Frame,
    date: Days,
    age: NDArray,
    patient: NDArray,
    patients: int,
    rng: np.random.Generator,
) -> Days:
    """Draw deaths from a risk that grows with age; nobody dies before an answer of theirs."""
    risk = GOMPERTZ_LEVEL * np.exp(GOMPERTZ_SLOPE * age)
    wait = -np.log(rng.random(len(date)))
    years = np.log1p(GOMPERTZ_SLOPE * wait / risk) / GOMPERTZ_SLOPE
    metastasis = np.array([each.family == "metastasis" for each in cohorts()])[frame.cohort]
    years[metastasis] = wait[metastasis] / METASTASIS_YEARLY_RISK
    died = date + (years * 365.25).astype(np.int64).clip(1)
    alive_for = np.select(
        [frame.answered[:, 3], frame.answered[:, 2], frame.answered[:, 1]], [880, 515, 70], 0
    )  # days after the operation, beyond the last possible day of the answer
    latest = np.full(patients, np.datetime64("1900-01-01", "D"))
    np.maximum.at(latest, patient, date + alive_for)
    drawn = np.full(patients, np.datetime64("2400-01-01", "D"))
    np.minimum.at(drawn, patient, died)
    return np.where(drawn > latest, drawn, np.datetime64("NaT", "D"))
