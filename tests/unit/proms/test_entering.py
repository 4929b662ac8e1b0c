"""Entering answers: once, or twice by two people; a response that came meanwhile counts."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from patients.models import Patient
from proms import actions
from proms.models import Entry, FollowUp, Invitation, Response, Score, StartedForm
from proms.questionnaire import form_for
from registry.accounts.models import User
from registry.accounts.permissions import Viewer
from registry.core.errors import RuleBroken
from registry.messaging.models import Message
from registry.registers.loader import parse_definition
from registry.registers.selectors import definition_for
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TODAY = date(2026, 11, 20)
SURGERY = date(2026, 12, 20)


@pytest.fixture
def invitation(db) -> Invitation:
    operation = make_operation(make_member(), planned_on=SURGERY)
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    return Invitation.objects.get()


@pytest.fixture
def people(db) -> list[Viewer]:
    return [
        Viewer(user_id=User.objects.create_user(f"{name}@clinic.example").pk, label=name)
        for name in ("anne", "bo", "carl")
    ]


@pytest.fixture
def twice(monkeypatch):
    """The register asks for double entry."""
    held = definition_for("danespine")
    proms = held.proms.model_copy(update={"double_entry": True})
    changed = held.model_copy(update={"proms": proms})
    monkeypatch.setattr("proms.actions.entering.definition_for", lambda *_which: changed)


def typed(invitation: Invitation, **changes: str) -> dict[str, str]:
    return {
        **{
            code: "2" if row.item.options else f"{row.item.minimum:g}"
            for code, row in form_for(invitation.plan, "da").items.items()
        },
        **changes,
    }


def enter(
    invitation: Invitation, by: Viewer, *, now=NOW, on=TODAY, method="paper", who="", **changes
):
    return actions.enter_answers(
        invitation_id=invitation.pk,
        typed=typed(invitation, **changes),
        answered_on=on,
        language="da",
        method=method,
        by=by,
        now=now,
        answered_by=who,
    )


def resolve(invitation: Invitation, by: Viewer, answered_on=None, *, who="", **decided):
    return actions.resolve_entries(
        invitation_id=invitation.pk,
        typed=decided,
        answered_on=answered_on,
        answered_by=who,
        by=by,
        now=NOW,
    )


# --- Once -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["paper", "telephone"])
def test_an_entry_becomes_a_response_as_on_the_web(invitation, people, method):
    response = enter(invitation, people[0], method=method, odi1="-").response
    assert (response.method, response.language, response.answered_on) == (method, "da", TODAY)
    assert response.answers["odi1"] is None
    assert response.answers["odi2"] == 1
    assert Score.objects.get(response=response, scale="odi").value == 20.0
    assert FollowUp.objects.get(time_point="before").completed_on == TODAY
    invitation.refresh_from_db()
    assert invitation.submitted_at == NOW
    assert not Message.objects.filter(sent_at__isnull=True, withheld_at__isnull=True).exists()
    entry = Entry.objects.get()
    assert (entry.entered_by_id, entry.response, entry.answers["odi1"]) == (
        people[0].user_id,
        response,
        "-",
    )


def test_the_day_counts_on_which_the_patient_answered(invitation, people):
    response = enter(invitation, people[0], on=TODAY - timedelta(days=6)).response
    assert response.answered_on == TODAY - timedelta(days=6)
    assert response.submitted_at == NOW
    assert FollowUp.objects.get(time_point="before").completed_on == TODAY - timedelta(days=6)


def test_a_form_filled_in_on_the_last_day_counts_when_it_comes_later(invitation, people):
    late = NOW + timedelta(days=35)
    assert enter(invitation, people[0], now=late, on=SURGERY).response is not None
    assert FollowUp.objects.get(time_point="before").completed_on == SURGERY


@pytest.mark.parametrize(
    ("days", "allowed"),
    [
        pytest.param(1, False, id="tomorrow"),
        pytest.param(0, True, id="today"),
        pytest.param(-60, True, id="the day it opened"),
        pytest.param(-61, False, id="before it opened"),
    ],
)
def test_when_a_patient_may_have_answered(invitation, people, days, allowed):
    assert invitation.opens_on == TODAY - timedelta(days=60)
    if allowed:
        assert enter(invitation, people[0], on=TODAY + timedelta(days=days)).response
        return
    with pytest.raises(RuleBroken) as refused:
        enter(invitation, people[0], on=TODAY + timedelta(days=days))
    assert refused.value.message_dict.keys() == {"answered_on"}
    assert not Entry.objects.exists()


def test_after_the_last_day_it_is_too_late(invitation, people):
    with pytest.raises(RuleBroken) as refused:
        enter(invitation, people[0], now=NOW + timedelta(days=40), on=SURGERY + timedelta(days=1))
    assert refused.value.message_dict.keys() == {"answered_on"}


def test_what_is_wrong_stands_beside_the_question_and_nothing_is_kept(invitation, people):
    with pytest.raises(RuleBroken) as refused:
        enter(invitation, people[0], odi1="7", odi2="")
    assert refused.value.message_dict.keys() == {"odi1", "odi2"}
    assert not Entry.objects.exists()
    assert not Response.objects.exists()


def test_an_empty_form_is_not_entered(invitation, people):
    with pytest.raises(RuleBroken):
        enter(invitation, people[0], **dict.fromkeys(typed(invitation), "-"))


def test_an_answer_on_the_web_that_came_meanwhile_counts(invitation, people):
    form = form_for(invitation.plan, "da")
    answers = dict.fromkeys(form.items) | {"odi1": 3}
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    web = actions.submit(invitation_id=invitation.pk, now=NOW)
    with pytest.raises(actions.AnsweredMeanwhile):
        enter(invitation, people[0])
    assert Response.objects.get() == web
    assert not Entry.objects.exists()


def test_a_form_only_begun_on_the_web_is_overtaken(invitation, people):
    actions.save_answers(invitation_id=invitation.pk, answers={"odi1": 5}, language="da", now=NOW)
    response = enter(invitation, people[0]).response
    assert response.answers["odi1"] == 1
    assert not StartedForm.objects.exists()


@pytest.mark.parametrize("event", ["declined", "censored"])
def test_who_is_not_asked_any_more_is_not_entered(invitation, people, event):
    if event == "declined":
        actions.decline(invitation=invitation, now=NOW)
    else:
        FollowUp.objects.update(censored_on=TODAY, censor_reason="opt_out")
    with pytest.raises(RuleBroken):
        enter(invitation, people[0])


# --- Twice ------------------------------------------------------------------------------------


def test_the_first_entry_waits_and_answers_nothing(invitation, people, twice):
    assert enter(invitation, people[0]) == actions.Entered()
    assert not Response.objects.exists()
    assert FollowUp.objects.get(time_point="before").completed_on is None


def test_two_equal_entries_are_submitted(invitation, people, twice):
    enter(invitation, people[0])
    response = enter(invitation, people[1], odi1="2").response
    assert response.method == "paper"
    entries = Entry.objects.order_by("position")
    assert [(one.entered_by_id, one.response) for one in entries] == [
        (people[0].user_id, response),
        (people[1].user_id, response),
    ]


def test_the_same_person_corrects_the_first_entry_and_is_no_second(invitation, people, twice):
    enter(invitation, people[0])
    assert enter(invitation, people[0], odi1="5") == actions.Entered()
    entry = Entry.objects.get()
    assert (entry.position, entry.answers["odi1"]) == (1, "5")


def test_the_database_too_wants_another_person(invitation, people, twice):
    enter(invitation, people[0])
    with (
        pytest.raises(IntegrityError, match="entry_second_by_another_person"),
        transaction.atomic(),
    ):
        Entry.objects.create(
            invitation=invitation,
            position=2,
            method="paper",
            language="da",
            answered_on=TODAY,
            answers={},
            entered_by_id=people[0].user_id,
            entered_at=NOW,
        )


def test_entries_that_differ_wait_until_the_paper_has_decided(invitation, people, twice):
    enter(invitation, people[0], odi1="2", odi2="3")
    assert enter(invitation, people[1], odi1="4", odi2="3") == actions.Entered(differs=True)
    assert not Response.objects.exists()
    with pytest.raises(RuleBroken) as refused:
        resolve(invitation, people[1])
    assert refused.value.message_dict.keys() == {"odi1"}
    response = resolve(invitation, people[1], odi1="3", odi2="6")
    assert response.answers["odi1"] == 2  # neither had it right
    assert response.answers["odi2"] == 2  # what both say is not open any more
    assert Entry.objects.filter(response=response).count() == 2


def test_two_dates_are_decided_too(invitation, people, twice):
    enter(invitation, people[0], on=TODAY - timedelta(days=1))
    assert enter(invitation, people[1], on=TODAY).differs
    with pytest.raises(RuleBroken) as refused:
        resolve(invitation, people[0])
    assert refused.value.message_dict.keys() == {"answered_on"}
    response = resolve(invitation, people[0], TODAY - timedelta(days=1))
    assert response.answered_on == TODAY - timedelta(days=1)


@pytest.fixture
def child(invitation):
    Patient.objects.filter(memberships__invitations=invitation).update(birth_date=date(2016, 3, 9))


def test_who_answered_for_a_child_is_decided_too(invitation, people, twice, child):
    enter(invitation, people[0], who="patient", odi1="2")
    assert enter(invitation, people[1], who="guardian", odi1="2").differs
    assert not Response.objects.exists()
    with pytest.raises(RuleBroken) as refused:
        resolve(invitation, people[0])
    assert refused.value.message_dict.keys() == {"answered_by"}
    with pytest.raises(RuleBroken):
        resolve(invitation, people[0], who="somebody")
    assert resolve(invitation, people[0], who="patient").answered_by == "patient"


def test_two_entries_that_say_the_same_of_a_child_are_submitted(invitation, people, twice, child):
    enter(invitation, people[0], who="guardian")
    assert enter(invitation, people[1], who="guardian").response.answered_by == "guardian"


def test_a_third_person_and_a_late_first_are_sent_to_the_comparison(invitation, people, twice):
    enter(invitation, people[0])
    enter(invitation, people[1], odi1="4")
    for person in (people[2], people[0]):
        with pytest.raises(RuleBroken):
            enter(invitation, person)
    assert enter(invitation, people[1], odi1="2").response  # a slip of the second, mended


def test_an_answer_on_the_web_between_two_entries_counts(invitation, people, twice):
    enter(invitation, people[0])
    form = form_for(invitation.plan, "da")
    actions.save_answers(
        invitation_id=invitation.pk,
        answers=dict.fromkeys(form.items, None) | {"odi1": 3},
        language="da",
        now=NOW,
    )
    web = actions.submit(invitation_id=invitation.pk, now=NOW)
    with pytest.raises(actions.AnsweredMeanwhile):
        enter(invitation, people[1])
    assert Response.objects.get() == web


def test_entries_can_be_discarded_until_they_are_the_answers(invitation, people, twice):
    enter(invitation, people[0])
    actions.discard_entries(invitation_id=invitation.pk)
    assert not Entry.objects.exists()
    enter(invitation, people[0])
    enter(invitation, people[1])
    with pytest.raises(RuleBroken):
        actions.discard_entries(invitation_id=invitation.pk)
    assert Entry.objects.count() == 2


def test_answers_by_telephone_are_entered_once(invitation, people, twice):
    assert enter(invitation, people[0], method="telephone").response is not None


def test_a_call_does_not_overtake_a_form_being_entered(invitation, people, twice):
    enter(invitation, people[0])
    with pytest.raises(RuleBroken):
        enter(invitation, people[1], method="telephone")


def test_double_entry_is_a_word_of_the_definition():
    definition = definition_for("danespine")
    assert definition.proms.double_entry is False
    data = definition.model_dump(mode="json", by_alias=True, exclude_unset=True)
    data["proms"]["double_entry"] = True
    assert parse_definition(data, file="test.toml").proms.double_entry is True
