"""The call log: what each outcome does, and what is refused."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from patients.models import PatientIdentity
from proms.actions import (
    create_schedule,
    decline,
    invite_due,
    log_call,
    undo_decline,
    void_call,
)
from proms.models import CallAttempt, CallOutcome, Invitation
from proms.selectors import telephone_worklist
from registry.accounts.models import Role
from registry.accounts.permissions import Grant, Viewer
from registry.core.errors import RuleBroken
from registry.messaging.models import Message
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
NOBODY = Viewer(user_id=None)


@pytest.fixture
def invitation() -> Invitation:
    operation = make_operation(make_member(email=None), performed_on=date(2025, 11, 10))
    create_schedule(operation_id=operation.pk)
    invite_due(now=NOW)
    return Invitation.objects.get(follow_ups__operation=operation)


def call(invitation, outcome, **more) -> CallAttempt:
    return log_call(by=NOBODY, invitation=invitation, outcome=outcome, now=NOW, **more)


@pytest.mark.parametrize("outcome", ["no_answer", "message_left", "answered"])
def test_a_call_is_noted(invitation, outcome):
    attempt = call(invitation, outcome, note="  Ring efter kl. 16  ")
    assert (attempt.invitation_id, attempt.at, attempt.outcome) == (invitation.pk, NOW, outcome)
    assert attempt.note == "Ring efter kl. 16"
    invitation.refresh_from_db()
    assert invitation.declined_at is None


def test_who_does_not_want_to_answer_is_asked_no_more(invitation):
    call(invitation, "declined")
    invitation.refresh_from_db()
    assert invitation.declined_at == NOW


@pytest.mark.parametrize("recipient", ["patient", "guardian"])
def test_a_wrong_number_is_called_no_more(invitation, recipient):
    PatientIdentity.objects.update(guardian_has_telephone=True)
    call(invitation, "wrong_number", recipient=recipient)
    identity = PatientIdentity.objects.get(patient=invitation.membership.patient)
    refused = {
        "patient": identity.telephone_refused_at,
        "guardian": identity.guardian_telephone_refused_at,
    }
    assert refused == {who: NOW if who == recipient else None for who in refused}


def test_a_call_back_has_a_moment_within_the_window(invitation):
    later = NOW + timedelta(days=2)
    assert call(invitation, "call_back", call_back_at=later).call_back_at == later


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        (None, "Say on which day"),
        (NOW, "passed already"),
        (NOW - timedelta(hours=1), "passed already"),
        (NOW + timedelta(days=900), "ends before that day"),
    ],
)
def test_an_impossible_call_back_is_refused_with_the_reason(invitation, moment, told):
    with pytest.raises(RuleBroken, match=told):
        call(invitation, "call_back", call_back_at=moment)
    assert not CallAttempt.objects.exists()


def test_a_moment_is_kept_for_a_call_back_alone(invitation):
    attempt = call(invitation, "no_answer", call_back_at=NOW + timedelta(days=1))
    assert attempt.call_back_at is None


def test_an_unknown_outcome_is_refused(invitation):
    with pytest.raises(RuleBroken, match="how the call ended"):
        call(invitation, "busy")


def test_a_button_pressed_twice_notes_one_call(invitation):
    call(invitation, "no_answer", seen=0)
    with pytest.raises(RuleBroken, match="noted meanwhile"):
        call(invitation, "no_answer", seen=0)
    assert CallAttempt.objects.count() == 1


def test_who_has_declined_meanwhile_is_not_called(invitation):
    decline(invitation=invitation, now=NOW)
    with pytest.raises(RuleBroken, match="declined"):
        call(invitation, "no_answer")


def test_after_the_window_nobody_is_called(invitation):
    with pytest.raises(RuleBroken, match="has passed"):
        log_call(
            by=NOBODY,
            invitation=invitation,
            outcome="no_answer",
            now=NOW + timedelta(days=600),
        )


def test_calls_have_a_history(invitation):
    attempt = call(invitation, "no_answer")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pgh_label FROM proms_callattemptevent WHERE id = %s", [attempt.pk])
        assert cursor.fetchall() == [("insert",)]


@pytest.mark.parametrize(
    "fields",
    [
        {"outcome": "busy"},
        {"outcome": CallOutcome.CALL_BACK},
        {"outcome": CallOutcome.CALL_BACK, "call_back_at": NOW},
        {"outcome": CallOutcome.NO_ANSWER, "call_back_at": NOW + timedelta(days=1)},
    ],
)
def test_the_database_refuses_what_makes_no_sense(invitation, fields):
    with pytest.raises(IntegrityError), transaction.atomic():
        CallAttempt.objects.create(invitation=invitation, at=NOW, **fields)


# --- By mistake --------------------------------------------------------------------------------

LATER = NOW + timedelta(minutes=5)


def void(attempt, reason="Forkert patient", now=LATER) -> None:
    void_call(by=NOBODY, attempt=attempt, reason=reason, now=now)


def listed(invitation) -> int:
    """How many calls the worklist knows of."""
    everybody = Viewer(None, (Grant(Role.COORDINATOR, "danespine", None),))
    asked = {"now": LATER, "invitation_id": invitation.pk}
    return telephone_worklist(everybody, "danespine", **asked).rows[0].calls


def test_a_call_noted_by_mistake_stays_in_the_log_and_counts_no_more(invitation):
    attempt = call(invitation, "no_answer")
    void(attempt)
    attempt.refresh_from_db()
    assert (attempt.voided_at, attempt.void_reason) == (LATER, "Forkert patient")
    assert listed(invitation) == 0
    call(invitation, "no_answer", seen=0)
    with pytest.raises(RuleBroken, match="already"):
        void(attempt)


def test_a_refusal_noted_by_mistake_is_taken_back(invitation):
    attempt = call(invitation, "declined")
    void(attempt)
    invitation.refresh_from_db()
    assert invitation.declined_at is None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.metadata->>'reason' FROM proms_invitationevent e"
            " JOIN pghistory_context c ON c.id = e.pgh_context_id"
            " WHERE e.id = %s ORDER BY e.pgh_id DESC LIMIT 1",
            [invitation.pk],
        )
        assert cursor.fetchone() == ("Forkert patient",)


def test_a_refusal_told_in_another_way_stays(invitation):
    attempt = call(invitation, "declined")
    Invitation.objects.update(declined_at=NOW - timedelta(days=1))
    void(attempt)
    invitation.refresh_from_db()
    assert invitation.declined_at == NOW - timedelta(days=1)


@pytest.mark.parametrize("recipient", ["patient", "guardian"])
def test_a_number_held_wrong_by_mistake_is_called_again(invitation, recipient):
    PatientIdentity.objects.update(guardian_has_telephone=True, email_refused_at=NOW)
    void(call(invitation, "wrong_number", recipient=recipient))
    identity = PatientIdentity.objects.get(patient=invitation.membership.patient)
    assert (identity.telephone_refused_at, identity.guardian_telephone_refused_at) == (None, None)
    assert identity.email_refused_at == NOW


def test_a_mistake_needs_a_reason(invitation):
    attempt = call(invitation, "no_answer")
    with pytest.raises(RuleBroken, match="why"):
        void(attempt, reason=" ")
    with pytest.raises(IntegrityError), transaction.atomic():
        CallAttempt.objects.filter(pk=attempt.pk).update(voided_at=NOW)


# --- A refusal taken back ----------------------------------------------------------------------


def test_who_did_not_decline_after_all_is_asked_again():
    operation = make_operation(make_member(), performed_on=date(2025, 11, 10))
    create_schedule(operation_id=operation.pk)
    invite_due(now=NOW)
    asked = Invitation.objects.get(follow_ups__operation=operation)
    decline(invitation=asked, now=NOW)
    assert not Message.objects.filter(withheld_at=None).exists()
    with pytest.raises(RuleBroken, match="why"):
        undo_decline(invitation=asked, reason="", now=LATER)
    undo_decline(invitation=asked, reason="Ny samtale", now=LATER)
    assert Message.objects.get(withheld_at=None).rule == "invitation"
    with pytest.raises(RuleBroken, match="not declined"):
        undo_decline(invitation=asked, reason="Igen", now=LATER)
