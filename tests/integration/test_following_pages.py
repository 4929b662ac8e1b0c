"""Following up as a coordinator does it, by requests as a browser without scripts makes them."""

import csv
import io
from calendar import monthrange
from dataclasses import asdict
from datetime import date, timedelta
from html import unescape

import pytest
from django.urls import reverse

from patients import vault
from patients.actions import seen_at
from patients.models import Patient, PatientIdentity
from proms.actions import create_schedule, invite_due, print_form
from proms.forecast import (
    Calendar,
    Load,
    calendar,
    month_of,
    silent_share,
    week_of,
    year_after,
)
from proms.models import CallAttempt, FollowUp, Invitation
from registry.accounts.selectors import viewer_for
from registry.audit.models import AccessLog
from registry.core import clock
from registry.core.errors import NotAllowed
from registry.messaging.actions import note_bounce
from registry.messaging.models import Message
from registry.registers.schema.followup import TimePointOverride
from registry.registers.selectors import definition_for
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db


@pytest.fixture
def unit_here(unit):
    return unit("glostrup-rygkirurgi")


def to_be_called(unit, **member) -> Invitation:
    """A patient without an e-mail address whose 1-year form is open and due."""
    today = clock.today()
    operation = make_operation(
        make_member(email=None, **member), performed_on=today - timedelta(days=370), unit=unit
    )
    seen_at({(operation.membership_id, unit.pk): today - timedelta(days=370)})
    create_schedule(operation_id=operation.pk)
    invite_due(now=clock.now(), membership_ids=[operation.membership_id])
    return Invitation.objects.get(follow_ups__operation=operation)


@pytest.fixture
def staff(client_of, unit_here):
    return client_of("coordinator", "danespine", unit_here)


def address(name, *arguments):
    return reverse(f"proms:{name}", args=["danespine", *arguments])


def text(response) -> str:
    return response.content.decode()


def test_a_call_is_logged_and_the_patient_leaves_the_list(staff, unit_here):
    invitation = to_be_called(unit_here)
    page = text(staff.get(address("telephone")))
    assert 'href="tel:+4500000000"' in page
    assert "No message reaches the patient" in page
    back = address("telephone") + "?show=now"
    answer = staff.post(
        address("log_call", invitation.pk),
        {"outcome": "no_answer", "seen": "0", "note": "Ring aften", "back": back},
    )
    assert (answer.status_code, answer["Location"]) == (302, back)
    attempt = CallAttempt.objects.get()
    assert (attempt.outcome, attempt.note, attempt.by) == ("no_answer", "Ring aften", staff.user)
    assert AccessLog.objects.filter(action="call", patient_id=invitation.membership.patient_id)
    assert "tel:" not in text(staff.get(address("telephone")))
    assert "Ring aften" in text(staff.get(address("telephone") + "?show=later"))


def test_an_answer_by_telephone_opens_the_form(staff, unit_here):
    invitation = to_be_called(unit_here)
    answer = staff.post(address("log_call", invitation.pk), {"outcome": "answered"})
    assert answer.status_code == 302
    assert answer["Location"] != address("telephone")
    assert CallAttempt.objects.get().outcome == "answered"


def test_to_call_back_needs_a_moment(staff, unit_here):
    invitation = to_be_called(unit_here)
    wrong = staff.post(address("log_call", invitation.pk), {"outcome": "call_back"}, follow=True)
    assert "Say on which day" in text(wrong)
    assert not CallAttempt.objects.exists()
    tomorrow = clock.today() + timedelta(days=1)
    done = staff.post(
        address("log_call", invitation.pk),
        {"outcome": "call_back", "call_back_at": f"{tomorrow}T10:30"},
        follow=True,
    )
    assert "10:30" in text(done)


def test_nobody_is_sent_to_another_site(staff, unit_here):
    invitation = to_be_called(unit_here)
    answer = staff.post(
        address("log_call", invitation.pk),
        {"outcome": "no_answer", "back": "https://evil.example/"},
    )
    assert answer["Location"] == address("telephone")


def test_the_worklist_acts_and_comes_back(staff, unit_here):
    operation = make_operation(
        make_member(), performed_on=clock.today() - timedelta(days=370), unit=unit_here
    )
    seen_at({(operation.membership_id, unit_here.pk): clock.today()})
    create_schedule(operation_id=operation.pk)
    page = text(staff.get(address("worklist")))
    assert "Send now" in page
    back = address("worklist") + "?show=todo"
    answer = staff.post(address("invite", operation.membership_id), {"back": back})
    assert answer["Location"] == back
    assert Invitation.objects.exists()


