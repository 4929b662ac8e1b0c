"""The telephone worklist: who is on it, from which day, and in which order."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients.models import Patient, PatientIdentity
from proms.actions import create_schedule, log_call
from proms.models import FollowUp, Invitation
from proms.selectors import (
    TelephoneReason,
    first_to_call,
    letters_to_print,
    standings_by_unit,
    telephone_worklist,
)
from proms.worth import ANSWERED_BEFORE, NEW, OPENED, SILENT_BEFORE, STARTED, Prospect, likelihood
from registry.accounts.models import Role
from registry.accounts.permissions import Grant, Viewer
from registry.core.errors import NotAllowed
from registry.registers.schema.followup import TimePointOverride
from registry.registers.selectors import definition_for
from tests.unit.proms.factories import make_member, make_operation, make_unit

pytestmark = pytest.mark.django_db

EVERYBODY = Viewer(None, (Grant(Role.COORDINATOR, "danespine", None),))
OPERATED = date(2025, 6, 2)
INVITED = OPERATED + timedelta(days=351)
DUE = OPERATED + timedelta(days=365)
CLOSES = OPERATED + timedelta(days=545)
# The register's last reminder goes 42 days after the due date; a week later somebody calls.
CALLED_FROM = DUE + timedelta(days=42 + 7)


def noon(on: date) -> datetime:
    return datetime(on.year, on.month, on.day, 12, tzinfo=UTC)


def silent(member=None, *, unit=None, operated=OPERATED, **events: datetime) -> Invitation:
    """A patient operated a year ago who was invited and reminded and has not answered."""
    operation = make_operation(member or make_member(), performed_on=operated, unit=unit)
    create_schedule(operation_id=operation.pk)
    follow_up = FollowUp.objects.get(operation=operation, time_point="y1")
    events = {
        "invited_at": noon(follow_up.opens_on),
        "reminded_at": noon(follow_up.due_on + timedelta(days=42)),
    } | events
    invitation = Invitation.objects.create(
        membership=operation.membership,
        time_point="y1",
        plan=[],
        opens_on=follow_up.opens_on,
        due_on=follow_up.due_on,
        closes_on=follow_up.closes_on,
        **events,
    )
    FollowUp.objects.filter(pk=follow_up.pk).update(invitation=invitation)
    return invitation


def found(on=CALLED_FROM, viewer=EVERYBODY, **asked):
    now = on if isinstance(on, datetime) else noon(on)
    return telephone_worklist(viewer, "danespine", now=now, **asked)


def ids(*arguments, **asked) -> list[int]:
    return [row.invitation_id for row in found(*arguments, **asked).rows]


# --- Who is on it ------------------------------------------------------------------------------


def test_a_patient_is_called_a_week_after_the_last_reminder():
    invitation = silent()
    assert ids(CALLED_FROM - timedelta(days=1)) == []
    row = found(CALLED_FROM + timedelta(days=3)).rows[0]
    assert row.invitation_id == invitation.pk
    assert row.reason is TelephoneReason.SILENT
    assert row.days_waited(CALLED_FROM + timedelta(days=3)) == 3
    assert (row.last_day, row.days_left) == (CLOSES, (CLOSES - CALLED_FROM).days - 2)


def test_a_reminder_sent_late_is_waited_for_too():
    silent(reminded_at=noon(CALLED_FROM - timedelta(days=1)))
    assert ids(CALLED_FROM) == []
    assert len(ids(CALLED_FROM + timedelta(days=6))) == 1


def test_before_the_window_closes_nobody_waits_for_reminders():
    invited = noon(CLOSES - timedelta(days=5))
    silent(invited_at=invited, reminded_at=None)
    assert ids(CLOSES - timedelta(days=4)) == []
    assert len(ids(CLOSES - timedelta(days=3))) == 1
    assert len(ids(CLOSES)) == 1
    assert ids(CLOSES + timedelta(days=1)) == []


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ({"invited_at": None, "reminded_at": None, "unreachable_at": noon(INVITED)}, "unreachable"),
        ({"unreachable_at": noon(INVITED)}, "unreachable"),
        ({"locked_at": noon(INVITED), "reminded_at": None}, "locked"),
    ],
)
def test_whom_no_message_helps_is_called_at_once(events, reason):
    silent(**events)
    row = found(INVITED + timedelta(days=2)).rows[0]
    assert (row.reason, row.since) == (TelephoneReason(reason), INVITED)


def test_who_prefers_the_telephone_is_called_at_once():
    silent(reminded_at=None)
    Patient.objects.update(preferred_channel="telephone")
    assert found(INVITED).rows[0].reason is TelephoneReason.PREFERS


@pytest.mark.parametrize(
    "events",
    [{"declined_at": noon(DUE)}, {"submitted_at": noon(DUE)}],
)
def test_who_has_answered_or_declined_is_not_called(events):
    invitation = silent(**events)
    if "submitted_at" in events:
        FollowUp.objects.filter(invitation=invitation).update(completed_on=DUE)
    assert ids() == []


def test_who_is_no_longer_followed_up_is_not_called():
    invitation = silent()
    FollowUp.objects.filter(invitation=invitation).update(censored_on=DUE, censor_reason="death")
    assert ids() == []


def test_without_a_number_there_is_a_place_apart():
    silent()
    PatientIdentity.objects.update(has_telephone=False)
    assert ids() == []
    assert len(ids(place="no_number")) == 1


def test_a_child_s_guardian_is_called_first():
    silent(make_member(birth_date=date(2013, 1, 1)))
    assert found().rows[0].recipient == "patient"
    PatientIdentity.objects.update(guardian_has_telephone=True)
    assert found().rows[0].recipient == "guardian"
    Patient.objects.update(birth_date=date(1950, 1, 1))
    assert found().rows[0].recipient == "patient"


# --- What calls do to it -----------------------------------------------------------------------

NINE = noon(CALLED_FROM) - timedelta(hours=3)


@pytest.mark.parametrize(
    ("outcome", "again_on"),
    [
        ("no_answer", CALLED_FROM + timedelta(days=1)),
        ("message_left", CALLED_FROM + timedelta(days=3)),
        ("answered", CALLED_FROM),  # they broke off: nothing was sent
    ],
)
def test_after_a_call_in_vain_the_patient_is_left_in_peace(outcome, again_on):
    invitation = silent()
    log_call(by=EVERYBODY, invitation=invitation, outcome=outcome, now=NINE)
    before = again_on - timedelta(days=1)
    if before >= CALLED_FROM:
        assert ids(before) == []
        assert ids(before, place="later") == [invitation.pk]
    row = found(again_on).rows[0]
    assert (row.calls, row.last_outcome) == (1, outcome)


def test_an_agreed_call_comes_at_its_time_and_before_all_others():
    first, second = silent(), silent(opened_at=noon(DUE))
    agreed = noon(CALLED_FROM + timedelta(days=2))
    assert ids() == [second.pk, first.pk]
    log_call(by=EVERYBODY, invitation=first, outcome="call_back", call_back_at=agreed, now=NINE)
    assert ids(agreed - timedelta(minutes=1)) == [second.pk]
    assert ids(agreed - timedelta(minutes=1), place="later") == [first.pk]
    assert ids(agreed) == [first.pk, second.pk]
    assert found(agreed).rows[0].reason is TelephoneReason.AGREED


def test_a_wrong_number_leaves_no_number():
    invitation = silent()
    log_call(by=EVERYBODY, invitation=invitation, outcome="wrong_number", now=NINE)
    assert ids() == []
    assert ids(place="no_number") == [invitation.pk]


# --- The order ---------------------------------------------------------------------------------


def test_the_most_likely_comes_first_within_a_unit():
    unit = make_unit()
    old = make_member(birth_date=date(1950, 1, 1))
    young = make_member(birth_date=date(2000, 1, 1))
    order = [
        silent(young, unit=unit).pk,
        silent(old, unit=unit).pk,
        silent(unit=unit, opened_at=noon(DUE)).pk,
        silent(unit=unit, started_at=noon(DUE)).pk,
    ]
    assert ids() == order[::-1]


@pytest.mark.parametrize(
    ("answered", "habit"), [(None, NEW), (True, ANSWERED_BEFORE), (False, SILENT_BEFORE)]
)
def test_the_likelihood_is_that_of_the_table(answered, habit):
    invitation = silent(make_member(birth_date=date(1990, 1, 1)), opened_at=noon(DUE))
    FollowUp.objects.filter(time_point="before").delete()
    if answered is not None:
        operation = make_operation(invitation.membership, performed_on=date(2023, 5, 1))
        create_schedule(operation_id=operation.pk)
        earlier = FollowUp.objects.filter(operation=operation, time_point="y1")
        earlier.update(completed_on=date(2024, 6, 1) if answered else None)
        FollowUp.objects.filter(operation=operation).exclude(time_point="y1").delete()
    log_call(by=EVERYBODY, invitation=invitation, outcome="answered", now=NINE)
    row = found().rows[0]
    assert row.habit == habit
    expected = Prospect(
        age=36, progress=OPENED, habit=habit, calls=1, days_left=(CLOSES - CALLED_FROM).days + 1
    )
    assert row.likelihood == pytest.approx(likelihood(expected))


def test_the_unit_that_is_further_from_its_target_comes_first():
    near, far = make_unit(), make_unit()
    for unit, answers in ((near, 3), (far, 1)):
        for _ in range(answers):
            done = silent(unit=unit, submitted_at=noon(DUE))
            FollowUp.objects.filter(invitation=done).update(completed_on=DUE)
    first, second = silent(unit=near), silent(unit=far)
    assert ids() == [second.pk, first.pk]
    standings = standings_by_unit(
        EVERYBODY, "danespine", on=CALLED_FROM, definition=definition_for("danespine")
    )
    held = standings[near.pk, "y1"]
    assert (held.answered, held.expected, held.target) == (3, 4, 0.8)


def test_an_answer_for_two_operations_is_worth_both():
    member, unit = make_member(), make_unit()
    invitation = silent(member, unit=unit)
    single = silent(unit=unit)
    second = make_operation(member, performed_on=OPERATED + timedelta(days=1), unit=unit)
    create_schedule(operation_id=second.pk)
    FollowUp.objects.filter(operation=second, time_point="y1").update(invitation=invitation)
    on = CALLED_FROM + timedelta(days=1)
    assert ids(on) == [invitation.pk, single.pk]
    both, one = found(on).rows
    assert both.worth == pytest.approx(2 * one.worth)


# --- Who sees it, and how much work it is ------------------------------------------------------


def test_a_unit_calls_its_own_patients():
    own, other = make_unit(), make_unit()
    mine, theirs = silent(unit=own), silent(unit=other)
    viewer = Viewer(None, (Grant(Role.CLINICIAN, "danespine", own.pk),))
    assert ids(viewer=viewer) == [mine.pk]
    assert ids(unit_id=other.pk) == [theirs.pk]
    both = found()
    assert both.by_unit == {own.pk: 1, other.pk: 1}
    assert both.by_place == {"now": 2, "later": 0, "no_number": 0}
    assert found(unit_id=own.pk).by_place["now"] == 1


def test_who_does_not_follow_up_sees_nothing():
    with pytest.raises(NotAllowed):
        found(viewer=Viewer(None, (Grant(Role.NATIONAL_READER, "danespine", None),)))


def test_the_number_of_queries_does_not_depend_on_the_number_of_patients():
    unit = make_unit()

    def queries(number: int) -> int:
        for _ in range(number):
            silent(unit=unit)
        with CaptureQueriesContext(connection) as captured:
            assert len(ids()) >= number
        return len(captured)

    assert queries(1) == queries(9) <= 6


def test_pages_follow_each_other():
    unit = make_unit()
    everybody = {silent(unit=unit).pk for _ in range(5)}
    pages = [ids(offset=offset, limit=2) for offset in (0, 2, 4)]
    assert [len(page) for page in pages] == [2, 2, 1]
    assert {pk for page in pages for pk in page} == everybody


def test_one_row_can_be_asked_for():
    one, _other = silent(), silent(started_at=noon(DUE))
    row = found(invitation_id=one.pk).rows[0]
    assert row.invitation_id == one.pk
    assert row.progress != STARTED


# --- Groups with rules of their own ------------------------------------------------------------


def test_who_is_called_from_when_follows_the_groups_own_reminders(monkeypatch):
    invitation = silent(reminded_at=None)
    group = invitation.follow_ups.get().operation.group
    point = definition_for("danespine").time_points["y1"]
    monkeypatch.setitem(
        point.__dict__, "overrides", (TimePointOverride(groups=[group], reminders=[]),)
    )
    # No reminder is to come: a week after the invitation somebody calls.
    assert found(INVITED + timedelta(days=6)).rows == []
    [row] = found(INVITED + timedelta(days=7)).rows
    assert row.invitation_id == invitation.pk


# --- A letter or a call ------------------------------------------------------------------------

WHEN = INVITED + timedelta(days=3)


@pytest.mark.parametrize(
    ("preferred", "telephone", "events", "place"),
    [
        ("", True, {"unreachable_at"}, "call"),
        ("", False, {"unreachable_at"}, "letter"),
        ("telephone", True, {"unreachable_at", "invited_at"}, "call"),
        ("letter", True, {"unreachable_at"}, "letter"),
        ("letter", False, {"unreachable_at"}, "letter"),
        ("letter", True, {"invited_at"}, "letter"),
        # Once the letter is printed nobody is called before it can have been answered.
        ("letter", True, {"unreachable_at", "letter_printed_at"}, "neither"),
        ("", False, {"unreachable_at", "letter_printed_at"}, "neither"),
        # Who has opened the link needs no letter, and is called when silent.
        ("letter", True, {"invited_at", "opened_at"}, "neither"),
    ],
)
def test_everybody_stands_in_one_list_at_most(preferred, telephone, events, place):
    member = make_member()
    Patient.objects.filter(pk=member.patient_id).update(preferred_channel=preferred)
    PatientIdentity.objects.update(has_telephone=telephone)
    silent(member, **{"invited_at": None, "reminded_at": None, **dict.fromkeys(events, noon(WHEN))})
    called = sum(found(WHEN).by_place.values())
    letters = letters_to_print(EVERYBODY, "danespine", now=noon(WHEN)).count()
    expected = {"call": (1, 0), "letter": (0, 1), "neither": (0, 0)}
    assert (called, letters) == expected[place]


def test_a_letter_without_an_answer_is_followed_by_a_call():
    printed = {"letter_printed_at": noon(WHEN), "unreachable_at": noon(WHEN)}
    silent(**printed, invited_at=None, reminded_at=None)
    assert found(WHEN + timedelta(days=20)).rows == []
    [row] = found(WHEN + timedelta(days=21)).rows
    assert (row.reason, row.place) == (TelephoneReason.LETTER, "now")


def test_an_agreed_call_comes_before_a_letter():
    member = make_member()
    Patient.objects.filter(pk=member.patient_id).update(preferred_channel="letter")
    invitation = silent(member, unreachable_at=noon(WHEN), invited_at=None, reminded_at=None)
    log_call(
        by=EVERYBODY,
        invitation=invitation,
        outcome="call_back",
        call_back_at=noon(WHEN + timedelta(days=1)),
        now=noon(WHEN),
    )
    assert found(noon(WHEN) + timedelta(minutes=1), place="later").rows
    assert not letters_to_print(
        EVERYBODY, "danespine", now=noon(WHEN) + timedelta(minutes=1)
    ).exists()


def test_the_home_page_shows_the_first_of_the_same_list_by_fewer_statements():
    for days in range(4):
        silent(operated=OPERATED - timedelta(days=days))
    silent(make_member(), declined_at=noon(CALLED_FROM))
    whole = found().rows
    with CaptureQueriesContext(connection) as by_list:
        found()
    with CaptureQueriesContext(connection) as by_home:
        first, number = first_to_call(EVERYBODY, "danespine", now=noon(CALLED_FROM), limit=3)
    assert (first, number) == (list(whole[:3]), len(whole))
    assert len(whole) == 4
    assert len(by_home) == len(by_list) - 1
    nobody = first_to_call(EVERYBODY, "danespine", now=noon(OPERATED), limit=3)
    assert nobody == ([], 0)


@pytest.mark.parametrize(
    ("after", "day"),
    [("invitation", INVITED + timedelta(days=10)), ("due", DUE + timedelta(days=10))],
)
def test_who_is_reminded_by_letter_stands_on_its_list_from_the_rules_day(monkeypatch, after, day):
    invitation = silent(reminded_at=None)
    group = invitation.follow_ups.get().operation.group
    rule = {"key": "letter", "after": after, "days": 10, "channel": "letter"}
    point = definition_for("danespine").time_points["y1"]
    monkeypatch.setitem(
        point.__dict__, "overrides", (TimePointOverride(groups=[group], reminders=[rule]),)
    )
    asked = {"viewer": EVERYBODY, "register_code": "danespine"}
    assert not letters_to_print(**asked, now=noon(day - timedelta(days=1))).exists()
    for later in (day, day + timedelta(days=60)):
        assert letters_to_print(**asked, now=noon(later)).get() == invitation
        assert sum(found(later).by_place.values()) == 0
