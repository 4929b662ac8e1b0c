"""An operation registered by mistake goes, and leaves its reason and its history."""

from collections.abc import Callable
from datetime import date

import pytest
from django.test import Client
from django.urls import reverse

from patients.models import Membership
from procedures.actions import withdraw_operation
from procedures.models import Operation, OperationState
from procedures.selectors import history_of
from proms.models import FollowUp
from registry.accounts.permissions import Viewer
from registry.core import clock
from registry.core.errors import NotAllowed, RuleBroken
from registry.registers.models import StaleSlice
from registry.registers.selectors import definition_of, stale_slices
from registry.units.models import Unit
from tests.conftest import TODAY

pytestmark = pytest.mark.django_db
Make = Callable[..., Operation]
WRONG = "Registered on the wrong patient"


def withdraw(by: Viewer, operation: Operation, **changes: object) -> Operation:
    return withdraw_operation(
        **({"by": by, "operation": operation, "reason": WRONG, "on": TODAY} | changes)
    )


def test_it_counts_nowhere_and_its_history_stays(clinician: Viewer, perform_at_once: Make) -> None:
    operation = perform_at_once()
    StaleSlice.objects.all().delete()
    withdraw(clinician, operation)
    operation.refresh_from_db()
    assert operation.state == OperationState.WITHDRAWN
    assert (operation.performed_on, operation.cancel_reason) == (None, WRONG)
    assert ("danespine", operation.unit_id, 2026) in stale_slices("danespine")
    follow_ups = FollowUp.objects.filter(operation=operation)
    assert {f.censor_reason for f in follow_ups} == {"cancelled"}
    told = history_of(operation, definition_of(operation.definition))
    withdrawn = next(changes for changes in told if changes.reason == WRONG)
    assert "2 Nov 2026" in {change.old for change in withdrawn.changes}


def test_the_day_is_free_again(clinician: Viewer, perform_at_once: Make) -> None:
    withdraw(clinician, perform_at_once())
    assert perform_at_once().state == OperationState.PERFORMED


def test_what_it_had_replaced_goes_on(clinician: Viewer, perform_at_once: Make) -> None:
    first = perform_at_once(performed_on=date(2026, 9, 1))
    second = perform_at_once(performed_on=date(2026, 10, 1))
    replaced = FollowUp.objects.filter(operation=first, censor_reason="revision")
    assert replaced.exists()
    withdraw(clinician, second)
    assert not replaced.exists()


def test_a_later_operation_that_revises_it_comes_first(
    clinician: Viewer, perform_at_once: Make
) -> None:
    first = perform_at_once(performed_on=date(2026, 9, 1))
    perform_at_once(performed_on=date(2026, 10, 1), revises=first)
    with pytest.raises(RuleBroken, match="1 Oct 2026"):
        withdraw(clinician, first)


def test_answers_need_a_word(clinician: Viewer, perform_at_once: Make) -> None:
    operation = perform_at_once()
    follow_up = FollowUp.objects.filter(operation=operation).order_by("due_on")[0]
    follow_up.completed_on = TODAY
    follow_up.save()
    with pytest.raises(RuleBroken) as refused:
        withdraw(clinician, operation)
    assert "answered 1 questionnaire" in refused.value.message_dict["answers_confirmed"][0]
    operation.refresh_from_db()
    assert operation.state == OperationState.PERFORMED
    withdraw(clinician, operation, answers_confirmed=True)
    follow_up.refresh_from_db()
    assert follow_up.completed_on == TODAY


def test_a_reason_and_a_performed_operation_are_needed(
    clinician: Viewer, perform_at_once: Make, plan: Make
) -> None:
    with pytest.raises(RuleBroken, match="Write the reason"):
        withdraw(clinician, perform_at_once(), reason=" ")
    with pytest.raises(RuleBroken, match="Cancel the planned one"):
        withdraw(clinician, plan())


def test_another_unit_may_not(elsewhere: Viewer, perform_at_once: Make) -> None:
    with pytest.raises(NotAllowed):
        withdraw(elsewhere, perform_at_once())


def test_the_page_shows_what_goes_and_asks_about_answers(
    client_of: Callable[..., Client], units: list[Unit], member: Membership, perform_at_once: Make
) -> None:
    staff = client_of("clinician", "danespine", units[0])
    operation = perform_at_once(performed_on=clock.today(), on=clock.today())
    url = reverse(
        "procedures:withdraw", kwargs={"register": "danespine", "operation": operation.pk}
    )
    page = staff.get(url).content.decode()
    assert "L4-L5" in page
    assert "although the patient has answered" not in page
    assert "required" in staff.post(url, {"reason": ""}).content.decode()
    FollowUp.objects.filter(operation=operation, time_point="before").update(
        completed_on=clock.today()
    )
    page = staff.post(url, {"reason": WRONG}).content.decode()
    assert WRONG in page
    assert "although the patient has answered" in page
    answer = staff.post(url, {"reason": WRONG, "answers_confirmed": "on"}, follow=True)
    assert "The operation is withdrawn." in answer.content.decode()
    assert answer.redirect_chain
    gone = staff.get(url, follow=True).content.decode()
    assert "withdrawn already" in gone
