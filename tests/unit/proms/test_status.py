"""Status on a day: a table for reading, and Python against the database on random dates."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proms.models import CensorReason, FollowUp, Invitation
from proms.status import Dates, Status, status_expression, status_on
from tests.unit.proms.factories import make_member, make_operation

OPENS, CLOSES = date(2026, 3, 1), date(2026, 6, 1)
PLAIN = Dates(opens_on=OPENS, closes_on=CLOSES)


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


INVITED = replace(PLAIN, invited_at=noon(date(2026, 3, 2)))
STARTED = replace(INVITED, started_at=noon(date(2026, 5, 30)))


@pytest.mark.parametrize(
    ("dates", "on", "status"),
    [
        (PLAIN, date(2026, 2, 28), Status.UPCOMING),
        (PLAIN, date(2026, 3, 1), Status.TO_INVITE),
        (PLAIN, date(2026, 6, 1), Status.TO_INVITE),
        (PLAIN, date(2026, 6, 2), Status.MISSED),
        (INVITED, date(2026, 3, 1), Status.TO_INVITE),
        (INVITED, date(2026, 3, 2), Status.INVITED),
        (INVITED, date(2026, 6, 2), Status.MISSED),
        (replace(INVITED, reminded_at=noon(date(2026, 3, 9))), date(2026, 3, 9), Status.REMINDED),
        (replace(INVITED, opened_at=noon(date(2026, 3, 5))), date(2026, 3, 9), Status.OPENED),
        (replace(INVITED, declined_at=noon(date(2026, 3, 5))), date(2026, 7, 9), Status.DECLINED),
        (
            replace(PLAIN, unreachable_at=noon(date(2026, 3, 2))),
            date(2026, 3, 2),
            Status.UNREACHABLE,
        ),
        (STARTED, date(2026, 6, 1), Status.STARTED),
        # Begun in time, it may be finished for thirty days more.
        (STARTED, date(2026, 7, 1), Status.STARTED),
        (STARTED, date(2026, 7, 2), Status.MISSED),
        (replace(STARTED, completed_on=date(2026, 6, 5)), date(2026, 6, 4), Status.STARTED),
        (replace(STARTED, completed_on=date(2026, 6, 5)), date(2026, 6, 5), Status.COMPLETED),
        (replace(PLAIN, censored_on=date(2026, 4, 1)), date(2026, 3, 31), Status.TO_INVITE),
        (replace(PLAIN, censored_on=date(2026, 4, 1)), date(2026, 4, 1), Status.CENSORED),
        (
            replace(PLAIN, censored_on=date(2026, 1, 9), censor_reason="no_form"),
            date(2026, 1, 9),
            Status.NOT_APPLICABLE,
        ),
    ],
)
def test_status_on_a_day(dates, on, status):
    assert status_on(dates, on) is status


EVENTS = (
    "invited_at",
    "reminded_at",
    "opened_at",
    "started_at",
    "declined_at",
    "unreachable_at",
)
days = st.dates(date(2026, 2, 1), date(2026, 8, 1))
moments = st.none() | st.datetimes(
    datetime(2026, 2, 1),  # noqa: DTZ001 (made aware by timezones)
    datetime(2026, 8, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)


@pytest.fixture
def follow_up(db):
    member = make_member(email=None)
    operation = make_operation(member, performed_on=date(2025, 3, 1))
    invitation = Invitation.objects.create(
        membership=member,
        time_point="y1",
        plan=[],
        opens_on=OPENS,
        due_on=OPENS,
        closes_on=CLOSES,
    )
    return FollowUp.objects.create(
        operation=operation,
        time_point="y1",
        opens_on=OPENS,
        due_on=OPENS,
        closes_on=CLOSES,
        invitation=invitation,
    )


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    on=days,
    opens=days,
    length=st.integers(0, 90),
    completed_on=st.none() | days,
    censored_on=st.none() | days,
    events=st.fixed_dictionaries(
        dict.fromkeys(
            (
                "invited_at",
                "reminded_at",
                "opened_at",
                "started_at",
                "declined_at",
                "unreachable_at",
            ),
            moments,
        )
    ),
)
def test_python_and_the_database_agree(
    follow_up, on, opens, length, completed_on, censored_on, events
):
    window = {"opens_on": opens, "due_on": opens, "closes_on": opens + timedelta(days=length)}
    Invitation.objects.filter(pk=follow_up.invitation_id).update(**events, **window)
    FollowUp.objects.filter(pk=follow_up.pk).update(
        **window,
        completed_on=completed_on,
        censored_on=censored_on,
        censor_reason=CensorReason.DEATH if censored_on else "",
    )
    fresh = (
        FollowUp.objects.select_related("invitation")
        .annotate(status=status_expression(on))
        .get(pk=follow_up.pk)
    )
    assert fresh.status == status_on(Dates.of(fresh), on)


def test_a_follow_up_without_invitation_has_a_status_too(follow_up):
    FollowUp.objects.filter(pk=follow_up.pk).update(invitation=None)
    fresh = FollowUp.objects.annotate(status=status_expression(OPENS)).get(pk=follow_up.pk)
    assert fresh.status == Status.TO_INVITE == status_on(Dates.of(fresh), OPENS)
