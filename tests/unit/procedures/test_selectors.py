"""Reads: scope, what waits, what another unit may know, history in words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from patients.actions import join_unit
from patients.models import Membership
from procedures.actions import correct_operation, save_draft
from procedures.models import Operation
from procedures.selectors import (
    earlier_operations,
    entry_of,
    history_of,
    lookup_diagnoses,
    operation_for,
    operations_for,
    worklist,
)
from registry.accounts.permissions import NOBODY, Viewer
from registry.audit.middleware import unit_of_work
from registry.core.errors import NotAllowed
from registry.registers.selectors import definition_for
from registry.units.models import Unit
from tests.conftest import TODAY

pytestmark = pytest.mark.django_db
Make = Callable[..., Operation]


def test_operations_are_those_of_the_viewers_units(
    perform_at_once: Make, clinician: Viewer, elsewhere: Viewer, administrator: Viewer
) -> None:
    operation = perform_at_once()
    assert list(operations_for(clinician, "danespine")) == [operation]
    assert list(operations_for(administrator, "danespine")) == [operation]
    assert not operations_for(elsewhere, "danespine").exists()
    assert not operations_for(clinician, "limb_no").exists()
    assert not operations_for(NOBODY, "danespine").exists()
    with pytest.raises(NotAllowed):
        operation_for(elsewhere, "danespine", operation.pk)


def test_a_second_unit_knows_date_unit_and_level(
    perform_at_once: Make, elsewhere: Viewer, member: Membership, units: list[Unit]
) -> None:
    operation = perform_at_once()
    join_unit(by=elsewhere, membership=member, unit=units[1], on=TODAY)
    [known] = earlier_operations(elsewhere, member)
    assert (known.performed_on, known.unit, known.levels) == (
        operation.performed_on,
        units[0].name,
        ("L4-L5",),
    )
    assert set(type(known).__slots__) == {"operation_id", "performed_on", "unit", "levels"}


def test_what_waits(
    plan: Make, perform_at_once: Make, clinician: Viewer, member: Membership, units: list[Unit]
) -> None:
    due = plan(planned_on=date(2026, 11, 10), on=date(2026, 11, 1))
    plan(planned_on=date(2026, 12, 10))
    unassessed = perform_at_once(performed_on=date(2026, 9, 1))
    perform_at_once(performed_on=date(2026, 11, 5))  # too early to know
    perform_at_once(
        performed_on=date(2026, 8, 1),
        complications=(),
        complications_assessed_on=date(2026, 9, 1),
    )
    save_draft(
        by=clinician, membership=member, unit=units[0], purpose="plan", data={"group": ["x"]}
    )
    waiting = worklist(clinician, "danespine", on=TODAY)
    assert [(one.operation, one.days) for one in waiting.to_register] == [(due, 10)]
    assert [one.operation for one in waiting.results] == [unassessed]
    assert [one.draft.data for one in waiting.drafts] == [{"group": ["x"]}]
    assert worklist(NOBODY, "danespine", on=TODAY).empty


def test_history_tells_who_what_and_why(perform_at_once: Make, clinician: Viewer) -> None:
    with unit_of_work(actor_id=clinician.user_id, source="test"):
        operation = perform_at_once()
    with unit_of_work(actor_id=clinician.user_id, source="test"):
        correct_operation(
            by=clinician,
            operation=operation,
            entry=replace(
                entry_of(operation),
                side="left",
                details={"asa_class": "3", "previous_surgery_level": False},
            ),
            reason="Read the notes again",
            on=TODAY,
        )
    changes = [
        change
        for one in history_of(operation, definition_for("danespine"))
        if one.reason == "Read the notes again"
        for change in one.changes
    ]
    assert [(c.what, c.old, c.new) for c in changes] == [
        ("Side", "", "Left"),
        ("ASA class", "2 – mild systemic disease", "3 – severe systemic disease"),
    ]
    assert {one.who for one in history_of(operation, definition_for("danespine"))} == {
        "Test Person"
    }


def test_codes_in_use_come_first(perform_at_once: Make, clinician: Viewer) -> None:
    definition = definition_for("danespine")
    perform_at_once(diagnosis="M48.06")
    assert lookup_diagnoses(clinician, definition, "lumbar_stenosis", on=TODAY) == [
        "M48.06",
        "M48.0",
    ]
    assert lookup_diagnoses(clinician, definition, "lumbar_stenosis", "m48.06", on=TODAY) == [
        "M48.06"
    ]
    assert lookup_diagnoses(clinician, definition, "nothing", on=TODAY) == []
