"""The synthetic spine register agrees with the published tables, recomputed from its answers."""

import numpy as np
import pytest

from demo.danespine import SEED, synthesise
from demo.danespine.cohorts import cohorts
from demo.danespine.frame import TIME_POINTS, unit_codes
from demo.published import table

VAS = {"VAS leg": "vas_leg", "VAS back": "vas_back", "VAS arm": "vas_arm", "VAS neck": "vas_neck"}
COHORT_OF_TABLE = {
    "4": "stenosis",
    "5": "herniation",
    "6": "segmental_decompression",
    "7": "segmental_fusion",
    "8": "segmental_cage",
    "10": "radiculopathy",
    "11": "myelopathy",
    "13": "vertebroplasty_osteoporotic",
    "14": "spondylodiscitis",
    "15": "metastasis",
}
OUTCOMES = [row for row in table("danespine_outcomes") if row["measure"] != "N patients"]
LUMBAR_GROUPS = {
    "Spondylolisthesis": {"spondylolisthesis"},
    "Other spondylosis with radiculopathy": {
        "segmental_decompression",
        "segmental_fusion",
        "segmental_cage",
        "segmental_other",
    },
    "Spondylosis unspecified": {"spondylosis_unspecified"},
    "Spinal stenosis": {"stenosis"},
    "Disc herniation with radiculopathy": {"herniation"},
    "Disc degeneration": {"disc_degeneration"},
    "Other diagnosis": {"lumbar_other"},
}


@pytest.fixture(scope="module")
def full():
    return synthesise("full")


@pytest.fixture(scope="module")
def small():
    return synthesise("small")


def danish_index(profiles):
    """EQ-5D-3L index by the Danish value set, written out anew from instruments.md."""
    losses = [(0.053, 0.411), (0.063, 0.192), (0.048, 0.144), (0.062, 0.396), (0.068, 0.367)]
    index = 1 - 0.114 * (profiles > 1).any(axis=1)
    for item, (some, extreme) in enumerate(losses):
        index = index - some * (profiles[:, item] == 2) - extreme * (profiles[:, item] == 3)
    return index


def disability(items):
    answered = items >= 0
    return 100 * np.where(answered, items, 0).sum(axis=1) / (5 * answered.sum(axis=1))


def scores(register, measure, cohort, point):
    """The scores of everyone in a cohort who answered at a time point."""
    responses = register.responses
    rows = (register.cohort_codes[responses.operation] == cohort) & (
        responses.point == TIME_POINTS.index(point)
    )
    if measure == "EQ-5D":
        return danish_index(responses.eq5d[rows])
    if measure in {"ODI", "NDI"}:
        return disability(getattr(responses, measure.lower())[rows])
    return getattr(responses, VAS[measure])[rows].astype(float)


@pytest.mark.parametrize(
    "printed", OUTCOMES, ids=lambda row: f"table {row['table']} {row['measure']}"
)
@pytest.mark.parametrize("column", ["preop", "y1", "y2"])
def test_means_sds_and_numbers_are_as_printed(full, printed, column):
    if not printed[f"{column}_mean"]:
        return
    cohort = COHORT_OF_TABLE[printed["table"]]
    point = {"preop": "before", "y1": "w6" if cohort == "metastasis" else "y1", "y2": "y2"}[column]
    found = scores(full, printed["measure"], cohort, point)
    number = next(
        row[f"{column}_mean"]
        for row in table("danespine_outcomes")
        if row["table"] == printed["table"] and row["measure"] == "N patients"
    )
    assert len(found) == int(number)
    assert not np.isnan(found).any()
    if len(found) >= 200:
        tolerance = 0.01 if printed["measure"] == "EQ-5D" else 0.5
        assert abs(found.mean() - float(printed[f"{column}_mean"])) <= tolerance
        if printed[f"{column}_sd"]:
            assert found.std(ddof=1) == pytest.approx(float(printed[f"{column}_sd"]), rel=0.05)


def test_lumbar_diagnoses_are_as_printed(full):
    codes = full.cohort_codes
    for row in table("danespine_lumbar_diagnoses"):
        if row["diagnosis_group"] == "Total as printed":
            continue
        members = np.isin(codes, list(LUMBAR_GROUPS[row["diagnosis_group"]]))
        assert members.sum() == int(row["n_2009_2022"])
        assert (members & (full.frame.year == 2022)).sum() == int(row["n_2022"])


