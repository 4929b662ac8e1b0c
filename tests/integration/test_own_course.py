"""What patients see of their own results once they have sent."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.test import Client

from procedures.models import Operation
from proms import actions
from proms.models import Invitation
from proms.questionnaire import form_for
from proms.selectors import own_course
from tests.integration.answering.pages import let_in, text
from tests.unit.proms.factories import make_member, make_operation

SURGERY = date(2026, 12, 20)
BEFORE = datetime(2026, 12, 1, 9, tzinfo=UTC)
AFTER = datetime(2027, 12, 21, 9, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def answer(operation: Operation, now: datetime, option: int) -> Invitation:
    """The option numbered so for every question with options, ten times that on a line; sent."""
    actions.invite_due(now=now)
    invitation = Invitation.objects.get(follow_ups__operation=operation, submitted_at=None)
    answers = {
        code: row.item.values[option % len(row.item.values)] if row.item.values else 10 * option
        for code, row in form_for(invitation.plan, "da").items.items()
    }
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=now)
    actions.submit(invitation_id=invitation.pk, now=now)
    return invitation


@pytest.fixture
def operation() -> Operation:
    operation = make_operation(make_member(), planned_on=SURGERY)
    actions.create_schedule(operation_id=operation.pk)
    return operation


def receipt(client: Client, invitation: Invitation, now: datetime) -> str:
    """The page after sending, in the browser that had the form open."""
    with time_machine.travel(now):
        submitted_at = Invitation.objects.get(pk=invitation.pk).submitted_at
        Invitation.objects.filter(pk=invitation.pk).update(submitted_at=None)
        invitation.follow_ups.update(completed_on=None)
        let_in(client, invitation)
        Invitation.objects.filter(pk=invitation.pk).update(submitted_at=submitted_at)
        invitation.follow_ups.update(completed_on=now.date())
        return text(client.get("/q/form/thanks/"))


def test_the_course_is_told_in_words_and_drawn(client, operation):
    first = answer(operation, BEFORE, 3)
    page = receipt(client, first, BEFORE)
    assert "Hvor meget ryggen generer dig i hverdagen er 60 nu. Lavere er bedre." in page
    Operation.objects.update(performed_on=SURGERY, procedure_type="decompression")
    actions.move_schedules(operation_ids=[operation.pk])
    second = answer(operation, AFTER, 1)
    page = receipt(client, second, AFTER)
    assert "Smerten i dit ben var 30 før operationen og er 10 nu. Lavere er bedre." in page
    assert "generer dig i hverdagen var 60 før operationen og er 20 nu. Lavere er bedre." in page
    assert page.count('<rect width="60.0"') == 1
    assert "style=" not in page
    # The earlier form's receipt is about the same operation.
    assert [p.value for p in own_course(first.pk, ["odi"], on=AFTER.date())] == [60, 20]


def test_a_corrected_answer_counts_and_nobody_else_s(operation):
    invitation = answer(operation, BEFORE, 3)
    other = make_operation(make_member(), planned_on=SURGERY)
    actions.create_schedule(operation_id=other.pk)
    answer(other, BEFORE, 5)
    actions.correct_response(
        response=invitation.responses.get(), answers={"odi1": 5}, reason="misread", now=BEFORE
    )
    assert [p.value for p in own_course(invitation.pk, ["odi"], on=BEFORE.date())] == [64]


def test_a_register_that_shows_nothing_reads_nothing(operation, django_assert_num_queries):
    invitation = answer(operation, BEFORE, 3)
    with django_assert_num_queries(0):
        assert own_course(invitation.pk, [], on=BEFORE.date()) == []
