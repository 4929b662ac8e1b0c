"""Writes: what is stored, what is told, what is refused, and that nothing is left half done."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from patients.actions import opt_out
from patients.models import Membership, UnitRelation
from procedures import events
from procedures.actions import (
    cancel_operation,
    correct_operation,
    perform_operation,
    record_complications,
    record_result,
    register_performed_operation,
    reschedule_operation,
    set_goal_outcome,
)
from procedures.entries import ComplicationEntry, ConfirmationNeeded, ImplantEntry
from procedures.models import Operation, OperationState
from procedures.selectors import entry_of
from registry.accounts.permissions import Viewer
from registry.audit.models import AccessLog
from registry.core import events as announcements
from registry.core.errors import NotAllowed, RuleBroken
from registry.registers.models import StaleSlice
from registry.units.models import Unit
from tests.conftest import TODAY
from tests.unit.procedures.conftest import LENGTHENING, STENOSIS

pytestmark = pytest.mark.django_db
Make = Callable[..., Operation]
PLANNED = date(2026, 12, 1)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every event of this app that is announced, in order."""
    heard: list[object] = []
    held = {kind: list(handlers) for kind, handlers in announcements._subscribers.items()}
    monkeypatch.setattr(announcements, "_subscribers", held)
    for event in events.EVENTS:
        announcements.subscribe(event, heard.append)
    return heard


@pytest.fixture
def lengthening(surgeon: Viewer, child: Membership, limb_unit: Unit) -> Operation:
    """A lengthening that was performed in limb_no."""
    return register_performed_operation(
        by=surgeon,
        membership=child,
        unit=limb_unit,
        performed_on=date(2026, 3, 2),
        on=TODAY,
        **LENGTHENING,
    )


def slices() -> set[tuple[int, int]]:
    return set(StaleSlice.objects.values_list("unit_id", "year"))


def fields(refused: pytest.ExceptionInfo) -> set[str]:
    return set(refused.value.message_dict)


# --- Planning ---------------------------------------------------------------------------------


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
    assert slices() == {(units[0].pk, 2026)}


def test_a_plan_is_in_nobody_elses_unit(plan: Make, elsewhere: Viewer, member: Membership) -> None:
    with pytest.raises(NotAllowed):
        plan(by=elsewhere)
    trace = AccessLog.objects.get(outcome="denied")
    assert (trace.action, trace.patient_id) == ("plan", member.patient_id)
    assert not Operation.objects.exists()


def test_two_plans_on_one_day_are_one_operation(plan: Make) -> None:
    plan()
    with pytest.raises(RuleBroken) as refused:
        plan()
    assert fields(refused) == {"planned_on"}


def test_who_opted_out_is_not_planned(plan: Make, clinician: Viewer, member: Membership) -> None:
    opt_out(by=clinician, membership=member, opted_out_on=TODAY, on=TODAY)
    with pytest.raises(RuleBroken, match="opted out"):
        plan()


def test_another_day(plan: Make, clinician: Viewer, told: list[object], units: list[Unit]) -> None:
    operation = plan()
    StaleSlice.objects.all().delete()
    reschedule_operation(by=clinician, operation=operation, planned_on=date(2027, 1, 8), on=TODAY)
    assert told[-1] == events.OperationRescheduled(
        operation.pk,
        operation.membership_id,
        "danespine",
        old=PLANNED,
        new=date(2027, 1, 8),
        on=TODAY,
    )
    assert slices() == {(units[0].pk, 2026), (units[0].pk, 2027)}


def test_cancelling_asks_why(plan: Make, clinician: Viewer, told: list[object]) -> None:
    operation = plan()
    with pytest.raises(RuleBroken) as refused:
        cancel_operation(by=clinician, operation=operation, reason=" ", on=TODAY)
    assert fields(refused) == {"reason"}
    cancelled = cancel_operation(by=clinician, operation=operation, reason="Recovered", on=TODAY)
    assert cancelled.state == OperationState.CANCELLED
    assert isinstance(told[-1], events.OperationCancelled)
    with pytest.raises(RuleBroken, match="cancelled already"):
        cancel_operation(by=clinician, operation=operation, reason="Again", on=TODAY)


