"""Response rates: a table of parts, and that they add up whatever happened."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proms.models import CensorReason, FollowUp, Invitation
from proms.selectors import Asking, By, response_rates
from proms.status import Dates
from proms.steps import EXCLUDED, FURTHEST, Asked, Part, Rate, Step, part_on
from registry.accounts.models import Role
from registry.accounts.permissions import Grant, Viewer
from registry.core.errors import NotAllowed
from registry.messaging.models import Message
from tests.unit.proms.factories import make_member, make_operation, make_unit

OPENS, DUE, CLOSES = date(2026, 3, 1), date(2026, 3, 15), date(2026, 6, 1)
LATER = date(2026, 5, 1)
PERIOD = Asking(date(2026, 1, 1), date(2026, 12, 31))
EVERYBODY = Viewer(None, (Grant(Role.COORDINATOR, "danespine", None),))
READER = Viewer(None, (Grant(Role.NATIONAL_READER, "danespine", None),))


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


MARCH_2 = noon(date(2026, 3, 2))
PLAIN = Asked(Dates(opens_on=OPENS, closes_on=CLOSES), DUE, asked=True)


def asked(**dates) -> Asked:
    return replace(PLAIN, dates=replace(PLAIN.dates, **dates))


@pytest.mark.parametrize(
    ("one", "on", "part"),
    [
        (PLAIN, date(2026, 3, 14), Part.NOT_DUE),
        # Answered before the due date: not in the denominator before it is due.
        (asked(completed_on=date(2026, 3, 3)), date(2026, 3, 14), Part.NOT_DUE),
        (asked(completed_on=date(2026, 3, 3)), DUE, Part.COMPLETED),
        (asked(censored_on=date(2026, 3, 20)), date(2026, 3, 19), Part.NOT_INVITED),
        (asked(censored_on=date(2026, 3, 20)), date(2026, 3, 20), Part.CENSORED),
        (replace(PLAIN, asked=False), LATER, Part.NOT_ASKED),
        (replace(PLAIN, asked=False), date(2027, 1, 1), Part.NOT_ASKED),
        (PLAIN, LATER, Part.NOT_INVITED),
        (asked(unreachable_at=MARCH_2), LATER, Part.NOT_REACHABLE),
        # Mail reached the patient once, and no longer.
        (asked(invited_at=MARCH_2, unreachable_at=noon(DUE)), LATER, Part.INVITED),
        (asked(invited_at=MARCH_2, opened_at=noon(DUE)), LATER, Part.OPENED),
        (asked(invited_at=MARCH_2, opened_at=noon(DUE)), date(2027, 1, 1), Part.OPENED),
        # Begun in time and not sent, also long after the window has closed.
        (asked(invited_at=MARCH_2, started_at=noon(DUE)), date(2027, 1, 1), Part.STARTED),
        (asked(invited_at=MARCH_2, declined_at=noon(DUE)), LATER, Part.INVITED),
        # By telephone, without any message.
        (asked(unreachable_at=MARCH_2, completed_on=DUE), LATER, Part.COMPLETED),
    ],
)
def test_where_a_follow_up_stands(one, on, part):
    assert part_on(one, on) is part


def test_a_step_counts_those_who_went_further():
    rate = Rate({Part.NOT_DUE: 7, Part.NOT_REACHABLE: 1, Part.INVITED: 2, Part.COMPLETED: 3})
    assert [rate.step(step) for step in Step] == [6, 5, 5, 3, 3, 3]
    assert rate.share(Step.COMPLETED) == 0.5
    assert rate.all == 13
    assert rate.largest_loss == (Step.INVITED, Step.OPENED, 2)


def test_where_nobody_is_lost_there_is_no_largest_loss():
    assert Rate({Part.COMPLETED: 3}).largest_loss is None
    assert Rate({Part.NOT_DUE: 3}).share(Step.COMPLETED) is None


parts = st.dictionaries(st.sampled_from(Part), st.integers(0, 50))


@given(parts)
def test_the_parts_sum_to_all_and_no_step_exceeds_the_one_before(held):
    rate = Rate(held)
    steps = [rate.step(step) for step in Step]
    assert steps == sorted(steps, reverse=True)
    assert rate.eligible + sum(held.get(part, 0) for part in EXCLUDED) == rate.all
    assert set(EXCLUDED) | set(FURTHEST) == set(Part)
    assert sum(n for n in held.values()) == rate.all


# --- In the database ---------------------------------------------------------------------------

EVENTS = ("invited_at", "opened_at", "started_at", "declined_at", "unreachable_at")


def make(
    unit=None,
    *,
    due=DUE,
    member=None,
    without_invitation=False,
    censored_on=None,
    completed_on=None,
    **events,
) -> FollowUp:
    operation = make_operation(
        member or make_member(email=None), performed_on=date(2025, 3, 1), unit=unit
    )
    window = {"opens_on": OPENS, "due_on": due, "closes_on": max(CLOSES, due)}
    invitation = None
    if not without_invitation:
        invitation = Invitation.objects.create(
            membership=operation.membership, time_point="y1", plan=[], **window, **events
        )
    return FollowUp.objects.create(
        operation=operation,
        time_point="y1",
        invitation=invitation,
        completed_on=completed_on,
        censored_on=censored_on,
        censor_reason=CensorReason.DEATH if censored_on else "",
        **window,
    )


days = st.dates(date(2026, 2, 1), date(2026, 8, 1))
moments = st.none() | days.map(noon)


@pytest.fixture
def some(db) -> list[FollowUp]:
    units = [make_unit(), make_unit()]
    return [make(units[number % 2]) for number in range(4)]


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_python_and_the_database_agree_and_every_follow_up_is_counted_once(some, data):
    on = data.draw(days)
    for one in some:
        events = {name: data.draw(moments) for name in EVENTS}
        Invitation.objects.filter(follow_ups=one).update(**events)
        censored_on = data.draw(st.none() | days)
        FollowUp.objects.filter(pk=one.pk).update(
            due_on=data.draw(st.dates(OPENS, CLOSES)),
            completed_on=data.draw(st.none() | days),
            censored_on=censored_on,
            censor_reason=CensorReason.DEATH if censored_on else "",
        )
    expected = dict.fromkeys(Part, 0)
    for fresh in FollowUp.objects.select_related("invitation").all():
        told = Asked(Dates.of(fresh), fresh.due_on, fresh.invitation is not None)
        expected[part_on(told, on)] += 1
    for by in By:
        table = response_rates(EVERYBODY, "danespine", PERIOD, by=by, on=on)
        assert {part: table.total.rate.parts.get(part, 0) for part in Part} == expected
        assert sum(row.all for row in table.rows) == table.total.all == len(some)


@pytest.mark.django_db
def test_only_the_period_s_due_dates_count():
    for due in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1)):
        follow_up = make()
        FollowUp.objects.filter(pk=follow_up.pk).update(
            opens_on=due, due_on=due, closes_on=due + timedelta(days=9)
        )
    table = response_rates(EVERYBODY, "danespine", PERIOD, on=date(2027, 6, 1))
    assert table.total.all == 2


@pytest.mark.django_db
def test_rows_by_unit_time_point_channel_and_language():
    unit = make_unit()
    follow_up = make(unit, member=make_member(language="sv"), invited_at=MARCH_2)
    make(without_invitation=True)
    Message.objects.create(
        key="one",
        purpose="proms.invitation",
        subject_id=follow_up.invitation_id,
        rule="invitation",
        channel="sms",
        due_at=MARCH_2,
        sent_at=MARCH_2,
    )

    def eligible(by, **asking):
        table = response_rates(
            EVERYBODY, "danespine", replace(PERIOD, **asking), by=by, on=date(2026, 7, 1)
        )
        return {row.key: row.rate.eligible for row in table.rows}

    assert eligible(By.UNIT)[str(unit.pk)] == 1
    assert eligible(By.TIME_POINT) == {"y1": 1}
    assert eligible(By.CHANNEL) == {"sms": 1, "none": 0}
    assert eligible(By.LANGUAGE) == {"sv": 1, "da": 0}
    assert eligible(By.LANGUAGE, channel="sms") == {"sv": 1}
    assert eligible(By.UNIT, unit_id=unit.pk, language="sv") == {str(unit.pk): 1}
    assert eligible(By.UNIT, time_point="y2") == {}


@pytest.fixture
def two_units(db):
    """A unit with seven follow-ups and one with three, where somebody died in each."""
    large, small = make_unit(), make_unit()
    for unit, number in ((large, 7), (small, 3)):
        for _ in range(number):
            make(unit, invited_at=MARCH_2)
        make(unit, censored_on=date(2026, 3, 20))
    return large, small


def shown(viewer, **asking):
    table = response_rates(viewer, "danespine", replace(PERIOD, **asking), on=date(2026, 7, 1))
    return table, {int(row.key): row for row in table.rows}


def test_few_patients_of_other_units_are_withheld(two_units):
    large, small = two_units
    table, rows = shown(READER)
    # The small one, and the large one too: it would follow from the total.
    assert rows[small.pk].rate is None
    assert rows[large.pk].rate is None
    assert table.total.rate.eligible == 10
    assert table.total.outside(Part.CENSORED) is None
    assert table.total.all is None


def test_the_own_unit_is_shown_whole(two_units):
    large, small = two_units
    viewer = Viewer(None, (Grant(Role.CLINICIAN, "danespine", small.pk),))
    table, rows = shown(viewer)
    assert rows[small.pk].rate.eligible == 3
    assert rows[small.pk].outside(Part.CENSORED) == 1
    assert rows[small.pk].own
    assert rows[large.pk].rate.eligible == 7
    assert rows[large.pk].outside(Part.CENSORED) is None
    assert rows[large.pk].all is None
    assert table.total.outside(Part.CENSORED) is None


def test_who_sees_all_patients_sees_all_figures(two_units):
    table, rows = shown(EVERYBODY)
    assert all(row.rate is not None and not row.hidden for row in rows.values())
    assert table.total.all == 12


def test_one_small_unit_asked_for_alone_is_withheld(two_units):
    _large, small = two_units
    table, rows = shown(READER, unit_id=small.pk)
    assert rows[small.pk].rate is None
    assert table.total.rate is None


@pytest.mark.django_db
def test_who_sees_no_reports_sees_no_rates():
    with pytest.raises(NotAllowed):
        response_rates(Viewer(None), "danespine", PERIOD, on=LATER)


def test_one_query_counts(two_units):
    with CaptureQueriesContext(connection) as captured:
        shown(EVERYBODY)
    assert len([q for q in captured if "proms_followup" in q["sql"]]) == 1
