"""By which way reminders and pre-notices go: the channel of their rule, or what reaches."""

from datetime import UTC, date, datetime, timedelta

import pytest

from patients.actions import change_contact, opt_out
from patients.events import PatientDied, StatusRevoked
from patients.models import Patient, PatientIdentity, UnitRelation
from patients.vault import change_identity, open_identity
from proms import actions, mail, notice
from proms.models import FollowUp, Invitation, StoppedReminders
from proms.selectors import letters_to_print, telephone_worklist
from registry.accounts.models import Role
from registry.accounts.permissions import Grant, Viewer
from registry.core.events import announce
from registry.messaging.composing import ComposedText, Undelivered, Wanted, Withheld
from registry.messaging.models import Message
from registry.registers.schema.followup import ReminderRule
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db

COORDINATOR = Viewer(None, (Grant(Role.COORDINATOR, "danespine", None),))
GATEWAY = "http://sms.example"
SURGERY = date(2026, 12, 20)
INVITED = datetime(2026, 11, 20, 9, tzinfo=UTC)
OPENS = date(2026, 11, 17)
CHILD = date(2015, 2, 3)


def person(email="", telephone="", *, preferred="", born=date(1950, 3, 9), **known):
    """Somebody with these addresses and no others."""
    member = make_member(email=email, birth_date=born)
    change_identity(member.patient_id, birth_date=born, telephone=telephone, **known)
    Patient.objects.filter(pk=member.patient_id).update(preferred_channel=preferred)
    return member


def refuse(member, *names):
    PatientIdentity.objects.filter(pk=member.patient_id).update(
        **{f"{name}_refused_at": INVITED for name in names}
    )


@pytest.fixture
def rules(monkeypatch):
    """``rules(ReminderRule(…))``: every time point of danespine has these and no others."""
    from registry.registers.selectors import definition_for

    def put(*reminders):
        definition = definition_for("danespine")
        for point in definition.time_points.values():
            monkeypatch.setitem(point.__dict__, "reminders", reminders)
            monkeypatch.setitem(point.__dict__, "overrides", ())

    return put


# --- Reminders ---------------------------------------------------------------------------------
# What the patient has when the reminder's day comes; the invitation went out by e-mail before.

MAIL, PHONE = "karen@mail.example", "+4511111111"


@pytest.mark.parametrize(
    ("rule", "gateway", "email", "telephone", "preferred", "refused", "goes"),
    [
        # A rule that names no channel: as the patient is reached.
        (None, True, MAIL, PHONE, "", (), "email"),
        (None, True, MAIL, PHONE, "sms", (), "sms"),
        (None, True, "", PHONE, "", (), "sms"),
        (None, False, MAIL, PHONE, "sms", (), "email"),
        # One that does: its own channel, where that works …
        ("email", True, MAIL, PHONE, "sms", (), "email"),
        ("sms", True, MAIL, PHONE, "", (), "sms"),
        ("sms", True, MAIL, PHONE, "email", (), "sms"),
        # … and otherwise what does.
        ("sms", True, MAIL, "", "", (), "email"),
        ("sms", False, MAIL, PHONE, "", (), "email"),
        ("sms", True, MAIL, PHONE, "", ("telephone",), "email"),
        ("email", True, "", PHONE, "", (), "sms"),
        ("email", True, MAIL, PHONE, "", ("email",), "sms"),
        # No message reaches the patient any more: called or written to, never lost.
        ("sms", False, "", PHONE, "", (), "worklist"),
        ("email", False, MAIL, PHONE, "", ("email",), "worklist"),
        ("sms", True, MAIL, PHONE, "", ("email", "telephone"), "worklist"),
        ("sms", True, "", "", "", (), "worklist"),
        (None, True, MAIL, PHONE, "telephone", (), "worklist"),
        (None, True, MAIL, PHONE, "letter", (), "worklist"),
    ],
)
def test_a_reminder_goes_by_its_rule_or_by_what_reaches(
    rules, settings, rule, gateway, email, telephone, preferred, refused, goes
):
    rules(ReminderRule(key="first", after="invitation", days=7, channel=rule))
    settings.SMS_GATEWAY_URL = GATEWAY
    member = person(MAIL, PHONE)
    invitation = invited(member)
    settings.SMS_GATEWAY_URL = GATEWAY if gateway else ""
    change_identity(
        member.patient_id, birth_date=date(1950, 3, 9), email=email, telephone=telephone
    )
    Patient.objects.filter(pk=member.patient_id).update(preferred_channel=preferred)
    refuse(member, *refused)
    actions.queue_reminders(now=INVITED + timedelta(days=7))
    found = list(
        Message.objects.filter(sent_at=None, withheld_at=None).values_list("rule", "channel")
    )
    invitation.refresh_from_db()
    if goes == "worklist":
        assert (found, invitation.unreachable_at) == ([], INVITED + timedelta(days=7))
    else:
        assert (found, invitation.unreachable_at) == ([("reminder.first", goes)], None)