# --- Performing -------------------------------------------------------------------------------


def test_performing_a_plan_keeps_what_was_planned_and_adds_the_rest(
    plan: Make, clinician: Viewer, told: list[object], units: list[Unit]
) -> None:
    operation = plan(levels=("L4-L5",), planned_on=date(2027, 1, 4))
    StaleSlice.objects.all().delete()
    done = perform_operation(
        by=clinician,
        operation=operation,
        performed_on=date(2026, 12, 30),
        procedures=[("decompression", "kabc36"), ("fusion_instrumented", "NAG66")],
        diagnosis="M48.0",
        details=STENOSIS["details"],
        complications=[ComplicationEntry("dural_tear", date(2026, 12, 30))],
        complications_assessed_on=date(2026, 12, 30),
        implants=[ImplantEntry("screw", "A"), ImplantEntry("screw", "A")],
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
        performed_on=date(2026, 12, 30),
        planned_on=date(2027, 1, 4),
        on=date(2027, 1, 6),
    )
    assert slices() == {(units[0].pk, 2026), (units[0].pk, 2027)}


def test_faults_change_nothing(plan: Make, clinician: Viewer, told: list[object]) -> None:
    operation = plan()
    told.clear()
    with pytest.raises(RuleBroken) as refused:
        perform_operation(
            by=clinician,
            operation=operation,
            performed_on=date(2026, 11, 21),
            procedures=[("decompression", "??")],
            on=TODAY,
        )
    assert {"performed_on", "diagnosis", "levels", "procedures-0-code"} <= fields(refused)
    operation.refresh_from_db()
    assert (operation.state, told) == (OperationState.PLANNED, [])
    assert not operation.procedures.exists()


def test_the_unusual_is_confirmed_by_name(perform_at_once: Make) -> None:
    details = {**STENOSIS["details"], "operation_minutes": 700}
    with pytest.raises(ConfirmationNeeded) as needed:
        perform_at_once(details=details)
    assert set(needed.value.warnings) == {"details-operation_minutes"}
    assert not Operation.objects.exists()
    operation = perform_at_once(details=details, confirmed_warnings=["details-operation_minutes"])
    assert operation.details["operation_minutes"] == 700


def test_a_session_is_registered_once(perform_at_once: Make) -> None:
    perform_at_once()
    with pytest.raises(RuleBroken, match="already has an operation") as refused:
        perform_at_once()
    assert fields(refused) == {"performed_on"}


def test_an_old_operation_lets_the_membership_begin_earlier(
    perform_at_once: Make, member: Membership, units: list[Unit]
) -> None:
    perform_at_once(performed_on=date(2019, 5, 2))
    member.refresh_from_db()
    assert member.joined_on == date(2019, 5, 2)
    assert UnitRelation.objects.filter(membership=member, unit=units[0]).exists()


def test_a_reoperation_ends_the_earlier_one(perform_at_once: Make, told: list[object]) -> None:
    first = perform_at_once(performed_on=date(2025, 5, 2))
    second = perform_at_once(performed_on=date(2026, 5, 2), revises=first)
    assert told[-1] == events.OperationRevised(
        first.pk, revised_by_id=second.pk, revised_on=date(2026, 5, 2), on=TODAY
    )


# --- Correcting -------------------------------------------------------------------------------


