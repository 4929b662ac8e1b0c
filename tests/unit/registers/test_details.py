"""Register-specific values, as typed in a form, sent to the API or read from a file."""

from datetime import date

import pytest
from django.utils import translation

from registry.registers.schema import validate_details
from tests.unit.registers.example import definition


def validate(details, *, group="stenosis", sections="operation", strict=False, **more):
    return validate_details(
        definition(), details, group=group, sections=sections, strict=strict, **more
    )


@pytest.mark.parametrize(
    ("section", "key", "given", "stored"),
    [
        ("operation", "asa", "2", "2"),
        ("operation", "asa", 2, "2"),
        ("operation", "minutes", "90", 90),
        ("operation", "minutes", 90, 90),
        ("operation", "minutes", 90.0, 90),
        ("operation", "minutes", " 90 ", 90),
        ("operation", "implant", True, True),
        ("operation", "implant", "ja", True),
        ("operation", "implant", "nej", False),
        ("operation", "implant", "false", False),
        ("operation", "implant_types", ["cage", "screw", "cage"], ["screw", "cage"]),
        ("operation", "implant_types", "plate; screw", ["screw", "plate"]),
        ("operation", "implant_types", "cage", ["cage"]),
        ("plan", "angle", "12,5", 12.5),
        ("plan", "angle", "12.5", 12.5),
        ("plan", "angle", 0, 0),
        ("plan", "angle", 90, 90),
        ("result", "healed_on", "2026-03-31", "2026-03-31"),
        ("result", "healed_on", date(2026, 3, 31), "2026-03-31"),
        ("result", "remark", "well", "well"),
        ("result", "remark", "0123456789", "0123456789"),
    ],
)
def test_a_right_value_is_stored_as_json(section, key, given, stored):
    result = validate({key: given}, sections=section)
    assert result.errors == {}
    assert result.clean == {key: stored}
    assert type(result.clean[key]) is type(stored)


@pytest.mark.parametrize("empty", ["", "  ", None, [], ()])
def test_what_is_empty_is_not_stored(empty):
    assert validate({"implant_types": empty, "minutes": empty}) == ({}, {}, {})


@pytest.mark.parametrize(
    ("section", "key", "given", "message"),
    [
        ("operation", "asa", "9", "“9” is not one of the options: 1, 2, 3."),
        ("operation", "minutes", "ninety", "“ninety” is not a whole number."),
        ("operation", "minutes", "12.5", "“12.5” is not a whole number."),
        ("operation", "minutes", "１２", "“１２” is not a whole number."),
        ("operation", "minutes", True, "“True” is not a whole number."),
        ("operation", "minutes", 0, "0 is outside the range 1 to 1440 min."),
        ("operation", "minutes", 1441, "1441 is outside the range 1 to 1440 min."),
        ("operation", "implant", "perhaps", "“perhaps” is neither yes nor no."),
        ("operation", "implant_types", ["cage", "nail"], "“nail” is not one of the options"),
        ("operation", "karnofsky", 50, "Karnofsky does not apply here. Leave it empty."),
        ("operation", "angle", 5, "Angle does not apply here. Leave it empty."),
        ("operation", "mood", "fine", "This register has no variable “mood”. Check the name."),
        ("plan", "angle", "1e3", "“1e3” is not a number."),
        ("plan", "angle", float("nan"), "“nan” is not a number."),
        ("plan", "angle", -0.5, "-0.5 is outside the range 0 to 90 °."),
        ("result", "healed_on", "31.3.2026", "“31.3.2026” is not a date."),
        ("result", "healed_on", "2019-12-31", "2019-12-31 is less than the smallest possible"),
        ("result", "remark", "01234567890", "The text has 11 characters; at most 10 are allowed."),
        ("result", "remark", "a\x00b", "The text holds a character that cannot be stored."),
        ("result", "remark", {"a": 1}, "is not a text."),
    ],
)
@pytest.mark.parametrize("strict", [False, True])
def test_a_wrong_value_says_what_is_wrong(section, key, given, message, strict):
    with translation.override("en"):
        result = validate({key: given}, sections=section, strict=strict)
    assert message in result.errors[key]
    assert key not in result.clean


def test_a_draft_may_leave_out_what_submitting_requires():
    assert validate({}).errors == {}
    with translation.override("en"):
        assert validate({}, strict=True).errors == {"asa": "ASA class must be filled in."}


@pytest.mark.parametrize(
    ("details", "missing"),
    [
        ({"asa": "1"}, set()),
        ({"asa": "1", "implant": False}, set()),
        ({"asa": "1", "implant": True}, {"implant_types"}),
        ({"asa": "1", "implant": "yes"}, {"implant_types"}),
        ({"asa": "1", "implant": True, "implant_types": ["cage"]}, set()),
        ({"implant": True}, {"asa", "implant_types"}),
    ],
)
def test_required_when(details, missing):
    assert set(validate(details, strict=True).errors) == missing


def test_a_wrong_required_value_is_told_once():
    errors = validate({"asa": "9"}, strict=True).errors
    assert list(errors) == ["asa"]
    assert "9" in errors["asa"]


@pytest.mark.parametrize(
    ("minutes", "unusual"), [(9, True), (10, False), (600, False), (601, True)]
)
def test_an_unusual_value_is_stored_and_asks_to_be_confirmed(minutes, unusual):
    result = validate({"asa": "1", "minutes": minutes}, strict=True)
    assert result.errors == {}
    assert result.clean["minutes"] == minutes
    assert ("minutes" in result.warnings) is unusual


def test_a_variable_of_another_procedure_does_not_apply():
    details = {"angle": 12}
    fine = validate(details, sections="plan", procedure_types=["fusion"])
    assert fine.clean == details
    refused = validate(details, sections="plan", procedure_types=["decompression"])
    assert set(refused.errors) == {"angle"}


def test_several_sections_at_once():
    result = validate({"angle": 12, "asa": "1"}, sections=("plan", "operation"), strict=True)
    assert result.errors == {}
    assert list(result.clean) == ["angle", "asa"]


@pytest.mark.parametrize("language", ["nb", "da", "sv"])
def test_messages_are_translated(language):
    given = {"asa": "9", "minutes": "x", "implant": "x", "mood": "x", "karnofsky": 5}
    with translation.override("en"):
        english = validate(given).errors
    with translation.override(language):
        translated = validate(given).errors
    assert english.keys() == translated.keys()
    assert all(english[key] != translated[key] for key in english)