def test_home_says_whom_to_call(staff, unit_here):
    invitation = to_be_called(unit_here)
    page = text(staff.get(reverse("home_of", args=["danespine"])))
    assert "1 patient is to be called." in page
    assert f"#call-{invitation.pk}" in page
    member = invitation.membership
    assert f"{vault.open_identity(member.patient_id).name} " in page
    assert AccessLog.objects.filter(action="list", patient_id=member.patient_id)


def test_units_stand_in_the_nordic_alphabet(client_of, unit):
    for code in ("aarhus-hjerne-rygkirurgi", "silkeborg-ortopaedkirurgi", "capio"):
        to_be_called(unit(code))
    staff = client_of("coordinator", "danespine", None)
    staff.user.language = "da"
    staff.user.save()
    page = text(staff.get(address("worklist")))
    table = page[page.index('id="by-unit"') :]
    places = [table.index(name) for name in ("Capio", "Silkeborg", "Aarhus")]
    assert places == sorted(places)


# --- Response rates ----------------------------------------------------------------------------


def test_response_rates_as_page_file_and_api(staff, client_of, unit_here):
    for _ in range(6):
        to_be_called(unit_here)
    page = text(staff.get(address("rates")))
    assert "Of 6 follow-ups that were due, 0 % were answered" in page
    assert "between eligible and reachable: 6" in page
    file = staff.get(address("rates") + "?format=csv")
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig")), delimiter=";"))
    own = next(row for row in rows if row["Unit"] == unit_here.name)
    # Registered after the fact: nobody was asked before surgery, which is counted apart.
    told = ("Eligible", "Reachable", "Never asked", "All follow-ups")
    assert [own[name] for name in told] == ["6", "0", "6", "12"]
    answer = staff.get("/api/v1/registers/danespine/response-rates/", {"by": "time_point"}).json()
    assert {row["key"] for row in answer["rows"]} == {"before", "y1"}
    assert answer["total"]["steps"]["eligible"] == 6
    assert answer["total"]["not_counted"] == {"not_due": 0, "censored": 0, "not_asked": 6}
    by_unit = staff.get("/api/v1/registers/danespine/response-rates/").json()
    assert by_unit["rows"][0]["key"] == unit_here.code


def test_a_wrong_question_is_explained(staff):
    page = text(staff.get(address("rates"), {"due_from": "2026-05-01", "due_to": "2026-04-01"}))
    assert "The period ends before it begins." in page
    answer = staff.get("/api/v1/registers/danespine/response-rates/", {"by": "shoe_size"})
    assert answer.status_code == 400
    assert "by" in answer.json()


# --- The calendar ------------------------------------------------------------------------------


def expected(staff, on, **asked) -> dict[str, float]:
    held = calendar(viewer_for(staff.user, on=on), "danespine", on=on, **asked)
    whole = Load()
    for load in held.days.values():
        whole = whole.plus(load)
    told = {name: round(value, 2) for name, value in asdict(whole).items()}
    return {name: value for name, value in told.items() if value}


def test_a_patient_to_be_invited_brings_reminders_and_perhaps_a_call(staff, unit_here):
    on = clock.today()
    operation = make_operation(make_member(), performed_on=on - timedelta(days=300), unit=unit_here)
    create_schedule(operation_id=operation.pk)
    FollowUp.objects.exclude(time_point="y1").delete()
    # Three reminders, and a notice that is none: 0.53 answer in four equal parts.
    still_silent = [1 - part * 0.53 / 4 for part in (1, 2, 3)]
    told = {"invitations": 1.0, "reminders": round(sum(still_silent), 2)}
    told |= {"emails": sum(told.values()), "calls": 0.47}
    assert expected(staff, on) == told
    assert expected(staff, on, unit_id=unit_here.pk + 1) == {}
    held = calendar(viewer_for(staff.user, on=on), "danespine", on=on)
    opens = on + timedelta(days=51)
    assert held.days[unit_here.pk, opens].invitations == 1
    months = held.by(month_of)
    assert len(months) == 12
    assert months[month_of(opens)][unit_here.pk].invitations == 1
    assert sum(load.calls for loads in held.by(week_of).values() for load in loads.values()) > 0.4


def test_whom_no_message_reaches_is_called_at_once(staff, unit_here):
    to_be_called(unit_here)
    on = clock.today()
    FollowUp.objects.filter(invitation=None).delete()
    assert expected(staff, on) == {"calls": 1}
    page = text(staff.get(address("calendar")))
    assert "Probable calls" in page


REMINDER = {"key": "text", "after": "invitation", "days": 5, "channel": "sms"}


