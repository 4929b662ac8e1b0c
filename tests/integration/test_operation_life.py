"""Any order of planning, performing, moving, cancelling and correcting keeps the rules."""

from datetime import date, timedelta
from itertools import count

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from demo.identities import synthetic_number
from patients.actions import register_patient
from procedures.actions import (
    cancel_operation,
    correct_operation,
    perform_operation,
    plan_operation,
    register_performed_operation,
    reschedule_operation,
)
from procedures.models import Operation, OperationState
from procedures.selectors import entry_of
from registry.accounts.permissions import Grant, Viewer
from registry.core.errors import RuleBroken
from registry.registers.models import StaleSlice
from registry.registers.selectors import units_of

pytestmark = pytest.mark.django_db
START = date(2026, 3, 2)
STATED = {
    "procedures": [("decompression", "ABC36")],
    "diagnosis": "M48.0",
    "levels": ["L4-L5"],
    "details": {"asa_class": "2", "previous_surgery_level": False},
}
days = st.integers(min_value=-3, max_value=6).map(lambda n: timedelta(days=n))
_patients = count(100)


class OperationLife(RuleBasedStateMachine):
    """Operations of one patient at one unit, on days that go by."""

    operations: Bundle = Bundle("operations")

    def __init__(self) -> None:
        super().__init__()
        self.point = transaction.savepoint()
        self.today = START
        # What the rules should have led to: operation to state and the date that counts.
        self.expected: dict[int, tuple[str, date]] = {}

    @initialize()
    def begin(self) -> None:
        self.unit = units_of("danespine")[0]
        self.by = Viewer(None, (Grant("administrator", "danespine", None),), "machine")
        self.member = register_patient(
            by=self.by,
            register_code="danespine",
            unit=self.unit,
            number=synthetic_number("DK", date(1961, 4, 12), "female", next(_patients)),
            country="DK",
            given_name="Karen",
            surname="Kjærgaard",
            on=self.today,
        )

    def free(self, day: date, but: int | None = None) -> bool:
        return all(
            state == OperationState.CANCELLED or held != day
            for pk, (state, held) in self.expected.items()
            if pk != but
        )

    def attempt(self, allowed: bool, act: object) -> Operation | None:
        """Do it; it must succeed exactly when the model allows it."""
        try:
            operation = act()
        except RuleBroken:
            assert not allowed
            return None
        assert allowed
        return operation

    @rule(ahead=days)
    def time_goes_by(self, ahead: timedelta) -> None:
        self.today += abs(ahead)

    @rule(target=operations, ahead=days)
    def plan(self, ahead: timedelta) -> int | None:
        day = self.today + ahead
        operation = self.attempt(
            day >= self.today and self.free(day),
            lambda: plan_operation(
                by=self.by,
                membership=self.member,
                unit=self.unit,
                group="lumbar_stenosis",
                planned_on=day,
                on=self.today,
            ),
        )
        if operation is None:
            return None
        self.expected[operation.pk] = (OperationState.PLANNED, day)
        return operation.pk

    @rule(target=operations, ahead=days)
    def register_at_once(self, ahead: timedelta) -> int | None:
        day = self.today + ahead
        operation = self.attempt(
            day <= self.today and self.free(day),
            lambda: register_performed_operation(
                by=self.by,
                membership=self.member,
                unit=self.unit,
                group="lumbar_stenosis",
                performed_on=day,
                on=self.today,
                **STATED,
            ),
        )
        if operation is None:
            return None
        self.expected[operation.pk] = (OperationState.PERFORMED, day)
        return operation.pk

    @rule(pk=operations, ahead=days)
    def perform(self, pk: int | None, ahead: timedelta) -> None:
        if pk is None:
            return
        day = self.today + ahead
        allowed = (
            self.expected[pk][0] == OperationState.PLANNED
            and day <= self.today
            and self.free(day, but=pk)
        )
        if self.attempt(
            allowed,
            lambda: perform_operation(
                by=self.by,
                operation=Operation.objects.get(pk=pk),
                performed_on=day,
                on=self.today,
                **STATED,
            ),
        ):
            self.expected[pk] = (OperationState.PERFORMED, day)

    @rule(pk=operations, ahead=days)
    def reschedule(self, pk: int | None, ahead: timedelta) -> None:
        if pk is None:
            return
        day = self.today + ahead
        state, _held = self.expected[pk]
        allowed = state == OperationState.PLANNED and day >= self.today and self.free(day, but=pk)
        if self.attempt(
            allowed,
            lambda: reschedule_operation(
                by=self.by,
                operation=Operation.objects.get(pk=pk),
                planned_on=day,
                on=self.today,
            ),
        ):
            self.expected[pk] = (state, day)

    @rule(pk=operations)
    def cancel(self, pk: int | None) -> None:
        if pk is None:
            return
        state, day = self.expected[pk]
        if self.attempt(
            state == OperationState.PLANNED,
            lambda: cancel_operation(
                by=self.by,
                operation=Operation.objects.get(pk=pk),
                reason="Recovered",
                on=self.today,
            ),
        ):
            self.expected[pk] = (OperationState.CANCELLED, day)

    @rule(pk=operations)
    def correct(self, pk: int | None) -> None:
        if pk is None:
            return
        operation = Operation.objects.get(pk=pk)
        self.attempt(
            self.expected[pk][0] != OperationState.CANCELLED,
            lambda: correct_operation(
                by=self.by,
                operation=operation,
                entry=entry_of(operation),
                reason="Looked again",
                on=self.today,
            ),
        )

    @invariant()
    def the_database_says_what_the_rules_led_to(self) -> None:
        if not self.expected:
            return
        held = Operation.objects.filter(pk__in=self.expected)
        assert {o.pk: (o.state, o.counts_on) for o in held} == self.expected
        marked = set(StaleSlice.objects.values_list("year", flat=True))
        assert {day.year for _state, day in self.expected.values()} <= marked
        # History ends with what holds now.
        for operation in held:
            last = Operation.pgh_event_model.objects.filter(pgh_obj=operation).latest("pgh_id")
            assert (last.performed_on, last.cancelled_on) == (
                operation.performed_on,
                operation.cancelled_on,
            )

    def teardown(self) -> None:
        transaction.savepoint_rollback(self.point)


def test_any_order_keeps_the_rules() -> None:
    run_state_machine_as_test(
        OperationLife,
        settings=settings(
            max_examples=12,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
