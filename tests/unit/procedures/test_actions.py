"""Writes: what is stored, what is told, what is refused, and that nothing is left half done."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date

import pytest

from patients.models import Membership, UnitRelation
from procedures import events
from procedures.actions import (
    cancel_operation,
    correct_operation,
    perform_operation,
    plan_operation,
    record_complications,
    record_result,
    register_performed_operation,
    reschedule_operation,
    set_goal_outcome,
)
from procedures.actions.writing import entry_of
from procedures.entries import ComplicationEntry, ConfirmationNeeded, ImplantEntry
from procedures.models import Operation, OperationState
from registry.accounts.permissions import Viewer
from registry.audit.models import AccessLog
from registry.core.errors import NotAllowed, RuleBroken
from registry.core.events import _subscribers, subscribe
from registry.registers.models import StaleSlice
from registry.units.models import Unit
from tests.conftest import TODAY
from tests.unit.procedures.conftest import LENGTHENING, STENOSIS

pytestmark = pytest.mark.django_db
PLANNED = date(2026, 12, 1)
Make = Callable[..., Operation]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[object]]:
    """Every event of this app that was announced, in order."""
    heard: list[object] = []
    monkeypatch.setattr(
        "registry.core.events._subscribers", {k: list(v) for k, v in _subscribers.items()}
    )
    for event in events.EVENTS:
        subscribe(event, heard.append)
    return heard


def slices() -> set[tuple[str, int, int]]:
    return set(StaleSlice.objects.values_list("register_id", "unit_id", "year"))


def faults(error: RuleBroken) -> set[str]:
    return set(error.message_dict)


def test_planning_stores_the_plan_and_tells_of_it(
    plan: Make, units: list[Unit], member: Membership, told: list[object]
) -> None:
    operation = plan(diagnosis="dm48.0", levels=("L5-S1", "L4-L5"))
    operation.refresh_from_db()
    assert operation.state == OperationState.PLANNED
    assert operation.diagnosis == "M48.0"
    assert operation.levels == ["L4-L5", "L5-S1"]
    assert operation.unit_region_id == units[0].site_region_id
    assert operation.procedure_type == ""
    assert told == [
        events.OperationPlanned(operation.pk, member.pk, "danespine", PLANNED, on=TODAY)
    ]
    assert slices() == {("danespine", units[0].pk, 2026)}


def test_performing_a_plan_keeps_what_was_planned_and_adds_the_rest(
    plan: Make, clinician: Viewer, told: list[object], units: list[Unit]
) -> None:
    operation = plan(levels=("L4-L5",), planned_on=date(2027, 1, 4))
    done = perform_operation(
        by=clinician,
        operation=operation,
        performed_on=date(2027, 1, 5),
        procedures=[("decompression", "kabc36"), ("fusion_instrumented", "NAG66")],
        diagnosis="M48.0",
        details=STENOSIS["details"],
        complications=[ComplicationEntry("dural_tear", date(2027, 1, 5))],
        complications_assessed_on=date(2027, 1, 6),
        implants=[ImplantEntry("pedicle_screws", "A"), ImplantEntry("pedicle_screws", "A")],
        on=date(2027, 1, 6),
    )
    done.refresh_from_db()
    assert done.state == OperationState.PERFORMED
    assert done.procedure_type == "decompression"
    assert list(done.procedures.values_list("position", "code")) == [(1, "ABC36"), (2, "NAG66")]
    assert done.levels == ["L4-L5"]
    assert done.details == {"asa_class": "2", "previous_surgery_level": False}
    assert list(done.complications.values_list("kind", flat=True)) == ["dural_tear"]
    assert done.implants.count() == 2
    assert told[-1] == events.OperationPerformed(
        done.pk,
        done.membership_id,
        "danespine",
        performed_on=date(2027, 1, 5),
        planned_on=date(2027, 1, 4),
        on=date(2027, 1, 6),
    )
