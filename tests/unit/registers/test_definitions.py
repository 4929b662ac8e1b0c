"""The definitions that come with the program: complete, reviewed, and worded as published."""

import pytest

from demo.published import table
from registry.core.clock import today
from registry.registers.loader import definition_files, read_definition, version_of
from registry.registers.schema import LANGUAGES

FILES = definition_files()


@pytest.fixture(scope="module")
def limb():
    return next(read_definition(path) for path in FILES if path.stem == "limb_no")


@pytest.fixture(scope="module")
def danespine():
    return next(read_definition(path) for path in FILES if path.stem == "danespine")


def test_both_registers_are_there():
    assert {"danespine", "limb_no"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_definition_is_right_and_its_version_stable(path):
    assert version_of(read_definition(path)) == version_of(read_definition(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_indicator_is_past_its_review(path):
    for indicator in read_definition(path).indicators.values():
        assert indicator.next_review > today(), f"{indicator.key}: review it and set a new date"


def test_limb_procedures_are_worded_and_ordered_as_published(limb):
    printed = [row["procedure"] for row in table("limb_no_operations_2023")][:-1]
    assert [t.labels.en for t in limb.procedure_types.values()] == printed
    assert len(printed) == 13


def test_limb_tables_have_the_columns_of_print(limb):
    for name, identifier in (
        ("limb_no_operations_2023", "operations"),
        ("limb_no_quality_goals_2023", "quality_goals"),
        ("limb_no_complications_2023", "complications"),
    ):
        printed = list(table(name)[0])
        assert [column.key for column in limb.tables[identifier].columns] == printed
    for name in ("consultations_by_region_year", "new_referrals_by_region_year"):
        printed = [key for key in table(f"limb_no_{name}")[0] if not key.isdigit()]
        columns = limb.tables[name].columns
        assert [column.key for column in columns if column.measure != "year"] == printed
        assert limb.tables[name].first_year == 2017
    assert limb.tables["complications"].empty_row.en == "None registered"


def test_limb_reports_by_residence_and_asks_nothing_yet(limb):
    assert {t.region_basis for t in limb.tables.values()} == {"residence"}
    assert all(limb.time_points_for(group) == [] for group in limb.groups)


def test_danespine_asks_as_described(danespine):
    def asked(group, point, age=60):
        return [use.code for use in danespine.instruments_for(group, point) if use.is_for(age)]

    assert asked("lumbar_stenosis", "before") == [
        "patient_baseline", "vas_back", "vas_leg", "eq5d3l", "odi", "sf36",
    ]  # fmt: skip
    assert asked("cervical_myelopathy", "y2") == [
        "patient_followup", "vas_neck", "vas_arm", "eq5d3l", "ndi", "sf36",
    ]  # fmt: skip
    assert asked("fracture_cervical", "y1")[-1] == "ndi"
    assert asked("fracture_lumbar", "y1")[-1] == "odi"
    assert asked("metastasis", "y1") == []
    # Children have a form of their own.
    for age, form in ((4, "eq5dy3l"), (8, "eq5dy3l"), (15, "eq5dy3l"), (16, "eq5d3l")):
        assert {"eq5d3l", "eq5dy3l"} & {*asked("scoliosis", "y1", age)} == {form}

    def points(group):
        return [point.key for point in danespine.time_points_for(group)]

    assert points("metastasis") == ["before", "w6"]
    for group in danespine.groups.keys() - {"metastasis"}:
        assert points(group) == ["before", "y1", "y2", "y5", "y10"]


def test_every_outcome_table_of_danespine_has_its_group(danespine):
    printed = {row["table"] for row in table("danespine_outcomes")}
    assert printed == {g.table for g in danespine.published_groups.values() if g.table}


def test_danespine_diagnoses_are_worded_as_published(danespine):
    printed = {row["diagnosis_group"] for row in table("danespine_lumbar_diagnoses")}
    keys = danespine.tables["lumbar_diagnoses"].published_groups
    assert {danespine.published_groups[key].labels.en for key in keys} == printed - {
        "Total as printed"
    }
    joined = [g for key in keys for g in danespine.published_groups[key].groups]
    lumbar = [g.key for g in danespine.groups.values() if g.cohort == "lumbar"]
    assert sorted(joined) == sorted(lumbar)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_languages_are_not_copies_of_one_another(path):
    definition = read_definition(path)
    words = [item.labels for item in definition.procedures.variables]
    for first, second in (("nb", "da"), ("da", "sv"), ("nb", "en")):
        differing = [t for t in words if t.in_language(first) != t.in_language(second)]
        assert len(differing) > len(words) / 4, (first, second)
    assert set(definition.about.languages) == set(LANGUAGES)
