"""The synthetic spine register agrees with the published tables, recomputed from its answers."""

import numpy as np
import pytest

from demo.danespine import SEED, synthesise
from demo.danespine.cohorts import cohorts
from demo.danespine.frame import TIME_POINTS, unit_codes
from demo.danespine.surgery import TOKUHASHI
from demo.published import table
from proms.instruments.loader import instrument
from proms.scoring import score
from registry.registers.loader import definition_files, read_definition
from registry.registers.schema import icd10_matches

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
DEFINITION = read_definition(next(path for path in definition_files() if path.stem == "danespine"))
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


def scored(code, scale, items):
    """The scores that the registry itself gives to answers; −1 is unanswered."""
    answers = np.where(items < 0, np.nan, items).reshape(len(items), -1)
    result = score(instrument(code), answers, value_set="dk" if code == "eq5d3l" else None)[scale]
    return result.values


def danish_index(profiles):
    return scored("eq5d3l", "eq5d3l_index", profiles)


def scores(register, measure, cohort, point):
    """The scores of everyone in a cohort who answered at a time point."""
    responses = register.responses
    rows = (register.cohort_codes[responses.operation] == cohort) & (
        responses.point == TIME_POINTS.index(point)
    )
    if measure == "EQ-5D":
        return danish_index(responses.eq5d[rows])
    if measure in {"ODI", "NDI"}:
        return scored(measure.lower(), measure.lower(), getattr(responses, measure.lower())[rows])
    return scored(VAS[measure], VAS[measure], getattr(responses, VAS[measure])[rows])


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
        assert (responses.walking[asked] == 4).mean() == pytest.approx(share, abs=0.001)


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
            found = (getattr(responses, column)[asked] >= 3).mean()
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
    wanted = 1 if row["duration"] == "under 3 months" else 4
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


def test_surgery_uses_only_what_the_register_definition_offers(full):
    definition, surgery = DEFINITION, full.surgery
    seen = set()
    columns = (surgery.group, surgery.procedure, surgery.levels, surgery.complication)
    for group, procedure, levels, complication in set(zip(*map(list, columns), strict=True)):
        assert procedure in {kind.key for kind in definition.procedure_types_for(group)}
        assert set(levels.split()) <= set(definition.levels_for(group))
        offered = {each.key for each in definition.complications_for(group)}
        assert not complication or complication in offered
        seen.add(group)
    for group, diagnosis in set(zip(surgery.group, surgery.diagnosis, strict=True)):
        patterns = definition.groups[group].icd10
        assert any(icd10_matches(pattern, diagnosis) for pattern in patterns), (group, diagnosis)
    assert seen == set(definition.groups)
    for column, (key, shares) in enumerate(TOKUHASHI.items()):
        options = {option.key for option in definition.variables[key].options}
        assert set(shares) <= options
        assert set(surgery.tokuhashi[:, column]) - {""} <= options
    scored = (surgery.tokuhashi != "").all(axis=1)
    assert scored.sum() == pytest.approx(246, abs=45)


def test_answers_use_only_what_the_questions_offer(full):
    allowed = {}
    for code in ("patient_baseline", "patient_followup"):
        for item in instrument(code).items:
            allowed.setdefault(item.code, item)
    columns = {"smoker": "smoking", "walking": "walking_distance",
               "duration_axial": "symptom_duration_axial",
               "duration_limb": "symptom_duration_limb"}  # fmt: skip
    for column in ("height_cm", "weight_kg", "smoker", "duration_axial", "duration_limb", "walking",
                   "painkillers", "work", "sick_leave_days", "satisfaction"):  # fmt: skip
        values = set(getattr(full.responses, column).tolist()) - {-1}
        item = allowed[columns.get(column, column)]
        assert all(item.accepts(value) for value in values), column
    windows = DEFINITION.time_points
    for number, point in enumerate(TIME_POINTS):
        rows = full.responses.point == number
        days = full.responses.answered_on[rows] - full.people.date[full.responses.operation[rows]]
        assert days.astype(int).min() >= windows[point].opens
        assert days.astype(int).max() <= windows[point].closes
