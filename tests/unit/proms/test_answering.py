"""Opening a link, answering, sending, correcting: the rules behind the patient's pages."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from proms import actions
from proms.links import TOKEN_LENGTH, token_for
from proms.models import FollowUp, Invitation, Response, Score, StartedForm
from proms.questionnaire import form_for
from proms.selectors import form_in_progress
from registry.audit.models import AccessLog
from registry.core.errors import RuleBroken
from registry.registers.actions import take_stale_slices
from registry.registers.selectors import stale_slices
from tests.unit.proms.factories import BIRTH_DATE, make_member, make_operation

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SURGERY = date(2026, 12, 20)


@pytest.fixture
def invitation(db) -> Invitation:
    operation = make_operation(make_member(), planned_on=SURGERY)
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    return Invitation.objects.get()


def token(invitation: Invitation) -> str:
    return token_for(invitation.pk, invitation.generation)


def answers_for(invitation: Invitation) -> dict[str, float]:
    return {
        row.code: (row.item.values[1] if row.item.values else int(row.item.minimum))
        for page in form_for(invitation.plan, "da").pages
        for row in page.rows
    }


def answer(invitation: Invitation, now=NOW, **changes) -> None:
    actions.save_answers(
        invitation_id=invitation.pk,
        answers={**answers_for(invitation), **changes},
        language="da",
        now=now,
    )


def test_a_token_is_256_bits(invitation):
    assert len(token(invitation)) == TOKEN_LENGTH


def test_the_right_birth_date_opens(invitation):
    opened = actions.confirm_birth_date(token=token(invitation), birth_date=BIRTH_DATE, now=NOW)
    assert opened.opened_at == NOW
    assert AccessLog.objects.get(action="open_link").outcome == "granted"


def test_five_wrong_dates_lock_even_the_right_one_out(invitation):
    for failures in range(1, 6):
        wrong = actions.confirm_birth_date(
            token=token(invitation), birth_date=date(1950, 3, 8), now=NOW
        )
        invitation.refresh_from_db()
        assert (wrong, invitation.failed_attempts) == (None, failures)
    assert invitation.locked_at == NOW
    assert (
        actions.confirm_birth_date(token=token(invitation), birth_date=BIRTH_DATE, now=NOW) is None
    )
    assert AccessLog.objects.filter(action="open_link", outcome="denied").count() == 5


def test_a_new_link_can_be_asked_for_with_a_locked_one(invitation):
    Invitation.objects.update(locked_at=NOW, failed_attempts=5)
    actions.ask_for_new_link(token=token(invitation), now=NOW)
    invitation.refresh_from_db()
    assert (invitation.generation, invitation.locked_at) == (2, None)


def test_asking_with_an_unknown_link_does_nothing(invitation):
    actions.ask_for_new_link(token="x" * TOKEN_LENGTH, now=NOW)
    invitation.refresh_from_db()
    assert invitation.generation == 1


def test_submitting_scores_and_completes(invitation):
    answer(invitation)
    take_stale_slices(stale_slices("danespine"))
    response = actions.submit(invitation_id=invitation.pk, now=NOW)
    assert response.answered_on == date(2026, 11, 20)
    assert Score.objects.get(response=response, scale="odi").value == 20.0
    assert Score.objects.get(response=response, scale="eq5d3l_index").variant == "dk"
    assert FollowUp.objects.get(time_point="before").completed_on == date(2026, 11, 20)
    assert not StartedForm.objects.exists()
    operation = FollowUp.objects.first().operation
    assert stale_slices("danespine") == [("danespine", operation.unit_id, 2026)]


def test_a_second_submit_changes_nothing(invitation):
    answer(invitation)
    first = actions.submit(invitation_id=invitation.pk, now=NOW)
    second = actions.submit(invitation_id=invitation.pk, now=NOW + timedelta(hours=1))
    assert second == first
    assert second.submitted_at == NOW
    assert Response.objects.count() == 1


def test_nothing_can_be_saved_after_sending(invitation):
    answer(invitation)
    actions.submit(invitation_id=invitation.pk, now=NOW)
    with pytest.raises(RuleBroken):
        answer(invitation)


def test_a_question_neither_answered_nor_skipped_stops_the_sending(invitation):
    held = answers_for(invitation)
    held.pop("odi3")
    actions.save_answers(invitation_id=invitation.pk, answers=held, language="da", now=NOW)
    with pytest.raises(RuleBroken):
        actions.submit(invitation_id=invitation.pk, now=NOW)
    assert not Response.objects.exists()
    assert not Score.objects.exists()


def test_a_skipped_question_is_missing_and_not_zero(invitation):
    answer(invitation, odi8=None, odi9=None, vas_back=None)
    response = actions.submit(invitation_id=invitation.pk, now=NOW)
    odi = Score.objects.get(response=response, scale="odi")
    assert (odi.value, odi.reason, odi.answered) == (None, "too_few_answers", 8)
    assert Score.objects.get(response=response, scale="vas_back").value is None


def test_a_form_begun_in_time_may_be_finished_late(invitation):
    begun = datetime(2026, 12, 20, 9, tzinfo=UTC)
    answer(invitation, now=begun)
    actions.submit(invitation_id=invitation.pk, now=begun + timedelta(days=10))
    assert FollowUp.objects.get(time_point="before").completed_on == date(2026, 12, 30)


def test_a_form_cannot_be_begun_after_closing(invitation):
    with pytest.raises(RuleBroken):
        answer(invitation, now=datetime(2026, 12, 21, 9, tzinfo=UTC))


def test_a_form_on_the_screen_at_midnight_of_the_last_day_may_be_finished(invitation):
    evening = datetime(2026, 12, 20, 22, 40, tzinfo=UTC)  # 23:40 in Copenhagen
    night = evening + timedelta(hours=1)
    actions.confirm_birth_date(token=token(invitation), birth_date=BIRTH_DATE, now=evening)
    answer(invitation, now=night)
    invitation.refresh_from_db()
    assert invitation.started_at == evening
    actions.submit(invitation_id=invitation.pk, now=night + timedelta(days=3))
    assert FollowUp.objects.get(time_point="before").completed_on == date(2026, 12, 24)


@pytest.mark.parametrize(
    ("opened", "answered"),
    [
        (datetime(2026, 12, 20, 22, tzinfo=UTC), datetime(2026, 12, 22, 9, tzinfo=UTC)),
        (datetime(2026, 12, 20, 23, 10, tzinfo=UTC), None),  # 00:10 in Copenhagen
    ],
)
def test_a_form_opened_and_left_is_closed(invitation, opened, answered):
    held = actions.confirm_birth_date(token=token(invitation), birth_date=BIRTH_DATE, now=opened)
    assert (held is None) == (answered is None)
    with pytest.raises(RuleBroken):
        answer(invitation, now=answered or opened)


def test_a_form_begun_is_closed_in_the_end(invitation):
    answer(invitation)
    with pytest.raises(RuleBroken):
        actions.submit(invitation_id=invitation.pk, now=datetime(2027, 1, 20, 9, tzinfo=UTC))


def test_one_response_counts_for_every_operation_asked_about():
    member = make_member()
    for side in ("left", "right"):
        operation = make_operation(member, planned_on=SURGERY, side=side)
        actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    invitation = Invitation.objects.get()
    answer(invitation)
    actions.submit(invitation_id=invitation.pk, now=NOW)
    assert FollowUp.objects.filter(completed_on=date(2026, 11, 20)).count() == 2


def test_a_correction_supersedes_and_keeps(invitation):
    answer(invitation)
    first = actions.submit(invitation_id=invitation.pk, now=NOW)
    corrected = actions.correct_response(
        response=first, answers={"odi1": 5}, reason="misread", now=NOW + timedelta(days=1)
    )
    first.refresh_from_db()
    assert (first.current, corrected.current, corrected.supersedes) == (False, True, first)
    assert corrected.answered_on == first.answered_on
    assert Score.objects.get(response=corrected, scale="odi").value == 28.0
    assert Score.objects.get(response=first, scale="odi").value == 20.0


def test_a_correction_is_checked_beside_its_item(invitation):
    answer(invitation)
    first = actions.submit(invitation_id=invitation.pk, now=NOW)
    with pytest.raises(RuleBroken) as raised:
        actions.correct_response(
            response=first, answers={"odi1": 9, "odi2": 1}, reason="misread", now=NOW
        )
    assert list(raised.value.message_dict) == ["odi1"]
    assert Response.objects.get().current


def test_a_form_that_was_only_read_is_not_taken_for_a_locked_one(invitation):
    answer(invitation)
    read = form_in_progress(invitation.pk)
    with pytest.raises(TypeError), transaction.atomic():
        actions.save_answers(
            invitation_id=invitation.pk, answers={"odi1": 5}, language="da", now=NOW, held=read
        )
    with pytest.raises(TypeError), transaction.atomic():
        actions.submit(invitation_id=invitation.pk, now=NOW, held=read)
    locked = actions.locked_form(invitation.pk)
    assert actions.submit(invitation_id=invitation.pk, now=NOW, held=locked).answers["odi1"] == 1


def test_nor_the_locked_form_of_another(invitation):
    answer(invitation)
    locked = actions.locked_form(invitation.pk)
    with pytest.raises(ValueError, match="not of"):
        actions.submit(invitation_id=invitation.pk + 1, now=NOW, held=locked)


@pytest.mark.django_db(transaction=True)
def test_a_form_is_locked_only_within_a_transaction(invitation):
    with pytest.raises(TransactionManagementError):
        actions.locked_form(invitation.pk)