@pytest.mark.parametrize(
    ("gateway", "known", "reminders", "work"),
    [
        (False, {}, [], {"emails": 1, "invitations": 1, "calls": 0.47}),
        (True, {"preferred": "sms"}, [], {"texts": 1, "invitations": 1, "calls": 0.47}),
        (False, {"preferred": "sms"}, [], {"emails": 1, "invitations": 1, "calls": 0.47}),
        (True, {}, [REMINDER],
         {"emails": 1, "texts": 0.73, "invitations": 1, "reminders": 0.73, "calls": 0.47}),
        (False, {}, [REMINDER], {"emails": 1.73, "invitations": 1, "reminders": 0.73,
                                 "calls": 0.47}),
        (True, {"preferred": "letter"}, [], {"letters": 1, "calls": 0.47}),
        (True, {"preferred": "letter", "telephone": False}, [], {"letters": 1}),
        (True, {}, [REMINDER | {"channel": "letter"}],
         {"emails": 1, "invitations": 1, "letters": 0.73, "calls": 0.47}),
        (True, {"preferred": "telephone"}, [], {"calls": 1}),
        (False, {"email": None}, [], {"calls": 1}),
    ],
)  # fmt: skip
def test_work_is_counted_by_the_channel_and_by_the_groups_own_rules(
    staff, unit_here, settings, monkeypatch, gateway, known, reminders, work
):
    settings.SMS_GATEWAY_URL = "http://sms.example" if gateway else ""
    on, preferred = clock.today(), known.get("preferred", "")
    member = make_member(**{name: value for name, value in known.items() if name == "email"})
    Patient.objects.filter(pk=member.patient_id).update(preferred_channel=preferred)
    PatientIdentity.objects.filter(patient=member.patient).update(
        has_telephone=known.get("telephone", True)
    )
    operation = make_operation(member, performed_on=on - timedelta(days=300), unit=unit_here)
    create_schedule(operation_id=operation.pk)
    FollowUp.objects.exclude(time_point="y1").delete()
    point = definition_for("danespine").time_points["y1"]
    override = TimePointOverride(groups=[operation.group], reminders=reminders)
    monkeypatch.setitem(point.__dict__, "overrides", (override,))
    assert expected(staff, on) == work


def test_after_a_letter_comes_a_call_and_no_second_letter(staff, unit_here):
    invitation = to_be_called(unit_here)
    on = clock.today()
    FollowUp.objects.filter(invitation=None).delete()
    print_form(invitation_id=invitation.pk, language="da", by=viewer_for(staff.user, on=on),
               now=clock.now(), by_post=True)  # fmt: skip
    assert expected(staff, on) == {"calls": 0.47}
    [(_unit, day)] = calendar(viewer_for(staff.user, on=on), "danespine", on=on).days
    assert day == on + timedelta(days=21)
    Invitation.objects.update(letter_printed_at=clock.now() - timedelta(days=30))
    assert expected(staff, on) == {"calls": 1}


@pytest.mark.parametrize("month", range(1, 13))
@pytest.mark.parametrize("day", [1, 15, 31])
@pytest.mark.parametrize("year", [2027, 2028])
def test_a_year_has_twelve_months_and_no_broken_week_at_its_end(year, month, day):
    on = date(year, month, min(day, monthrange(year, month)[1]))
    held = Calendar(on, {(1, on): Load(calls=1), (1, year_after(on) - timedelta(days=1)): Load()})
    months, weeks = held.by(month_of), held.by(week_of)
    assert len(months) == 12
    assert max(weeks) + timedelta(days=7) == week_of(year_after(on))
    assert (min(months), min(weeks)) == (month_of(on), week_of(on))
    assert months[month_of(on)][1].calls == weeks[week_of(on)][1].calls == 1


def test_the_year_from_a_leap_day_has_twelve_months():
    assert len(Calendar(date(2028, 2, 29), {}).by(month_of)) == 12


def test_the_dead_are_expected_to_bring_nothing(staff, unit_here):
    invitation = to_be_called(unit_here)
    FollowUp.objects.update(censored_on=clock.today(), censor_reason="death")
    Patient.objects.filter(pk=invitation.membership.patient_id).update(died_on=clock.today())
    assert expected(staff, clock.today()) == {}


def test_the_silent_share_falls_to_what_is_published():
    assert [round(silent_share(sent, 2), 3) for sent in range(3)] == [0.823, 0.647, 0.47]


def test_who_does_not_follow_up_sees_no_calendar(client_of):
    reader = client_of("national_reader", "danespine", None)
    with pytest.raises(NotAllowed):
        calendar(viewer_for(reader.user, on=clock.today()), "danespine", on=clock.today())


# --- Mistakes, and messages that did not arrive -------------------------------------------------


