"""The look-ups of a definition that the rest of the program stands on."""

import pytest
from django.utils import translation

from registry.core.choices import Country, Language
from registry.core.choices import TimePoint as TimePointVocabulary
from registry.registers.schema import (
    LANGUAGES,
    TIME_POINTS,
    InstrumentUse,
    Text,
    icd10_matches,
)
from registry.registers.schema.clinical import RegisterSection
from tests.unit.registers.example import definition


def keys(items):
    return [item.key for item in items]


def test_vocabularies_are_those_of_the_ground_floor():
    assert set(LANGUAGES) == set(Language.values)
    assert set(TIME_POINTS) == set(TimePointVocabulary.values)
    countries = RegisterSection.model_fields["country"].annotation.__args__
    assert set(countries) == set(Country.values)


@pytest.mark.parametrize(
    ("code", "word"),
    [("nb", "bok"), ("nn", "bok"), ("no", "bok"), ("da", "bog"), ("da-dk", "bog"), ("sv", "bok_"),
     ("en-GB", "book"), ("fi", "book")],
)  # fmt: skip
def test_a_text_in_a_language(code, word):
    assert Text(nb="bok", da="bog", sv="bok_", en="book").in_language(code) == word


def test_a_text_prints_in_the_active_language():
    with translation.override("da"):
        assert str(Text(nb="bok", da="bog", sv="bok_", en="book")) == "bog"


@pytest.mark.parametrize(
    ("pattern", "code", "matches"),
    [
        ("M48.0", "M48.0", True),
        ("M48.0", "M480", True),
        ("M48.0", "m48.0", True),
        ("M48.0", "M48.00", True),
        ("M48.0", "DM480", True),
        ("M48.0", "M48.1", False),
        ("Q72.-", "Q72.4", True),
        ("Q72.-", "Q72", True),
        ("Q72.-", "Q73.1", False),
        ("M48", "M48.5", True),
        ("D48", "D48.0", True),
        ("M48", "", False),
    ],
)
def test_icd10_patterns(pattern, code, matches):
    assert icd10_matches(pattern, code) is matches


def test_the_most_specific_group_is_suggested_first():
    assert keys(definition().groups_suggested_by("M48.0")) == ["stenosis", "metastasis"]
    assert keys(definition().groups_suggested_by("C79.5")) == ["metastasis"]
    assert definition().groups_suggested_by("A00.0") == []


def test_time_points_come_in_order_of_time_and_only_where_something_is_sent():
    assert keys(definition().time_points_for("stenosis")) == ["before", "y1"]
    # At one year only a planned instrument is known: nothing is sent.
    assert keys(definition().time_points_for("metastasis")) == ["before", "w6"]


def test_instruments_come_in_asking_order_with_the_planned_ones():
    uses = definition().instruments_for("stenosis", "before")
    assert [(use.code, use.status) for use in uses] == [
        ("patient_baseline", "active"),
        ("eq5d3l", "active"),
        ("sf36", "planned"),
    ]
    assert definition().instruments_for("stenosis", "w6") == []


@pytest.mark.parametrize(
    ("ages", "asked"),
    [(None, [0, 7, 8, 15, 16, 99]), ("8-15", [8, 15]), ("16-", [16, 99]), ("0-7", [0, 7])],
)
def test_an_instrument_may_be_for_some_ages(ages, asked):
    use = InstrumentUse(code="eq5dy3l", ages=ages)
    assert [age for age in (0, 7, 8, 15, 16, 99) if use.is_for(age)] == asked


def test_what_belongs_to_a_group_or_type():
    register = definition()
    assert keys(register.variables_for("operation", "stenosis")) == [
        "asa",
        "minutes",
        "implant",
        "implant_types",
    ]
    assert "karnofsky" in keys(register.variables_for("operation", "metastasis"))
    assert keys(register.variables_for("plan", "stenosis")) == ["angle"]
    assert register.variables_for("plan", "stenosis", procedure_types=["decompression"]) == []
    assert keys(register.procedure_types_for("metastasis")) == ["decompression"]
    assert keys(register.goals_for("fusion")) == ["correction"]
    assert register.goals_for("decompression") == []
    assert register.levels_for("stenosis") == ("L3-L4", "L4-L5")
    assert register.levels_for("metastasis") == ()


def test_scales_and_relevant_changes():
    register = definition()
    assert register.scales_for("stenosis") == ("odi", "eq5d3l_index")
    assert register.scales_for("metastasis") == ()
    assert register.relevant_change("odi", "stenosis") == 12.8
    assert register.relevant_change("odi", "metastasis") == 10
    assert register.relevant_change("ndi", "stenosis") is None


def test_an_unknown_key_is_an_error():
    with pytest.raises(KeyError):
        definition().group("knee")


def test_a_definition_cannot_be_changed():
    with pytest.raises(ValueError, match="frozen"):
        definition().about.code = "other"