def invited(member) -> Invitation:
    """The invitation of an operation to come, sent."""
    operation = make_operation(member, planned_on=SURGERY)
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=INVITED)
    Message.objects.update(sent_at=INVITED)
    Invitation.objects.update(invited_at=INVITED)
    return Invitation.objects.get(follow_ups__operation=operation)


def queued(rule="reminder.first", channel="sms"):
    """A message that waits for a channel."""
    invitation = invited(person(MAIL, PHONE))
    return invitation, Message.objects.create(
        key=f"queued:{invitation.pk}:{rule}:{channel}:1",
        purpose=actions.PURPOSE,
        subject_id=invitation.pk,
        rule=rule,
        channel=channel,
        due_at=INVITED,
    )


def waiting():
    return list(
        Message.objects.filter(sent_at=None, withheld_at=None).values_list("rule", "channel")
    )


def withheld_at_sending(message) -> str:
    """What sending does with a message that its composer withholds."""
    state = mail.read([message.subject_id])[message.subject_id]
    [content] = mail.compose(
        [Wanted(message.subject_id, message.rule, state, message.channel)], INVITED
    )
    assert isinstance(content, Withheld)
    Message.objects.filter(pk=message.pk).update(
        withheld_at=INVITED, withheld_reason=content.reason
    )
    mail.note_withheld(message.subject_id, message.rule, INVITED)
    return content.reason


def test_what_waits_for_a_gateway_that_is_switched_off_goes_by_mail(settings):
    settings.SMS_GATEWAY_URL = GATEWAY
    _invitation, message = queued()
    actions.queue_reminders(now=INVITED)
    assert waiting() == [("reminder.first", "sms")]
    settings.SMS_GATEWAY_URL = ""
    actions.queue_reminders(now=INVITED)
    message.refresh_from_db()
    assert message.withheld_reason == "no_sms_gateway"
    assert waiting() == [("reminder.first", "email")]


def test_a_number_refused_after_queueing_sends_it_by_mail(settings):
    settings.SMS_GATEWAY_URL = GATEWAY
    invitation, message = queued()
    refuse(invitation.membership, "telephone")
    assert withheld_at_sending(message) == "refused"
    assert waiting() == [("reminder.first", "email")]
    invitation.refresh_from_db()
    assert invitation.unreachable_at is None


def test_with_no_other_way_the_patient_stands_in_the_worklist(settings):
    settings.SMS_GATEWAY_URL = GATEWAY
    invitation, message = queued()
    refuse(invitation.membership, "telephone", "email")
    withheld_at_sending(message)
    assert waiting() == []
    invitation.refresh_from_db()
    assert invitation.unreachable_at == INVITED