@pytest.mark.parametrize("name", ["lumbar", "cervical"])
@pytest.mark.parametrize("year", [2021, 2022])
def test_units_volumes_and_preoperative_answers_are_as_printed(full, name, year):
    family = {each.code for each in cohorts() if each.family == name}
    here = np.isin(full.cohort_codes, list(family)) & (full.frame.year == year)
    checked = 0
    for row in table(f"danespine_{name}_preop_completeness"):
        if not row["unit_code"]:
            continue
        unit = full.frame.unit == unit_codes().index(row["unit_code"].split("+")[0])
        assert (here & unit).sum() == int(row[f"ops_{year}"] or 0)
        assert full.frame.answered[here & unit, 0].sum() == int(row[f"preop_{year}"] or 0)
        checked += 1
    assert checked == {"lumbar": 16, "cervical": 12}[name]


def test_totals_of_the_text_are_met(full):
    codes = full.cohort_codes
    lumbar = np.isin(codes, [each.code for each in cohorts() if each.family == "lumbar"])
    cervical = np.isin(codes, ["radiculopathy", "myelopathy"])
    assert full.operations == 98_000
    assert lumbar.sum() == 77_181
    assert full.frame.answered[lumbar, 0].sum() == 56_027
    assert cervical.sum() == 12_846


def test_vertebroplasties_per_unit_and_scoliosis_per_year_are_as_printed(full):
    codes = full.cohort_codes
    vertebroplasty = np.char.startswith(codes, "vertebroplasty")
    for row in table("danespine_vertebroplasty_by_unit"):
        if row["unit_code"]:
            unit = unit_codes().index(row["unit_code"].split("+")[0])
            found = (vertebroplasty & (full.frame.unit == unit)).sum()
            assert found == int(row["n_2009_2022"])
    for row in table("danespine_scoliosis_operations_by_year"):
        found = ((codes == "scoliosis") & (full.frame.year == int(row["year"]))).sum()
        assert found == int(row["n"])


def test_stenosis_patients_walk_as_printed_before_and_after(full):
    responses = full.responses
    stenosis = full.cohort_codes[responses.operation] == "stenosis"
    for point, share in (("before", 0.15), ("y1", 0.44)):
        asked = stenosis & (responses.point == TIME_POINTS.index(point))
        assert (responses.walking[asked] == 3).mean() == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize(
    ("cohort", "age", "sd", "women"),
    [
        ("herniation", 47.0, None, 0.44),
        ("segmental_decompression", 64.1, 12.7, 0.551),
        ("segmental_fusion", 56.4, 13.2, 0.562),
        ("segmental_cage", 49.4, 12.5, 0.599),
        ("radiculopathy", 51.4, 9.8, 0.498),
        ("vertebroplasty_osteoporotic", None, None, 0.68),
    ],
)
def test_ages_and_sexes_are_as_printed(full, cohort, age, sd, women):
    members = full.cohort_codes == cohort
    ages = full.people.age[members]
    assert full.people.woman[full.people.patient[members]].mean() == pytest.approx(women, abs=0.01)
    if age:
        assert ages.mean() == pytest.approx(age, abs=0.2)
    if sd:
        assert ages.std() == pytest.approx(sd, rel=0.02)


def test_a_quarter_of_the_women_with_vertebroplasty_are_over_eighty(full):
    women = full.people.woman[full.people.patient]
    members = (full.cohort_codes == "vertebroplasty_osteoporotic") & women
    assert (full.people.age[members] > 80).mean() == pytest.approx(0.24, abs=0.03)


def test_bmi_and_symptom_durations_of_segmental_pain_are_as_printed(full):
    responses = full.responses
    before = responses.point == 0
    printed = {(row["table"], row["characteristic"]): row["value"]
               for row in table("danespine_segmental_pain_baseline")}  # fmt: skip
    for number in ("6", "7", "8"):
        cohort = COHORT_OF_TABLE[number]
        asked = before & (full.cohort_codes[responses.operation] == cohort)
        bmi = responses.weight_kg[asked] / (responses.height_cm[asked] / 100) ** 2
        mean, sd = map(float, printed[number, "BMI mean/SD"].split("/"))
        assert bmi.mean() == pytest.approx(mean, abs=0.1)
        assert bmi.std() == pytest.approx(sd, rel=0.03)
        for words, column in (("leg pain", "duration_limb"), ("back pain", "duration_axial")):
            share = float(printed[number, f"{words} >12 months"].split("%")[0].split(" (")[0])
            found = (getattr(responses, column)[asked] >= 2).mean()
            assert 100 * found == pytest.approx(share, abs=0.2)


@pytest.mark.parametrize("row", table("danespine_eq5d_gain_by_symptom_duration"),
                         ids=lambda row: f"{row['symptom']} {row['duration']}")  # fmt: skip