def test_a_mistaken_call_and_refusal_are_taken_back_on_the_patients_page(staff, unit_here):
    invitation = to_be_called(unit_here)
    patient = reverse("patients:detail", args=["danespine", invitation.membership_id])
    staff.post(address("log_call", invitation.pk), {"outcome": "declined", "seen": "0"})
    page = text(staff.get(patient))
    assert "Take the refusal back" in page
    call = CallAttempt.objects.get()
    for told in ({"call": "", "reason": "x"}, {"call": call.pk, "reason": ""}):
        staff.post(address("void_call", invitation.pk), told)
        call.refresh_from_db()
        assert call.voided_at is None
    staff.post(address("void_call", invitation.pk), {"call": call.pk, "reason": "Forkert kort"})
    page = text(staff.get(patient))
    assert "Forkert kort" in page
    assert "Take the refusal back" not in page
    staff.post(address("act", invitation.pk, "decline"))
    staff.post(address("undo_decline", invitation.pk), {"reason": "Misforstået"})
    invitation.refresh_from_db()
    assert invitation.declined_at is None


def mailed(unit) -> tuple[Invitation, Message]:
    """A patient whose invitation went out by e-mail."""
    today = clock.today()
    operation = make_operation(make_member(), performed_on=today - timedelta(days=370), unit=unit)
    seen_at({(operation.membership_id, unit.pk): today})
    create_schedule(operation_id=operation.pk)
    invite_due(now=clock.now(), membership_ids=[operation.membership_id])
    invitation = Invitation.objects.get(follow_ups__operation=operation)
    Message.objects.filter(subject_id=invitation.pk).update(sent_at=clock.now(), attempts=1)
    Invitation.objects.filter(pk=invitation.pk).update(invited_at=clock.now())
    return invitation, Message.objects.get(subject_id=invitation.pk)


@pytest.mark.parametrize(
    ("became", "says"),
    [
        ({}, None),
        ({"bounced": "4.2.2"}, "The mailbox does not take it; it may be full. (4.2.2)"),
        ({"bounced": "5.7.1"}, "A rule or a filter refused it, for example as spam. (5.7.1)"),
        ({"bounced": "delayed"}, "It is delayed; the other mail server goes on trying."),
        ({"bounced": "failed"}, "It was not taken, and no reason was given."),
        ({"error": "SMTP 451 4.4.1"}, "The other mail server was not reached. (4.4.1)"),
        ({"error": "TimeoutError"}, "It was not taken, and no reason was given. (TimeoutError)"),
        ({"error": "HTTP 422", "channel": "sms"}, "The text message was not taken. (HTTP 422)"),
    ],
)
def test_what_did_not_arrive_is_told_with_the_reason_and_what_to_do(staff, unit_here, became, says):
    invitation, message = mailed(unit_here)
    if "bounced" in became:
        note_bounce(message, status=became["bounced"], now=clock.now())
    elif "error" in became:
        Message.objects.update(
            sent_at=None, failed_at=clock.now(), last_error=became["error"], attempts=8,
            channel=became.get("channel", "email"),
        )  # fmt: skip
    page = unescape(text(staff.get(address("worklist"))))
    if says is None:
        assert "did not arrive" not in page
        return
    assert says in page
    assert ("given up after 8 attempts" in page) == ("error" in became)
    for action in ("send", "unreachable"):
        assert address("act", invitation.pk, action) in page
    staff.post(address("act", invitation.pk, "send"))
    assert "did not arrive" not in text(staff.get(address("worklist")))


def test_other_units_messages_are_not_told(client_of, unit, unit_here):
    _invitation, message = mailed(unit_here)
    note_bounce(message, status="4.2.2", now=clock.now())
    other = client_of("coordinator", "danespine", unit("silkeborg-ortopaedkirurgi"))
    assert "did not arrive" not in text(other.get(address("worklist")))


def test_an_answered_form_is_no_problem_any_more(staff, unit_here):
    _invitation, message = mailed(unit_here)
    note_bounce(message, status="4.2.2", now=clock.now())
    FollowUp.objects.update(completed_on=clock.today())
    assert "did not arrive" not in text(staff.get(address("worklist")))


def test_who_gets_a_letter_is_not_to_be_called(staff, unit_here):
    invitation = to_be_called(unit_here)
    page = text(staff.get(address("worklist")))
    assert f'href="{address("telephone")}?unit=' in page
    Patient.objects.filter(pk=invitation.membership.patient_id).update(preferred_channel="letter")
    page = text(staff.get(address("worklist")))
    assert f'href="{address("telephone")}?unit=' not in page
    assert "Print a letter" in page
