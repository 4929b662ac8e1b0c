"""Which operations there are: cohort, year, unit, and which questionnaires were answered.

Printed margins hold exactly at full scale: operations per lumbar diagnosis 2022 and 2009–2022,
operations and preoperative answers per unit 2021 and 2022, vertebroplasties per unit, scoliosis
operations per year, answers per cohort and time point. How the rest spreads over years and units is
assumed (demo/README.md).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.danespine.cohorts import Cohort, cohorts
from demo.danespine.moments import apportion
from demo.published import table

FIRST_YEAR, LAST_YEAR = 2009, 2022
YEARS = np.arange(FIRST_YEAR, LAST_YEAR + 1)
TIME_POINTS = ("before", "w6", "y1", "y2")

# Lumbar operations before 2021 in relative terms: the register grew until about 2014, then stayed
# level, with a dip in 2020. Print gives 2021 and 2022 and the total only.
GROWTH = np.array([1.9, 3.3, 4.5, 5.2, 5.6, 5.9, 6.1, 6.3, 6.4, 6.5, 6.6, 5.9])
# First year in which a unit is taken to have reported, where it is not 2009.
UNITS_SINCE = {
    "174201": 2019,
    "1520010": 2019,
    "2048011": 2013,
    "1411523": 2011,
    "6620181": 2012,
    "8001531": 2011,
}
# Units of the operations for which print names none, with relative volumes.
OTHER_FAMILIES = {
    "deformity": {"130125C": 5, "6620181": 4, "4202180": 1, "6008351": 2},
    "fracture": {"130125C": 4, "6620131": 3, "4202180": 3, "8001317": 2, "3800E20": 1},
    "infection": {"1301812": 3, "6620131": 3, "4202180": 2, "8001317": 2},
    "metastasis": {"130125C": 5, "6620131": 3, "4202180": 2, "8001317": 2},
}
LUMBAR_PREOP_TOTAL = 56_027  # printed: lumbar operations with preoperative data
_NAMES_2022 = {
    "stenosis": "Spinal stenosis",
    "herniation": "Disc herniation with radiculopathy",
    "spondylolisthesis": "Spondylolisthesis",
    "spondylosis_unspecified": "Spondylosis unspecified",
    "disc_degeneration": "Disc degeneration",
    "lumbar_other": "Other diagnosis",
}


@dataclass(frozen=True)
class Frame:
    """One row per operation, all arrays of length n.

    ``cohort`` indexes ``cohorts()``; ``unit`` indexes ``unit_codes()``; ``answered`` has a column
    per entry of TIME_POINTS.
    """

    cohort: NDArray[np.int16]
    year: NDArray[np.int16]
    unit: NDArray[np.int16]
    answered: NDArray[np.bool_]


def unit_codes() -> tuple[str, ...]:
    """Official codes of every unit with operations; a unit with two codes goes by its first."""
    codes: dict[str, None] = {}
    for name in ("lumbar_preop_completeness", "cervical_preop_completeness",
                 "vertebroplasty_by_unit"):  # fmt: skip
        for row in table(f"danespine_{name}"):
            if row["unit_code"]:
                codes[row["unit_code"].split("+")[0]] = None
    return tuple(codes)


def build(rng: np.random.Generator) -> Frame:
    """Return all 98,000 operations with who answered when."""
    parts = [_lumbar(rng), _cervical(rng), *(_others(rng))]
    cohort, year, unit = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    answered = np.zeros((len(cohort), len(TIME_POINTS)), dtype=bool)
    answered[:, 0] = _answered_before(cohort, year, unit, rng)
    for index, each in enumerate(cohorts()):
        members = np.flatnonzero(cohort == index)
        for point, count in each.answers.items():
            column = TIME_POINTS.index(point)
            if point == "before":
                continue
            # Who answered once answers again: earlier answers triple the odds of being drawn.
            earlier = answered[members, :column].sum(axis=1)
            answered[_draw(members, 3.0**earlier, count, rng), column] = True
    return Frame(cohort.astype(np.int16), year.astype(np.int16), unit.astype(np.int16), answered)


def thin(frame: Frame, size: int) -> Frame:
    """Return about ``size`` operations of the frame that keep its shape: every k-th in order."""
    order = np.lexsort((frame.year, frame.unit, *frame.answered.T, frame.cohort))
    step = len(order) / size
    kept = np.sort(order[np.floor((np.arange(size) + 0.5) * step).astype(int)])
    return Frame(frame.cohort[kept], frame.year[kept], frame.unit[kept], frame.answered[kept])


def _index() -> dict[str, int]:
    return {each.code: index for index, each in enumerate(cohorts())}


def _family(name: str) -> list[tuple[int, Cohort]]:
    return [(index, each) for index, each in enumerate(cohorts()) if each.family == name]


def _printed_units(name: str, column: str) -> NDArray[np.int64]:
    """A column of a completeness table, per unit of ``unit_codes``; blank is 0."""
    codes = unit_codes()
    counts = np.zeros(len(codes), dtype=np.int64)
    for row in table(f"danespine_{name}_preop_completeness"):
        if row["unit_code"]:
            counts[codes.index(row["unit_code"].split("+")[0])] = int(row[column] or 0)
    return counts


def _lumbar(rng: np.random.Generator) -> tuple[NDArray, NDArray, NDArray]:
    family = _family("lumbar")
    totals = np.array([each.total for _, each in family])
    segmental = np.array([each.code.startswith("segmental") for _, each in family])
    printed_2022 = {
        row["diagnosis_group"]: int(row["n_2022"]) for row in table("danespine_lumbar_diagnoses")
    }
    last = np.zeros(len(family), dtype=np.int64)
    for position, (_, each) in enumerate(family):
        if each.code in _NAMES_2022:
            last[position] = printed_2022[_NAMES_2022[each.code]]
    last[segmental] = apportion(
        totals[segmental], printed_2022["Other spondylosis with radiculopathy"]
    )
    return _spread("lumbar", np.array([index for index, _ in family]), totals, rng, last=last)


def _cervical(rng: np.random.Generator) -> tuple[NDArray, NDArray, NDArray]:
    family = _family("cervical")
    totals = np.array([each.total for _, each in family])
    return _spread("cervical", np.array([index for index, _ in family]), totals, rng)


def _spread(
    name: str,
    members: NDArray,
    totals: NDArray,
    rng: np.random.Generator,
    last: NDArray | None = None,
) -> tuple[NDArray, NDArray, NDArray]:
    """Deal the cohorts of a family to years and units under the printed margins."""
    units = {year: _printed_units(name, f"ops_{year}") for year in (2021, 2022)}
    volumes = {year: int(counts.sum()) for year, counts in units.items()}
    if last is None:
        last = apportion(totals, volumes[2022])
    earlier = np.concatenate(
        [
            apportion(GROWTH, int(totals.sum()) - sum(volumes.values())),
            [volumes[2021]],
        ]
    )
    deck = rng.permutation(np.repeat(members, totals - last))
    cohort = np.concatenate([deck, rng.permutation(np.repeat(members, last))])
    year = np.concatenate([np.repeat(YEARS[:-1], earlier), np.full(last.sum(), LAST_YEAR)])
    codes = unit_codes()
    since = np.array([UNITS_SINCE.get(code, FIRST_YEAR) for code in codes])
    usual = (units[2021] + units[2022]) / 2
    unit = np.empty(len(cohort), dtype=np.int64)
    for each in YEARS:
        here = year == each
        counts = units.get(int(each))
        if counts is None:
            counts = apportion(np.where(since <= each, usual, 0), int(here.sum()))
        unit[here] = rng.permutation(np.repeat(np.arange(len(codes)), counts))
    return cohort, year, unit


def _others(rng: np.random.Generator) -> list[tuple[NDArray, NDArray, NDArray]]:
    codes = unit_codes()
    parts = []
    share = np.append(GROWTH, [5.9, 6.2])
    members = [index for index, _ in _family("vertebroplasty")]
    totals = [cohorts()[index].total for index in members]
    by_unit = np.zeros(len(codes), dtype=np.int64)
    for row in table("danespine_vertebroplasty_by_unit"):
        if row["unit_code"]:
            by_unit[codes.index(row["unit_code"].split("+")[0])] = int(row["n_2009_2022"])
    parts.append(
        (
            rng.permutation(np.repeat(members, totals)),
            rng.permutation(np.repeat(YEARS, apportion(share, sum(totals)))),
            np.repeat(np.arange(len(codes)), by_unit),
        )
    )
    scoliosis = {
        int(row["year"]): int(row["n"]) for row in table("danespine_scoliosis_operations_by_year")
    }
    for family, volumes in OTHER_FAMILIES.items():
        places = np.array([codes.index(code) for code in volumes])
        weights = np.array(list(volumes.values()), dtype=float)
        for index, each in _family(family):
            per_year = (
                np.array([scoliosis[int(year)] for year in YEARS])
                if each.code == "scoliosis"
                else apportion(share, each.total)
            )
            parts.append(
                (
                    np.full(each.total, index),
                    np.repeat(YEARS, per_year),
                    rng.permutation(np.repeat(places, apportion(weights, each.total))),
                )
            )
    return parts


def _draw(
    members: NDArray, weights: NDArray, count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Draw ``count`` members without replacement, with odds in proportion to their weights."""
    keys = np.log(weights) + rng.gumbel(size=len(members))
    return members[np.argsort(-keys)[:count]]