def test_gain_by_symptom_duration_is_as_printed(full, row):
    responses = full.responses
    cervical = np.isin(full.cohort_codes, ["radiculopathy", "myelopathy"])
    index = np.full((full.operations, len(TIME_POINTS)), np.nan)
    index[responses.operation, responses.point] = danish_index(responses.eq5d)
    name = "duration_axial" if row["symptom"] == "neck pain" else "duration_limb"
    duration = np.full(full.operations, -1)
    before = responses.point == 0
    duration[responses.operation[before]] = getattr(responses, name)[before]
    gain = index[:, TIME_POINTS.index("y1")] - index[:, 0]
    wanted = 0 if row["duration"] == "under 3 months" else 3
    members = cervical & (duration == wanted) & ~np.isnan(gain)
    assert members.sum() > 200
    assert gain[members].mean() == pytest.approx(float(row["eq5d_gain_preop_y1"]), abs=0.005)


def test_metastases_are_operated_on_monday_thursday_and_friday_as_often_as_printed(full):
    weekday = (full.people.date.astype(int) + 3) % 7
    share = np.isin(weekday[full.cohort_codes == "metastasis"], [0, 3, 4]).mean()
    assert share == pytest.approx(0.53, abs=0.04)


@pytest.mark.parametrize("scale", ["full", "small"])
def test_cases_are_possible(scale, request):
    register = request.getfixturevalue(scale)
    people, responses = register.people, register.responses
    birth, died = people.birth_date[people.patient], people.died_on[people.patient]
    assert (people.date > birth).all()
    assert (people.date.astype("datetime64[Y]").astype(int) + 1970 == register.frame.year).all()
    assert people.patient.max() + 1 == len(people.birth_date) < register.operations
    dead = ~np.isnat(died)
    by_2026 = died < np.datetime64("2026-01-01")
    assert 0.1 * register.operations < by_2026.sum() < 0.3 * register.operations
    assert (died[dead] > people.date[dead]).all()
    answer_of_dead = died[responses.operation]
    assert not (answer_of_dead <= responses.answered_on).any()
    before = responses.point == 0
    assert (responses.answered_on[before] < people.date[responses.operation[before]]).all()
    assert (responses.answered_on[~before] > people.date[responses.operation[~before]]).all()
    # answers lie within what the questionnaires offer, and only the asked ones are there
    codes = register.cohort_codes[responses.operation]
    by_code = {each.code: each for each in cohorts()}
    for scale_name in ("eq5d", "odi", "ndi", "vas_leg", "vas_back", "vas_arm", "vas_neck"):
        values = getattr(responses, scale_name)
        asked = np.array([scale_name in by_code[code].scales for code in codes])
        assert (values[~asked] == -1).all()
        assert values[asked].max() <= {"eq5d": 3, "odi": 5, "ndi": 5}.get(scale_name, 100)
        skippable = -1 if scale_name in {"odi", "ndi"} else 0
        assert values[asked].min() >= skippable


def test_answers_of_one_patient_hang_together(full):
    def both(measure, cohort, first, second):
        register, found = full, []
        for name, point in (first, second):
            values = np.full(register.operations, np.nan)
            rows = (register.cohort_codes[register.responses.operation] == cohort) & (
                register.responses.point == TIME_POINTS.index(point)
            )
            values[register.responses.operation[rows]] = scores(register, name, cohort, point)
            found.append(values)
        known = ~np.isnan(found[0]) & ~np.isnan(found[1])
        return np.corrcoef(found[0][known], found[1][known])[0, 1]

    assert both("", "stenosis", ("ODI", "before"), ("EQ-5D", "before")) < -0.6
    assert both("", "stenosis", ("ODI", "before"), ("VAS leg", "before")) > 0.4
    assert both("", "stenosis", ("ODI", "before"), ("ODI", "y1")) > 0.25
    assert both("", "stenosis", ("ODI", "y1"), ("ODI", "y2")) > 0.6


def test_small_has_the_shape_of_full(full, small):
    assert small.operations == 2_000
    assert set(small.cohort_codes) == {each.code for each in cohorts()}
    rates = [register.frame.answered.mean(axis=0) for register in (full, small)]
    assert np.abs(rates[0] - rates[1]).max() < 0.005
    odi = scores(small, "ODI", "stenosis", "before")
    assert odi.mean() == pytest.approx(41.6, abs=0.5)


def test_the_same_seed_draws_the_same_register_and_another_seed_another(small):
    again, other = synthesise("small", SEED), synthesise("small", SEED + 1)
    assert (again.people.birth_date == small.people.birth_date).all()
    assert (again.responses.eq5d == small.responses.eq5d).all()
    assert not np.array_equal(other.responses.eq5d, small.responses.eq5d)
