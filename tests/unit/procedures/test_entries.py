"""What can be stated about an operation, by the definition of its register. No database."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError

from procedures.completeness import progress
from procedures.entries import (
    ComplicationEntry,
    GoalEntry,
    OperationEntry,
    check_entry,
    written_diagnosis,
    written_procedure_code,
)
from procedures.policies import Lifetime
from registry.registers.loader import read_definition

DEFINITIONS = Path(settings.BASE_DIR) / "registry" / "registers" / "definitions"
SPINE = read_definition(DEFINITIONS / "danespine.toml")
LIMB = read_definition(DEFINITIONS / "limb_no.toml")
TODAY = date(2026, 11, 22)
LIFE = Lifetime(born=date(1961, 4, 12))
STENOSIS = OperationEntry(
    group="lumbar_stenosis",
    performed_on=date(2026, 11, 2),
    diagnosis="M48.0",
    levels=("L4-L5",),
    procedures=(("decompression", "ABC36"),),
    details={"asa_class": "2", "previous_surgery_level": "no"},
)
NAIL = OperationEntry(
    group="limb_shortening",
    performed_on=date(2026, 3, 2),
    diagnosis="Q72.4",
    side="left",
    procedures=(("lengthening_nail", ""),),
    details={"planned_lengthening_mm": "50"},
)


def check(entry: OperationEntry, definition: object = SPINE) -> object:
    return check_entry(entry, definition=definition, life=LIFE, on=TODAY)


def test_a_right_entry_is_stored_as_it_will_be_read() -> None:
    checked = check(replace(STENOSIS, levels=("L5-S1", "L4-L5"), diagnosis="dm480"))
    assert (checked.errors, checked.warnings) == ({}, {})
    assert checked.entry.levels == ("L4-L5", "L5-S1")
    assert checked.entry.diagnosis == "M48.0"
    assert checked.entry.details == {"asa_class": "2", "previous_surgery_level": False}
    assert checked.procedure_type == "decompression"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"group": "knees"}, "group"),
        ({"group": ""}, "group"),
        ({"diagnosis": "X"}, "diagnosis"),
        ({"diagnosis": ""}, "diagnosis"),
        ({"side": "middle"}, "side"),
        ({"levels": ()}, "levels"),
        ({"levels": ("C1",)}, "levels"),
        ({"procedures": ()}, "procedures"),
        ({"procedures": (("laminoplasty", ""),)}, "procedures-0-type"),
        ({"procedures": (("decompression", ""), ("nothing", ""))}, "procedures-1-type"),
        ({"procedures": (("decompression", "12"),)}, "procedures-0-code"),
        ({"procedures": (("decompression", ""), ("decompression", ""))}, "procedures-1-type"),
        ({"details": {"asa_class": "2"}}, "details-previous_surgery_level"),
        (
            {"details": {"asa_class": "9", "previous_surgery_level": "no"}},
            "details-asa_class",
        ),
        (
            {
                "details": {
                    "asa_class": "2",
                    "previous_surgery_level": "no",
                    "implant_used": "yes",
                }
            },
            "details-implant_types",
        ),
        (
            {
                "details": {
                    "asa_class": "2",
                    "previous_surgery_level": "no",
                    "lenke_mt_cobb": "40",
                }
            },
            "details-lenke_mt_cobb",
        ),
        ({"performed_on": date(2026, 11, 23)}, "performed_on"),
        ({"complications": ()}, "complications_assessed_on"),
        (
            {
                "complications": (ComplicationEntry("leg_fell_off"),),
                "complications_assessed_on": TODAY,
            },
            "complications",
        ),
        (
            {
                "complications": (ComplicationEntry("dural_tear", date(2026, 11, 5)),),
                "complications_assessed_on": TODAY,
            },
            "complications-dural_tear",
        ),
    ],
)
def test_each_fault_is_told_beside_its_field(change: dict, field: str) -> None:
    assert set(check(replace(STENOSIS, **change)).errors) == {field}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"diagnosis": "M51.1"}, "diagnosis"),
        ({"procedures": (("decompression", "NAG66"),)}, "procedures-0-code"),
        (
            {
                "details": {
                    "asa_class": "2",
                    "previous_surgery_level": "no",
                    "operation_minutes": "700",
                }
            },
            "details-operation_minutes",
        ),
    ],
)
def test_the_unusual_is_asked_and_not_refused(change: dict, field: str) -> None:
    checked = check(replace(STENOSIS, **change))
    assert checked.errors == {}
    assert set(checked.warnings) == {field}


def test_a_plan_may_leave_what_is_not_known_yet() -> None:
    plan = OperationEntry(group="lumbar_stenosis", planned_on=date(2026, 12, 1))
    assert check(plan).errors == {}


def test_what_a_procedure_asks_of_the_plan_is_asked_only_with_it() -> None:
    plan = OperationEntry(group="limb_shortening", planned_on=date(2026, 12, 1))
    assert check(plan, LIMB).errors == {}
    nail = replace(plan, procedures=(("lengthening_nail", ""),))
    assert set(check(nail, LIMB).errors) == {"details-planned_lengthening_mm"}


def test_goals_are_those_of_the_type_and_of_what_was_planned() -> None:
    assert [goal.goal for goal in check(NAIL, LIMB).goals] == [
        "treatment_completed",
        "planned_lengthening",
        "healing",
    ]
    removal = replace(NAIL, procedures=(("removal_nail", ""),), details={})
    assert [goal.goal for goal in check(removal, LIMB).goals] == ["treatment_completed", "healing"]


@pytest.mark.parametrize(
    ("goal", "fault"),
    [
        (GoalEntry("planned_lengthening", "achieved", date(2026, 9, 1)), None),
        (GoalEntry("planned_lengthening", "achieved", None), "goals-planned_lengthening-on"),
        (
            GoalEntry("planned_lengthening", "achieved", date(2026, 1, 1)),
            "goals-planned_lengthening-on",
        ),
        (GoalEntry("planned_lengthening", "maybe", date(2026, 9, 1)), "goals-planned_lengthening"),
        (
            GoalEntry("planned_lengthening", "not_assessed", date(2026, 9, 1)),
            "goals-planned_lengthening",
        ),
        (GoalEntry("dancing", "achieved", date(2026, 9, 1)), "goals-dancing"),
    ],
)
def test_a_goal_is_assessed_with_its_own_date(goal: GoalEntry, fault: str | None) -> None:
    assert set(check(replace(NAIL, goals=(goal,)), LIMB).errors) == ({fault} if fault else set())


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("m48.0", "M48.0"),
        ("DM480", "M48.0"),
        ("M48", "M48"),
        ("d48.0", "D48.0"),
        ("M48.06", "M48.06"),
    ],
)
def test_diagnosis_as_stored(typed: str, stored: str) -> None:
    assert written_diagnosis(typed) == stored


@pytest.mark.parametrize("typed", ["48.0", "M4", "back pain", "M48.0000"])
def test_no_diagnosis(typed: str) -> None:
    with pytest.raises(ValidationError):
        written_diagnosis(typed)


@pytest.mark.parametrize(
    ("typed", "stored"), [("abc36", "ABC36"), ("KABC36", "ABC36"), ("NAG 66", "NAG66")]
)
def test_procedure_code_as_stored(typed: str, stored: str) -> None:
    assert written_procedure_code(typed) == stored


def test_completeness_counts_only_what_is_expected() -> None:
    entry = replace(STENOSIS, diagnosis="", details={"implant_used": True, "asa_class": "2"})
    parts = {
        one.section: one
        for one in progress(entry, definition=SPINE, has_unit=True, performing=True)
    }
    assert (parts["session"].done, parts["session"].expected) == (2, 2)
    assert parts["diagnosis"].missing == ("diagnosis",)
    assert parts["operation"].missing == (
        "details-previous_surgery_level",
        "details-implant_types",
    )
    assert (parts["operation"].done, parts["operation"].expected) == (1, 3)