def test_a_correction_marks_both_slices_and_keeps_its_reason(
    perform_at_once: Make, administrator: Viewer, units: list[Unit], told: list[object]
) -> None:
    operation = perform_at_once()
    StaleSlice.objects.all().delete()
    corrected = correct_operation(
        by=administrator,
        operation=operation,
        entry=replace(entry_of(operation), performed_on=date(2025, 11, 2), side="left"),
        unit=units[1],
        reason="Wrong year and unit",
        on=TODAY,
    )
    assert slices() == {(units[0].pk, 2026), (units[1].pk, 2025)}
    assert told[-1].changed == {"performed_on", "side", "unit"}
    assert (told[-1].old_date, told[-1].new_date) == (date(2026, 11, 2), date(2025, 11, 2))
    assert corrected.unit_region_id == units[1].site_region_id
    newest = Operation.pgh_event_model.objects.filter(pgh_obj=operation).latest("pgh_id")
    assert newest.pgh_context.metadata["reason"] == "Wrong year and unit"


def test_a_correction_without_a_change_writes_nothing(
    perform_at_once: Make, clinician: Viewer, told: list[object]
) -> None:
    operation = perform_at_once(complications=(), complications_assessed_on=TODAY)
    told.clear()
    before = Operation.pgh_event_model.objects.count()
    correct_operation(
        by=clinician, operation=operation, entry=entry_of(operation), reason="Checked", on=TODAY
    )
    assert (Operation.pgh_event_model.objects.count(), told) == (before, [])


def test_a_correction_may_take_back_a_revision(
    perform_at_once: Make, clinician: Viewer, told: list[object]
) -> None:
    first = perform_at_once(performed_on=date(2025, 5, 2))
    second = perform_at_once(performed_on=date(2026, 5, 2), revises=first)
    told.clear()
    correct_operation(
        by=clinician,
        operation=second,
        entry=entry_of(second),
        revises=None,
        reason="Other level",
        on=TODAY,
    )
    assert told[0] == events.RevisionWithdrawn(first.pk, revised_by_id=second.pk, on=TODAY)


def test_a_correction_does_not_undo_an_operation(perform_at_once: Make, clinician: Viewer) -> None:
    operation = perform_at_once()
    with pytest.raises(RuleBroken) as refused:
        correct_operation(
            by=clinician,
            operation=operation,
            entry=replace(entry_of(operation), performed_on=None, planned_on=PLANNED),
            reason="Not done",
            on=TODAY,
        )
    assert fields(refused) == {"performed_on"}


# --- Results ----------------------------------------------------------------------------------


def test_goals_are_reached_one_by_one_with_their_own_dates(
    lengthening: Operation, surgeon: Viewer
) -> None:
    set_goal_outcome(
        by=surgeon,
        operation=lengthening,
        goal="planned_lengthening",
        outcome="achieved",
        assessed_on=date(2026, 8, 1),
        on=TODAY,
    )
    record_result(
        by=surgeon,
        operation=lengthening,
        details={"achieved_lengthening_mm": "48"},
        on=TODAY,
    )
    goals = {goal.goal: goal for goal in lengthening.goals.all()}
    assert goals["planned_lengthening"].outcome == "achieved"
    assert goals["planned_lengthening"].planned_value == 50
    assert goals["planned_lengthening"].achieved_value == 48
    assert goals["healing"].outcome == "not_assessed"
    assert goals["treatment_completed"].assessed_on is None


def test_a_result_does_not_touch_the_operation(lengthening: Operation, surgeon: Viewer) -> None:
    with pytest.raises(RuleBroken) as refused:
        record_result(
            by=surgeon,
            operation=lengthening,
            details={"planned_lengthening_mm": "60"},
            on=TODAY,
        )
    assert fields(refused) == {"details-planned_lengthening_mm"}


def test_no_complications_differs_from_nobody_looked(
    lengthening: Operation, surgeon: Viewer, told: list[object]
) -> None:
    assert lengthening.complications_assessed_on is None
    done = record_complications(
        by=surgeon, operation=lengthening, complications=[], assessed_on=TODAY, on=TODAY
    )
    assert done.complications_assessed_on == TODAY
    assert told[-1].changed == {"complications", "complications_assessed_on"}
    with pytest.raises(RuleBroken) as refused:
        record_complications(
            by=surgeon, operation=lengthening, complications=[], assessed_on=None, on=TODAY
        )
    assert fields(refused) == {"complications_assessed_on"}