def _answered_before(
    cohort: NDArray, year: NDArray, unit: NDArray, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Who answered before surgery: exactly as many per unit (2021, 2022) and cohort as printed."""
    answered = np.zeros(len(cohort), dtype=bool)
    chosen_earlier = np.ones(len(cohort), dtype=bool)
    usual = np.ones(len(unit_codes()))
    for name in ("lumbar", "cervical"):
        family = np.isin(cohort, [index for index, _ in _family(name)])
        for each in (2021, 2022):
            preop = _printed_units(name, f"preop_{each}")
            volume = np.maximum(_printed_units(name, f"ops_{each}"), 1)
            for place in np.flatnonzero(preop):
                members = np.flatnonzero(family & (year == each) & (unit == place))
                answered[rng.choice(members, preop[place], replace=False)] = True
            chosen_earlier &= ~(family & (year == each))
            if name == "lumbar" and each == 2021:
                usual = np.clip(preop / volume, 0.3, 0.95)
    # What is left of each cohort's count is drawn from the years before 2021, where good units
    # were already good: odds in proportion to the odds of 2021.
    odds = usual / (1 - usual)
    rest = []
    for index, each in enumerate(cohorts()):
        if each.answers["before"] is None:
            rest.append(index)
            continue
        count = each.answers["before"] - int(answered[cohort == index].sum())
        members = np.flatnonzero((cohort == index) & chosen_earlier)
        answered[_draw(members, odds[unit[members]], count, rng)] = True
    lumbar = np.isin(cohort, [index for index, _ in _family("lumbar")])
    count = LUMBAR_PREOP_TOTAL - int(answered[lumbar].sum())
    members = np.flatnonzero(np.isin(cohort, rest) & chosen_earlier)
    answered[_draw(members, odds[unit[members]], count, rng)] = True
    return answered
