"""When an operation may be planned, performed, moved, cancelled: rules as tables."""

from datetime import date

import pytest

from procedures import policies
from procedures.models import OperationState
from procedures.policies import Lifetime

TODAY = date(2026, 11, 22)
LIVING = Lifetime(born=date(1961, 4, 12))
DEAD = Lifetime(born=date(1961, 4, 12), died=date(2026, 11, 1))


@pytest.mark.parametrize(
    ("day", "life", "reason"),
    [
        (date(2026, 11, 22), LIVING, None),
        (date(2028, 11, 21), LIVING, None),
        (date(2026, 11, 21), LIVING, "has passed"),
        (date(2028, 11, 22), LIVING, "more than two years ahead"),
        (date(2026, 11, 22), DEAD, "death"),
    ],
)
def test_planned_date(day: date, life: Lifetime, reason: str | None) -> None:
    verdict = policies.may_be_planned_on(day, on=TODAY, life=life)
    assert bool(verdict) is (reason is None)
    assert (reason or "") in verdict.reason


@pytest.mark.parametrize(
    ("day", "life", "reason"),
    [
        (date(2026, 11, 22), LIVING, None),
        (date(1961, 4, 12), LIVING, None),
        (date(2026, 11, 23), LIVING, "future"),
        (date(1961, 4, 11), LIVING, "birth"),
        (date(2026, 11, 1), DEAD, None),
        (date(2026, 11, 2), DEAD, "death"),
    ],
)
def test_date_of_operation(day: date, life: Lifetime, reason: str | None) -> None:
    verdict = policies.may_be_performed_on(day, on=TODAY, life=life)
    assert bool(verdict) is (reason is None)
    assert (reason or "") in verdict.reason


@pytest.mark.parametrize(
    ("rule", "planned", "performed", "cancelled"),
    [
        (policies.may_perform, True, False, False),
        (policies.may_reschedule, True, False, False),
        (policies.may_cancel, True, False, False),
        (policies.may_correct, True, True, False),
        (policies.may_record_result, False, True, False),
    ],
)
def test_what_may_be_done_in_which_state(
    rule: object, planned: bool, performed: bool, cancelled: bool
) -> None:
    answers = {
        OperationState.PLANNED: planned,
        OperationState.PERFORMED: performed,
        OperationState.CANCELLED: cancelled,
    }
    for state, expected in answers.items():
        verdict = rule(state)
        assert bool(verdict) is expected, state
        assert bool(verdict.reason) is not expected


@pytest.mark.parametrize(
    ("day", "during", "within", "reason"),
    [
        (date(2026, 11, 2), True, None, None),
        (date(2026, 11, 3), True, None, "during the operation"),
        (date(2026, 11, 1), False, None, "before the operation"),
        (date(2026, 11, 23), False, None, "future"),
        (date(2026, 11, 12), False, 10, None),
        (date(2026, 11, 13), False, 10, "within 10 days"),
    ],
)
def test_date_of_a_complication(
    day: date, during: bool, within: int | None, reason: str | None
) -> None:
    verdict = policies.may_occur_on(
        day,
        performed_on=date(2026, 11, 2),
        on=TODAY,
        died=None,
        during=during,
        within_days=within,
    )
    assert bool(verdict) is (reason is None)
    assert (reason or "") in verdict.reason


@pytest.mark.parametrize(
    ("member", "performed", "reason"),
    [
        (1, date(2025, 1, 1), None),
        (1, date(2026, 11, 22), None),
        (2, date(2025, 1, 1), "another patient"),
        (1, None, "not performed"),
        (1, date(2026, 11, 23), "later than this one"),
    ],
)
def test_what_an_operation_may_revise(
    member: int, performed: date | None, reason: str | None
) -> None:
    verdict = policies.may_revise(
        earlier_membership=member, membership=1, earlier_performed=performed, day=TODAY
    )
    assert bool(verdict) is (reason is None)
    assert (reason or "") in verdict.reason


def test_one_session_a_day_at_a_unit() -> None:
    assert policies.is_only_session(TODAY, taken={date(2026, 11, 21)})
    assert not policies.is_only_session(TODAY, taken={TODAY})


@pytest.mark.parametrize(("reason", "good"), [("", False), ("  . ", False), ("Flu", True)])
def test_a_reason_is_more_than_a_dot(reason: str, good: bool) -> None:
    assert bool(policies.reason_is_given(reason)) is good


def test_a_reason_has_an_end() -> None:
    assert not policies.reason_is_given("a" * 201, most=200)


def test_nothing_is_registered_after_opting_out() -> None:
    assert policies.may_register(opted_out_on=None, on=TODAY)
    assert policies.may_register(opted_out_on=date(2026, 11, 23), on=TODAY)
    assert not policies.may_register(opted_out_on=TODAY, on=TODAY)
