"""What a patient is sent day by day, and the rules of reminders and pre-notices."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patients.events import PatientDied, StatusRevoked
from proms import actions, notice
from proms.changes import schedule_changes
from proms.models import FollowUp, Invitation
from registry.core.events import announce
from registry.messaging.composing import ComposedMail, Wanted, Withheld
from registry.messaging.models import Message
from registry.registers.selectors import definition_for
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db

OPERATED = date(2025, 12, 1)
OPENS = OPERATED + timedelta(days=351)  # a year after, 17 November 2026


def at(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 9, tzinfo=UTC)


def operated(member=None, on=OPERATED, **fields):
    operation = make_operation(member or make_member(), performed_on=on, **fields)
    actions.create_schedule(operation_id=operation.pk)
    return operation


def night(day: date) -> None:
    """What the task does once an hour."""
    actions.invite_due(now=at(day))
    actions.queue_reminders(now=at(day))
    actions.queue_notices(now=at(day))


def send(day: date) -> list[str]:
    """Send what waits, as the outbox marks it; return the rules sent."""
    waiting = list(
        Message.objects.filter(sent_at=None, withheld_at=None, channel="email").order_by("pk")
    )
    for message in waiting:
        message.sent_at = at(day)
        message.save()
        if message.purpose == actions.PURPOSE:
            field = "reminded_at" if message.rule.startswith("reminder") else "invited_at"
            Invitation.objects.filter(pk=message.subject_id).update(**{field: at(day)})
    return [message.rule for message in waiting]


def diary(first: date, last: date, *, down: range = range(0)) -> dict[int, list[str]]:
    """Day after opening to what was sent on it. The server is down on the days ``down``."""
    sent: dict[int, list[str]] = {}
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        after = (day - OPENS).days
        if after in down:
            continue
        night(day)
        if rules := send(day):
            sent[after] = rules
    return sent


# --- Day by day --------------------------------------------------------------------------------
# A year after a lumbar operation: notice 7 days before opening, reminders 7 and 14 days after the
# invitation, the last 42 days after due (14 days after opening).


def test_one_patient_day_by_day():
    operated()
    assert diary(OPENS - timedelta(days=9), OPENS + timedelta(days=70)) == {
        -7: ["notice.notice"],
        0: ["invitation"],
        7: ["reminder.first"],
        14: ["reminder.second"],
        56: ["reminder.last"],
    }


def test_a_server_that_was_down_for_a_week_sends_one_message():
    operated()
    assert diary(OPENS - timedelta(days=1), OPENS + timedelta(days=30), down=range(6, 15)) == {
        -1: ["notice.notice"],
        0: ["invitation"],
        15: ["reminder.second"],
    }


def test_a_server_that_was_down_when_the_window_opened_sends_no_notice():
    operated()
    assert diary(OPENS - timedelta(days=8), OPENS + timedelta(days=5), down=range(-8, 4)) == {
        4: ["invitation"]
    }


def test_no_reminder_after_an_answer():
    operated()
    diary(OPENS, OPENS)
    Invitation.objects.update(submitted_at=at(OPENS))
    FollowUp.objects.filter(time_point="y1").update(completed_on=OPENS)
    assert diary(OPENS + timedelta(days=1), OPENS + timedelta(days=70)) == {}


def two_invitations() -> None:
    """A patient asked about two operations with different questions, a day apart."""
    member = make_member()
    operated(member)
    operated(member, on=OPERATED + timedelta(days=1), group="cervical_radiculopathy")


def test_several_invitations_of_a_patient_bring_one_message_at_a_time():
    two_invitations()
    sent = diary(OPENS, OPENS + timedelta(days=30))
    assert all(len(rules) == 1 for day, rules in sent.items() if day > 1), sent
    days = sorted(day for day in sent if day > 1)
    assert all(later - day >= 3 for day, later in pairwise(days)), sent


def test_a_backlog_of_several_invitations_brings_one_message():
    two_invitations()
    diary(OPENS, OPENS + timedelta(days=1))
    assert Invitation.objects.count() == 2
    night(OPENS + timedelta(days=20))
    assert len(send(OPENS + timedelta(days=20))) == 1


# --- Dead, moved abroad, withdrawn -------------------------------------------------------------


def waiting() -> list[str]:
    return list(
        Message.objects.filter(sent_at=None, withheld_at=None).values_list("rule", flat=True)
    )


def test_what_is_queued_is_withheld_with_the_death_and_queued_again_when_it_was_a_mistake():
    operation = operated()
    night(OPENS)
    patient = operation.membership.patient
    patient.died_on = OPENS
    patient.save()
    announce(PatientDied(patient.pk, OPENS))
    assert waiting() == []
    assert Message.objects.get().withheld_reason == "no_longer_asked"
    patient.died_on = None
    patient.save()
    announce(StatusRevoked(patient.pk, "death"))
    assert waiting() == ["invitation"]


def test_what_still_asks_about_another_operation_is_not_withheld():
    member, surgery = make_member(), date(2026, 12, 20)
    one, other = (make_operation(member, planned_on=surgery) for _ in range(2))
    actions.create_schedules(operation_ids=[one.pk, other.pk])
    night(OPENS)
    assert Invitation.objects.get().follow_ups.count() == 2
    for operation, waits in ((one, ["invitation"]), (other, [])):
        operation.cancelled_on, operation.cancel_reason = OPENS, "recovered"
        operation.save()
        actions.censor_operations(operation_ids=[operation.pk])
        assert waiting() == waits


# --- Pre-notices -------------------------------------------------------------------------------


def noticed() -> Wanted:
    night(OPENS - timedelta(days=7))
    message = Message.objects.get(purpose=actions.NOTICE_PURPOSE)
    state = notice.read([message.subject_id])[message.subject_id]
    return Wanted(message.subject_id, message.rule, state=state)


def test_a_notice_tells_the_day_and_holds_no_link():
    operated(make_member(language="en"))
    [mail] = notice.compose([noticed()], at(OPENS - timedelta(days=7)))
    assert isinstance(mail, ComposedMail)
    assert "17 November 2026" in mail.text
    assert "http" not in mail.text + mail.html
    assert "operation" not in mail.subject.lower()


def test_a_notice_that_comes_too_late_is_withheld():
    operated()
    assert notice.compose([noticed()], at(OPENS)) == [Withheld("overtaken")]


def test_who_has_no_address_gets_no_notice():
    operated(make_member(email=None))
    night(OPENS - timedelta(days=7))
    assert not Message.objects.exists()


def test_several_operations_bring_one_notice():
    member = make_member()
    operated(member)
    operated(member, on=OPERATED + timedelta(days=2))
    for days in range(7, 0, -1):
        night(OPENS - timedelta(days=days))
    assert Message.objects.filter(purpose=actions.NOTICE_PURPOSE).count() == 1


# --- Moving ------------------------------------------------------------------------------------


def sentences(operation, new_date: date, on: date) -> dict[str, str]:
    return {c.time_point: c.sentence for c in schedule_changes(operation, new_date, on=on)}


@pytest.fixture
def planned() -> Iterator:
    operation = make_operation(make_member(), planned_on=date(2026, 12, 20))
    actions.create_schedule(operation_id=operation.pk)
    return operation


def test_what_a_new_date_does_is_told_as_it_will_happen(planned):
    today, new_date = date(2026, 11, 20), date(2027, 1, 15)
    night(today)
    told = schedule_changes(planned, new_date, on=today)
    assert [change.sent for change in told] == [True, False, False, False, False]
    assert "can be answered until" in told[0].sentence
    assert "will be sent on" in told[1].sentence
    planned.planned_on = new_date
    planned.save()
    actions.move_schedules(operation_ids=[planned.pk])
    held = {one.time_point: one for one in FollowUp.objects.filter(operation=planned)}
    assert held["before"].closes_on == new_date
    assert held["y1"].opens_on == new_date + timedelta(days=351)


def test_an_answer_that_will_be_old_is_told(planned):
    FollowUp.objects.filter(time_point="before").update(completed_on=date(2026, 11, 20))
    told = sentences(planned, date(2027, 1, 15), date(2026, 11, 21))["before"]
    assert "56" in told
    assert "old" in told


# --- The same time point for other groups ------------------------------------------------------


def test_an_override_changes_what_it_names_and_only_for_its_groups():
    point = definition_for("danespine").time_points["y1"]
    override = {"groups": ["metastasis"], "opens": 340, "reminders": []}
    changed = type(point).model_validate(
        {**point.model_dump(exclude_unset=True), "overrides": [override]}
    )
    other = changed.for_group("metastasis")
    assert (other.opens, other.due, other.reminders) == (340, point.due, ())
    assert changed.for_group("scoliosis") == changed


def test_a_time_point_without_reminders_has_those_of_days_7_and_14():
    point = definition_for("danespine").time_points["y1"]
    bare = type(point).model_validate(point.model_dump(exclude_unset=True, exclude={"reminders"}))
    assert [(rule.after, rule.days) for rule in bare.reminders] == [
        ("invitation", 7),
        ("invitation", 14),
    ]


# --- Whatever happens --------------------------------------------------------------------------


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    runs=st.lists(st.integers(-10, 80), min_size=3, max_size=8),
    answered=st.integers(-10, 80),
    apart=st.integers(0, 20),
)
def test_never_twice_never_close_never_after_an_answer(runs, answered, apart):
    """A server that runs on some days only, and a patient with two operations who answers all."""
    Message.objects.all().delete()
    FollowUp.objects.all().delete()
    Invitation.objects.all().delete()
    member = make_member()
    operated(member)
    operated(member, on=OPERATED + timedelta(days=apart), group="cervical_radiculopathy")
    mails: list[int] = []
    for after in sorted(set(runs)):
        day = OPENS + timedelta(days=after)
        if after >= answered:
            Invitation.objects.filter(invited_at__isnull=False, submitted_at=None).update(
                submitted_at=at(day)
            )
            FollowUp.objects.filter(invitation__submitted_at__isnull=False).update(completed_on=day)
        done = set(Invitation.objects.filter(submitted_at__isnull=False).values_list("pk"))
        night(day)
        rules = send(day)
        reminders = [rule for rule in rules if rule.startswith("reminder")]
        assert len(reminders) <= 1
        assert not (reminders and "invitation" in rules)
        if reminders:
            assert not mails or after - mails[-1] >= 3
            newest = Message.objects.filter(sent_at=at(day), rule__startswith="reminder").get()
            assert (newest.subject_id,) not in done
        if any(not rule.startswith("notice") for rule in rules):
            mails.append(after)
    keys = Message.objects.values_list("purpose", "subject_id", "rule")
    assert len(keys) == len(set(keys))
