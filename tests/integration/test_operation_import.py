"""Files of operations: by the definition, all or nothing, every fault with line and column."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pytest

from demo.identities import synthetic_number
from patients.actions import register_patient
from procedures.models import Operation
from procedures.resources import goal_columns, operation_columns
from registry.accounts.permissions import Viewer
from registry.jobs.imports import FileRefused, ImportContext, import_file
from registry.registers.selectors import definition_for, units_of
from tests.conftest import TODAY

pytestmark = pytest.mark.django_db
BORN = date(2014, 6, 3)
ROW = {
    "identity_number": synthetic_number("NO", BORN, "male", 7),
    "operation_date": "2026-03-02",
    "residence_region": "no-vest",
    "group": "limb_shortening",
    "diagnosis": "Q72.4",
    "procedure": "lengthening_nail;removal_nail",
    "side": "left",
    "planned_lengthening_mm": "50",
    "achieved_lengthening_mm": "48",
    "goal_planned_lengthening": "achieved",
    "goal_planned_lengthening_on": "1.8.2026",
    "healing_goal": "not_achieved",
    "healing_goal_on": "2026-09-01",
    "complications": "pin_infection;fracture_after",
}


@pytest.fixture
def load(viewer_of: Callable[..., Viewer]) -> Callable[[Sequence[Mapping[str, str]]], int]:
    """``load([row, …])``: import rows as the coordinator of limb_no."""
    unit = units_of("limb_no")[0]
    by = viewer_of("administrator", "limb_no")
    register_patient(
        by=by,
        register_code="limb_no",
        unit=unit,
        number=ROW["identity_number"],
        country="NO",
        given_name="Ola",
        surname="Nordmann",
        on=TODAY,
    )

    def make(rows: Sequence[Mapping[str, str]]) -> int:
        text = io.StringIO()
        heads = list(dict.fromkeys(key for row in rows for key in row))
        writer = csv.DictWriter(text, heads, restval="")
        writer.writeheader()
        writer.writerows(rows)
        return import_file(
            context=ImportContext(by, "limb_no", TODAY, unit),
            kind="operations",
            file=io.BytesIO(text.getvalue().encode()),
            name="operations.csv",
        )

    return make


def test_a_row_is_an_operation_with_plan_and_result(load: Callable[..., int]) -> None:
    assert load([ROW]) == 1
    operation = Operation.objects.get()
    assert operation.residence_region.code == "no-vest"
    assert operation.procedure_type == "lengthening_nail"
    assert operation.procedures.count() == 2
    goals = {goal.goal: goal for goal in operation.goals.all()}
    assert goals["planned_lengthening"].assessed_on == date(2026, 8, 1)
    assert (
        goals["planned_lengthening"].planned_value,
        goals["planned_lengthening"].achieved_value,
    ) == (50, 48)
    assert goals["healing"].outcome == "not_achieved"
    assert goals["treatment_completed"].outcome == "not_assessed"
    assert operation.complications.count() == 2
    # No date of assessment in the file: the latest day on which somebody looked.
    assert operation.complications_assessed_on == date(2026, 9, 1)


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ({"operation_date": "soon"}, "operation_date"),
        ({"operation_date": ""}, "operation_date"),
        ({"operation_date": "2027-01-01"}, "operation_date"),
        ({"identity_number": "1"}, "identity_number"),
        ({"group": "knees"}, "group"),
        ({"procedure": "magic"}, "procedure"),
        ({"procedure_code": "12"}, "procedure_code"),
        ({"residence_region": "mars"}, "residence_region"),
        ({"side": "middle"}, "side"),
        ({"planned_lengthening_mm": "five"}, "planned_lengthening_mm"),
        ({"goal_planned_lengthening": "perhaps"}, "goal_planned_lengthening"),
        ({"goal_planned_lengthening_on": "2020-01-01"}, "goal_planned_lengthening_on"),
        ({"complications": "dragons"}, "complications"),
    ],
)
def test_each_fault_is_told_with_line_and_column(
    load: Callable[..., int], change: dict[str, str], column: str
) -> None:
    with pytest.raises(FileRefused) as refused:
        load([ROW, {**ROW, "operation_date": "2026-03-09", **change}])
    assert {(fault.line, fault.column) for fault in refused.value.faults} == {(3, column)}
    assert not Operation.objects.exists()


def test_the_same_file_twice_is_refused(load: Callable[..., int]) -> None:
    load([ROW])
    with pytest.raises(FileRefused, match="already has an operation"):
        load([ROW])
    assert Operation.objects.count() == 1


def test_columns_follow_the_definition() -> None:
    definition = definition_for("limb_no")
    assert goal_columns(definition) == {
        "treatment_completed": (
            "goal_treatment_completed",
            "treatment_completed",
            "treatment_goal",
        ),
        "planned_lengthening": ("goal_planned_lengthening", "lengthening_goal"),
        "planned_axis_correction": ("goal_planned_axis_correction", "axis_goal"),
        "healing": ("goal_healing", "healing", "healing_goal"),
    }
    heads = {column.key for column in operation_columns(definition_for("danespine"))}
    assert "asa_class" in heads
    assert "planned_lengthening_mm" not in heads
