"""What patients answered: one row per answered questionnaire, item by item.

Per cohort, every person has a latent score for each scale at each time point, correlated within a
person; people are ordered by it and take values whose distribution has the printed mean and SD
(``moments``). So the marginal figures are those of print and a patient's answers hang together.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.danespine.cohorts import Cohort, cohorts
from demo.danespine.frame import TIME_POINTS, Frame
from demo.danespine.items import (
    NDI_PROFILE,
    ODI_PROFILE,
    UNANSWERED,
    Items,
    eq5d_distribution,
    eq5d_state_index,
    eq5d_states,
    from_sums,
)
from demo.danespine.moments import apportion, at_quantiles, ranked, tilted, visual_analogue_base
from demo.danespine.people import Days, People

# Correlations between time points (TIME_POINTS) and between scales (limb pain, axial pain, EQ-5D
# turned so that high is bad, disability). Assumptions.
BETWEEN_POINTS = np.array(
    [[1.0, 0.45, 0.35, 0.33], [0.45, 1.0, 0.6, 0.5], [0.35, 0.6, 1.0, 0.7], [0.33, 0.5, 0.7, 1.0]]
)
BETWEEN_SCALES = np.array(
    [[1.0, 0.5, 0.5, 0.55], [0.5, 1.0, 0.48, 0.52], [0.5, 0.48, 1.0, 0.75], [0.55, 0.52, 0.75, 1.0]]
)
SCALE_COLUMN = {"vas_leg": 0, "vas_arm": 0, "vas_back": 1, "vas_neck": 1, "eq5d": 2,
                "odi": 3, "ndi": 3}  # fmt: skip
SKIPS_OPTIONAL_ITEM = 0.08
# Days from the operation on which each questionnaire is answered: from, to (skewed to the first).
OLD_FORMS = 0.03  # answered before surgery more than the 14 days of grace
ANSWER_DAYS = {"before": (-14, -1), "w6": (40, 60), "y1": (356, 420), "y2": (721, 790)}

# Answers are the values that the register's questions offer. Durations in months: 1 under 3,
# 2 up to 12, 3 up to 24, 4 longer. Walking in metres: 1 under 100, 2 up to 500, 3 up to 1000,
# 4 farther. Satisfaction: 1 satisfied, 2 neither, 3 not.
WORKING, PARTLY_ON_LEAVE, ON_LEAVE, DISABILITY_PENSION, RETIRED, SEEKING_WORK = range(1, 7)

# Printed gains in EQ-5D at one year by duration of symptoms, cervical: under 3 and over 24 months.
CERVICAL_GAINS = {"axial": (0.33, 0.15), "limb": (0.33, 0.14)}
# Elsewhere a short history goes with a better result by this much (share of the SD of the gain).
LUMBAR_DURATION_EFFECT = 0.35


@dataclass(frozen=True)
class Responses:
    """Answered questionnaires, all arrays of length n; −1 is not asked or not answered.

    ``operation`` is a row number of the operations, ``point`` an index into TIME_POINTS. Scales
    are answers as given: EQ-5D levels 1–3 (n, 5), ODI and NDI 0–5 (n, 10), VAS 0–100. Background
    columns are the values of the questions, see above.
    """

    operation: NDArray[np.int32]
    point: NDArray[np.int8]
    answered_on: Days
    eq5d: Items
    odi: Items
    ndi: Items
    vas_leg: Items
    vas_back: Items
    vas_arm: Items
    vas_neck: Items
    height_cm: NDArray[np.int16]
    weight_kg: NDArray[np.int16]
    smoker: NDArray[np.int8]
    duration_axial: NDArray[np.int8]
    duration_limb: NDArray[np.int8]
    painkillers: NDArray[np.int8]
    work: NDArray[np.int8]
    sick_leave_days: NDArray[np.int16]
    walking: NDArray[np.int8]
    satisfaction: NDArray[np.int8]


class _Sheet:
    """Answers on their way: arrays per operation × time point, flattened at the end."""

    def __init__(self, n: int) -> None:
        shape = (n, len(TIME_POINTS))
        self.columns: dict[str, NDArray] = {
            "eq5d": np.full((*shape, 5), UNANSWERED, np.int8),
            "odi": np.full((*shape, 10), UNANSWERED, np.int8),
            "ndi": np.full((*shape, 10), UNANSWERED, np.int8),
            "height_cm": np.full(shape, UNANSWERED, np.int16),
            "weight_kg": np.full(shape, UNANSWERED, np.int16),
            "sick_leave_days": np.full(shape, UNANSWERED, np.int16),
        }
        for name in ("vas_leg", "vas_back", "vas_arm", "vas_neck", "smoker", "duration_axial",
                     "duration_limb", "painkillers", "work", "walking",
                     "satisfaction"):  # fmt: skip
            self.columns[name] = np.full(shape, UNANSWERED, np.int8)
        self.index = np.full(shape, np.nan)  # EQ-5D index, for what hangs on the gain
        self.latent = np.zeros((*shape, 4))


def build(frame: Frame, people: People, rng: np.random.Generator) -> Responses:
    """Draw every answered questionnaire."""
    n = len(frame.cohort)
    sheet = _Sheet(n)
    noise = rng.standard_normal((n, len(TIME_POINTS), 4))
    sheet.latent[:] = np.einsum(
        "ab,nbc,dc->nad",
        np.linalg.cholesky(BETWEEN_POINTS),
        noise,
        np.linalg.cholesky(BETWEEN_SCALES),
    )
    skips = rng.random(n) < SKIPS_OPTIONAL_ITEM
    for index, each in enumerate(cohorts()):
        everyone = np.flatnonzero(frame.cohort == index)
        for column, point in enumerate(TIME_POINTS):
            who = everyone[frame.answered[everyone, column]]
            if len(who):
                _scales(sheet, each, who, column, point, skips, rng)
                _walking(sheet, each, who, column, point, rng)
                if point == "before":
                    _body(sheet, each, people, who, rng)
                elif point in {"y1", "y2"}:
                    _satisfaction(sheet, who, column, rng)
                _work(sheet, each, people, who, column, point, rng)
    _durations(sheet, frame, rng)
    operation, column = np.nonzero(frame.answered)
    return Responses(
        operation=operation.astype(np.int32),
        point=column.astype(np.int8),
        answered_on=_answer_dates(people.date[operation], column, rng),
        **{name: values[operation, column] for name, values in sheet.columns.items()},
    )


def _scales(
    sheet: _Sheet,
    cohort: Cohort,
    who: NDArray,
    column: int,
    point: str,
    skips: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    for scale, moments in cohort.moments.items():
        if point not in moments:
            continue
        mean, sd = moments[point]
        latent = sheet.latent[who, column, SCALE_COLUMN[scale]]
        if scale == "eq5d":
            rising = at_quantiles(eq5d_distribution(mean, sd), len(who))
            state = ranked(-latent, rising)
            sheet.columns["eq5d"][who, column] = eq5d_states()[state]
            sheet.index[who, column] = eq5d_state_index()[state]
        elif scale in {"odi", "ndi"}:
            profile = ODI_PROFILE if scale == "odi" else NDI_PROFILE
            sums = np.empty(len(who), dtype=np.int64)
            for left_out, items in ((False, 10), (True, 9)):
                part = np.flatnonzero(skips[who] == left_out)
                grid = np.arange(5 * items + 1) / (5 * items) * 100
                p = tilted(grid, np.ones(len(grid)), mean, sd)
                sums[part] = ranked(latent[part], at_quantiles(p, len(part)))
            sheet.columns[scale][who, column] = from_sums(sums, skips[who], profile, rng)
        else:
            p = tilted(np.arange(101.0), visual_analogue_base(), mean, sd)
            sheet.columns[scale][who, column] = ranked(latent, at_quantiles(p, len(who)))


def _by_rank(score: NDArray, shares: NDArray) -> NDArray[np.int64]:
    """Categories 0, 1, … with exactly these shares, in rising order of the score."""
    counts = apportion(shares, len(score))
    return ranked(score, np.repeat(np.arange(len(shares)), counts))


def _walking(
    sheet: _Sheet, cohort: Cohort, who: NDArray, column: int, point: str, rng: np.random.Generator
) -> None:
    far = cohort.walks_far[0 if point == "before" else 1]
    shares = np.array([*(np.array([0.3, 0.4, 0.3]) * (1 - far)), far])
    bad = sheet.latent[who, column, 3] + rng.normal(0, 0.6, len(who))
    sheet.columns["walking"][who, column] = 1 + _by_rank(-bad, shares)


def _body(
    sheet: _Sheet, cohort: Cohort, people: People, who: NDArray, rng: np.random.Generator
) -> None:
    values = np.arange(160, 501) / 10
    bmi = values[at_quantiles(tilted(values, np.ones(len(values)), *cohort.bmi), len(who))]
    bmi = rng.permutation(bmi)
    woman = people.woman[people.patient[who]]
    height = np.rint(rng.normal(np.where(woman, 166.5, 180.0), 6.5)).clip(140, 205)
    columns = sheet.columns
    columns["height_cm"][who, 0] = height
    columns["weight_kg"][who, 0] = np.rint(bmi * (height / 100) ** 2)
    columns["smoker"][who, 0] = _by_rank(
        rng.random(len(who)), np.array([1 - cohort.smokers, cohort.smokers])
    )
    bad = sheet.latent[who, 0, 0] + rng.normal(0, 0.7, len(who))
    columns["painkillers"][who, 0] = _by_rank(bad, np.array([0.08, 0.26, 0.66]))


def _work(
    sheet: _Sheet,
    cohort: Cohort,
    people: People,
    who: NDArray,
    column: int,
    point: str,
    rng: np.random.Generator,
) -> None:
    age = people.age[who] + max(0, column - 1)
    bad = sheet.latent[who, column, 3] + rng.normal(0, 0.8, len(who))
    off = bad - (-0.1 if point == "before" else 1.2)
    work = np.select([off > 0.35, off > 0], [ON_LEAVE, PARTLY_ON_LEAVE], WORKING)
    drawn = rng.random(len(who))
    work = np.where(drawn < 0.05, SEEKING_WORK, work)
    work = np.where((drawn > 0.92) & (age > 35), DISABILITY_PENSION, work)
    work = np.where(age < 20, WORKING, work)
    work = np.where(age >= 66, RETIRED, work)
    sheet.columns["work"][who, column] = work
    if point != "before":
        return  # asked before surgery only
    on_leave = np.isin(work, [PARTLY_ON_LEAVE, ON_LEAVE])
    # printed, cervical: about 100 days of sick leave at surgery; log-normal, mean 100
    days = np.exp(rng.normal(np.log(100) - 0.32, 0.8, len(who))).clip(1, 730)
    sheet.columns["sick_leave_days"][who, column] = np.where(on_leave, np.rint(days), UNANSWERED)


def _satisfaction(sheet: _Sheet, who: NDArray, column: int, rng: np.random.Generator) -> None:
    bad = sheet.latent[who, column, 3] + rng.normal(0, 0.6, len(who))
    shares = np.array([0.70, 0.15, 0.15])
    sheet.columns["satisfaction"][who, column] = 1 + _by_rank(bad, shares)


def _durations(sheet: _Sheet, frame: Frame, rng: np.random.Generator) -> None:
    """How long symptoms have lasted; in the neck such that the printed gains come out."""
    gain = sheet.index[:, TIME_POINTS.index("y1")] - sheet.index[:, 0]
    cervical = np.array([each.family == "cervical" for each in cohorts()])[frame.cohort]
    before = frame.answered[:, 0]
    common = rng.standard_normal(len(gain))
    for place, printed in CERVICAL_GAINS.items():
        name = f"duration_{place}"
        noise = 0.8 * common + 0.6 * rng.standard_normal(len(gain))
        for index, each in enumerate(cohorts()):
            who = np.flatnonzero((frame.cohort == index) & before)
            if each.family == "cervical" or not len(who):
                continue
            known = gain[who][~np.isnan(gain[who])]
            middle, spread = (known.mean(), known.std() or 1) if len(known) else (0, 1)
            better = np.nan_to_num((gain[who] - middle) / spread)
            score = noise[who] - LUMBAR_DURATION_EFFECT * better
            shares = np.array(getattr(each, name))
            sheet.columns[name][who, 0] = 1 + _by_rank(score, shares)
        who = np.flatnonzero(cervical & before)
        if len(who):
            shares = np.array(getattr(cohorts()[frame.cohort[who[0]]], name))
            placed = _with_gains(gain[who], noise[who], shares, printed)
            sheet.columns[name][who, 0] = 1 + placed


def _with_gains(
    gain: NDArray, noise: NDArray, shares: NDArray, printed: tuple[float, float]
) -> NDArray[np.int64]:
    """Categories 0–3 of duration such that the mean gain of the first and last is as printed.

    People without a known gain are placed by noise alone.
    """
    result = np.ones(len(gain), dtype=np.int64)
    known = np.flatnonzero(~np.isnan(gain))
    unknown = np.flatnonzero(np.isnan(gain))
    result[unknown] = _by_rank(noise[unknown], shares)
    if not len(known):
        return result
    sizes = apportion(shares, len(known))
    shortest = _chosen(gain[known], -noise[known], int(sizes[0]), printed[0])
    result[known[shortest]] = 0
    left = np.delete(known, shortest)
    longest = left[_chosen(gain[left], noise[left], int(sizes[3]), printed[1])]
    result[longest] = 3
    left = np.setdiff1d(left, longest)
    result[left] = 1 + _by_rank(noise[left], shares[1:3])
    return result


def _chosen(gain: NDArray, noise: NDArray, size: int, mean: float) -> NDArray[np.int64]:
    """The ``size`` highest on noise + strength · gain, with the strength that gives ``mean``."""
    scaled = (gain - gain.mean()) / (gain.std() or 1)
    low, high = -20.0, 20.0
    for _ in range(60):
        strength = (low + high) / 2
        picked = np.argsort(-(noise + strength * scaled), kind="stable")[:size]
        if not size or gain[picked].mean() < mean:
            low = strength
        else:
            high = strength
    return picked


def _answer_dates(date: Days, column: NDArray, rng: np.random.Generator) -> Days:
    first = np.array([ANSWER_DAYS[point][0] for point in TIME_POINTS])[column]
    last = np.array([ANSWER_DAYS[point][1] for point in TIME_POINTS])[column]
    early = rng.random(len(date)) ** 2
    early = np.where(column == 0, 1 - early, early)  # most answer shortly before surgery
    days = (first + np.rint(early * (last - first))).astype(np.int64)
    old = (column == 0) & (rng.random(len(date)) < OLD_FORMS)
    return date + np.where(old, -rng.integers(15, 60, len(date)), days)