def test_what_is_withheld_for_an_answer_goes_no_other_way(settings):
    settings.SMS_GATEWAY_URL = GATEWAY
    invitation, message = queued()
    refuse(invitation.membership, "telephone")
    Invitation.objects.update(submitted_at=INVITED)
    assert withheld_at_sending(message) == "answered"
    assert waiting() == []


# --- Pre-notices -------------------------------------------------------------------------------

OPERATED = date(2025, 12, 1)  # asked a year after: opens on 17 November 2026
NOTICED = datetime(2026, 11, 10, 9, tzinfo=UTC)


def coming(member):
    operation = make_operation(member, performed_on=OPERATED)
    actions.create_schedule(operation_id=operation.pk)
    return FollowUp.objects.get(operation=operation, time_point="y1")


GUARDIAN = {"guardian_name": "Mor", "guardian_relation": "parent"}


@pytest.mark.parametrize(
    ("person_has", "gateway", "goes", "to"),
    [
        ({"email": MAIL, "telephone": PHONE}, True, "email", MAIL),
        ({"email": MAIL, "telephone": PHONE, "preferred": "sms"}, True, "sms", PHONE),
        ({"email": MAIL, "telephone": PHONE, "preferred": "sms"}, False, "email", MAIL),
        ({"telephone": PHONE}, True, "sms", PHONE),
        ({"telephone": PHONE}, False, None, None),
        ({"email": MAIL, "preferred": "letter"}, True, None, None),
        ({"email": MAIL, "telephone": PHONE, "preferred": "telephone"}, True, None, None),
        ({}, True, None, None),
        # A child's guardian, and the child where it has a part in the answers.
        ({"email": MAIL, "born": CHILD, "guardian_email": "mor@mail.example"}, True,
         "email", "mor@mail.example"),
        ({"email": MAIL, "born": CHILD, "guardian_telephone": "+4522222222"}, True,
         "sms", "+4522222222"),
        ({"email": MAIL, "born": CHILD}, True, "email", MAIL),
    ],
)  # fmt: skip
def test_a_notice_goes_to_whom_the_invitation_will_go_to(settings, person_has, gateway, goes, to):
    settings.SMS_GATEWAY_URL = GATEWAY if gateway else ""
    coming(person(**person_has))
    actions.queue_notices(now=NOTICED)
    assert list(Message.objects.values_list("channel", flat=True)) == ([goes] if goes else [])
    if goes:
        assert composed().to == to


def composed(now=NOTICED):
    message = Message.objects.get(withheld_at=None)
    state = notice.read([message.subject_id])[message.subject_id]
    wanted = Wanted(message.subject_id, message.rule, state, message.channel)
    return notice.compose([wanted], now)[0]


def test_a_notice_by_text_tells_the_day_and_nothing_clinical(settings):
    settings.SMS_GATEWAY_URL = GATEWAY
    coming(person(telephone=PHONE))
    actions.queue_notices(now=NOTICED)
    text = composed()
    assert isinstance(text, ComposedText)
    assert "2026" in text.text
    assert "http" not in text.text
    assert "opera" not in text.text.lower()


def test_a_guardian_is_told_of_the_child_in_the_guardians_language():
    member = person(MAIL, born=CHILD, guardian_email="mor@mail.example", **GUARDIAN)
    Patient.objects.filter(pk=member.patient_id).update(guardian_language="en")
    coming(member)
    actions.queue_notices(now=NOTICED)
    assert "your child" in composed().text
    assert "your child" in composed().html


def test_who_wants_no_more_reminders_gets_no_notice():
    member = person(MAIL)
    coming(member)
    actions.queue_notices(now=NOTICED)
    earlier = make_operation(member, planned_on=date(2026, 3, 1), group="scoliosis")
    actions.create_schedule(operation_id=earlier.pk)
    actions.invite_due(now=datetime(2026, 2, 20, 9, tzinfo=UTC), membership_ids=[member.pk])
    StoppedReminders.objects.create(invitation=Invitation.objects.get(), at=NOTICED)
    Invitation.objects.update(closes_on=date(2026, 3, 1))
    assert notice.compose([_wanted()], NOTICED) == [Withheld("stopped")]
    Message.objects.all().delete()
    actions.queue_notices(now=NOTICED)
    assert not Message.objects.exists()


def _wanted():
    message = Message.objects.get(purpose=actions.NOTICE_PURPOSE)
    return Wanted(
        message.subject_id, message.rule, notice.read([message.subject_id])[message.subject_id]
    )


def test_a_waiting_notice_ends_with_the_follow_up_and_comes_back_with_it():
    member = person(MAIL)
    coming(member)
    actions.queue_notices(now=NOTICED)
    Patient.objects.update(died_on=NOTICED.date())
    announce(PatientDied(member.patient_id, NOTICED.date()))
    assert Message.objects.get().withheld_reason == "no_longer_asked"
    actions.queue_notices(now=NOTICED)
    assert waiting() == []
    Patient.objects.update(died_on=None)
    announce(StatusRevoked(member.patient_id, "death"))
    actions.queue_notices(now=NOTICED)
    actions.queue_notices(now=NOTICED)
    assert waiting() == [("notice.notice", "email")]


def test_a_notice_of_an_operation_moved_away_is_withheld_and_comes_on_the_new_day():
    follow_up = coming(person(MAIL))
    actions.queue_notices(now=NOTICED)
    FollowUp.objects.filter(pk=follow_up.pk).update(
        opens_on=date(2026, 12, 17), due_on=date(2027, 1, 2), closes_on=date(2027, 5, 1)
    )
    assert composed() == Withheld("moved")
    Message.objects.update(withheld_at=NOTICED, withheld_reason="moved")
    actions.queue_notices(now=NOTICED)
    assert waiting() == []
    actions.queue_notices(now=datetime(2026, 12, 10, 9, tzinfo=UTC))
    assert waiting() == [("notice.notice", "email")]


def test_an_address_refused_to_a_notice_is_not_used_for_the_invitation():
    follow_up = coming(person(MAIL))
    what = Undelivered(follow_up.pk, "notice.notice", "email", address_refused=True, address=MAIL)
    notice.note_undelivered(what, NOTICED)
    assert PatientIdentity.objects.get().email_refused_at == NOTICED


# --- A new address -----------------------------------------------------------------------------

LATER = INVITED + timedelta(days=1)


@pytest.fixture
def stranded(clinician_of, time_at):
    """``stranded(**person)``: an invitation that reached nobody, and who may change the contact."""

    def make(**has):
        time_at(LATER)
        operation = make_operation(person(**has), planned_on=SURGERY)
        actions.create_schedule(operation_id=operation.pk)
        actions.invite_due(now=INVITED)
        Invitation.objects.update(created_at=INVITED)
        held = Invitation.objects.get(follow_ups__operation=operation)
        assert held.unreachable_at == INVITED
        return held, clinician_of(operation)

    return make


@pytest.fixture
def time_at(monkeypatch):
    return lambda now: monkeypatch.setattr("registry.core.clock.now", lambda: now)


@pytest.fixture
def clinician_of():
    def make(operation):
        UnitRelation.objects.create(
            membership=operation.membership, unit=operation.unit, since=OPERATED
        )
        return Viewer(None, (Grant(Role.COORDINATOR, "danespine", None),))

    return make


def tell(invitation, by, **contact):
    held = open_identity(invitation.membership.patient_id)
    told = {"address": "", "email": held.email, "telephone": held.telephone, "language": "da"}
    change_contact(by=by, membership=invitation.membership, **told | contact)
    invitation.refresh_from_db()


def lists(invitation, now=LATER):
    """In which of the worklists a patient stands."""
    called = telephone_worklist(COORDINATOR, "danespine", now=now, invitation_id=invitation.pk)
    letters = letters_to_print(COORDINATOR, "danespine", now=now)
    return bool(sum(called.by_place.values())), letters.filter(pk=invitation.pk).exists()


@pytest.mark.parametrize(
    ("has", "gateway", "told", "goes"),
    [
        ({}, False, {"email": MAIL}, "email"),
        ({"telephone": PHONE}, False, {"email": MAIL}, "email"),
        ({}, True, {"telephone": PHONE}, "sms"),
        ({"born": CHILD}, False, {"guardian_name": "Mor", "guardian_email": MAIL}, "email"),
        ({"email": MAIL, "preferred": "letter"}, False, {"preferred_channel": ""}, "email"),
        # Still nobody whom a message reaches.
        ({}, False, {"telephone": PHONE}, None),
        ({"telephone": PHONE}, True, {"telephone": ""}, None),
        ({}, False, {"email": MAIL, "telephone": PHONE, "preferred_channel": "telephone"}, None),
        ({}, False, {"email": MAIL, "address": "Vej 1", "preferred_channel": "letter"}, None),
    ],
)  # fmt: skip
def test_a_new_address_sends_the_invitation_once_and_ends_the_worklists(
    settings, stranded, has, gateway, told, goes
):
    settings.SMS_GATEWAY_URL = ""
    invitation, by = stranded(**has)
    assert any(lists(invitation))
    settings.SMS_GATEWAY_URL = GATEWAY if gateway else ""
    tell(invitation, by, **told)
    assert waiting() == ([("invitation", goes)] if goes else [])
    assert (invitation.unreachable_at is None) == bool(goes)
    assert any(lists(invitation)) == (not goes)


def test_two_corrections_before_sending_send_one_message(stranded):
    invitation, by = stranded()
    tell(invitation, by, email="wrong@mail.example")
    tell(invitation, by, email=MAIL)
    actions.invite_due(now=LATER)
    actions.queue_reminders(now=LATER)
    assert waiting() == [("invitation", "email")]


def test_a_bounced_address_that_is_corrected_sends_anew(time_at, clinician_of):
    time_at(LATER)
    operation_of = invited(person(MAIL)).follow_ups.get().operation
    invitation, by = Invitation.objects.get(), clinician_of(operation_of)
    mail.note_undelivered(
        Undelivered(invitation.pk, "invitation", "email", address_refused=True, address=MAIL),
        INVITED,
    )
    assert any(lists(invitation))
    tell(invitation, by, email="right@mail.example")
    assert waiting() == [("invitation", "email")]
    assert not any(lists(invitation))


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("submitted_at", INVITED),
        ("declined_at", INVITED),
        ("locked_at", INVITED),
        ("closes_on", INVITED.date() - timedelta(days=1)),
    ],
)
def test_what_is_over_is_not_sent_anew(stranded, change, value):
    invitation, by = stranded()
    earlier = {"opens_on": date(2026, 11, 1), "due_on": date(2026, 11, 1)}
    Invitation.objects.update(**{change: value} | (earlier if change == "closes_on" else {}))
    tell(invitation, by, email=MAIL)
    assert waiting() == []
    assert invitation.unreachable_at == INVITED


def test_who_does_not_take_part_is_not_sent_anything(stranded):
    invitation, by = stranded()
    opt_out(by=by, membership=invitation.membership, opted_out_on=LATER.date(), on=LATER.date())
    tell(invitation, by, email=MAIL)
    assert waiting() == []


def test_no_reminder_comes_right_after_an_invitation_sent_anew(stranded):
    invitation, by = stranded()
    Invitation.objects.update(invited_at=INVITED - timedelta(days=10))
    tell(invitation, by, email=MAIL)
    Message.objects.update(sent_at=LATER)
    actions.queue_reminders(now=LATER)
    assert waiting() == []
    actions.queue_reminders(now=LATER + timedelta(days=4))
    assert [rule for rule, _channel in waiting()] == ["reminder.first"]
