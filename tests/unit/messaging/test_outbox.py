"""Queueing, claiming and marking; the sending itself is in tests/integration/test_outbox.py."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from registry.messaging import actions
from registry.messaging.actions import LEASE, MAX_ATTEMPTS, NewMessage
from registry.messaging.composing import ComposedMail
from registry.messaging.models import Message

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def message(subject_id: int = 1, rule: str = "invitation", due_at=NOW, **fields) -> NewMessage:
    return NewMessage("test", subject_id, rule, due_at, **fields)


def test_queueing_twice_is_queueing_once():
    assert actions.enqueue([message(), message(2)]) == 2
    assert actions.enqueue([message()]) == 0
    assert actions.enqueue([message(attempt=2)]) == 1


def test_many_messages_are_queued_in_one_statement():
    with CaptureQueriesContext(connection) as captured:
        actions.enqueue(message(number) for number in range(500))
    assert len(captured) == 1
    assert Message.objects.count() == 500


def test_first_messages_are_the_ones_that_would_be_queued_one_by_one():
    first = {"purpose": "test", "rule": "invitation", "subject_ids": [7, 8], "due_at": NOW}
    assert actions.enqueue_first(**first) == 2
    assert actions.enqueue([message(7), message(8)]) == 0
    with pytest.raises(IntegrityError), transaction.atomic():
        actions.enqueue_first(**first)


def test_a_claimed_message_is_left_alone_until_its_lease_ends():
    actions.enqueue([message()])
    assert len(actions.claim(now=NOW, limit=10)) == 1
    assert actions.claim(now=NOW, limit=10) == []
    assert actions.claim(now=NOW + LEASE - timedelta(seconds=1), limit=10) == []
    (again,) = actions.claim(now=NOW + LEASE, limit=10)
    assert again.attempts == 2


def test_what_is_due_later_is_not_claimed():
    actions.enqueue([message(due_at=NOW + timedelta(minutes=1))])
    assert actions.claim(now=NOW, limit=10) == []


def test_a_passing_refusal_waits_longer_each_time_and_is_given_up_in_the_end():
    actions.enqueue([message()])
    now, pauses = NOW, []
    for _ in range(MAX_ATTEMPTS - 1):
        (taken,) = actions.claim(now=now, limit=1)
        actions.put_back(taken, error="SMTP 451", now=now)
        taken.refresh_from_db()
        pauses.append(taken.due_at - now)
        now = taken.due_at
    assert pauses == sorted(pauses)
    assert pauses[0] == timedelta(minutes=2)
    (taken,) = actions.claim(now=now, limit=1)
    actions.put_back(taken, error="SMTP 451", now=now)
    taken.refresh_from_db()
    assert taken.failed_at == now
    assert actions.claim(now=now + timedelta(days=30), limit=1) == []


def test_marking_twice_tells_the_second_that_it_came_late():
    actions.enqueue([message()])
    (taken,) = actions.claim(now=NOW, limit=1)
    assert actions.mark_sent(taken, now=NOW)
    assert not actions.mark_failed(taken, error="late", now=NOW)
    taken.refresh_from_db()
    assert taken.failed_at is None


def test_a_released_message_has_not_used_up_an_attempt():
    actions.enqueue([message()])
    actions.release(actions.claim(now=NOW, limit=1), now=NOW)
    (taken,) = actions.claim(now=NOW, limit=1)
    assert taken.attempts == 1


def test_withholding_leaves_what_is_being_sent_and_the_rule_that_stays():
    actions.enqueue([message(rule="a"), message(rule="b"), message(rule="c")])
    (taken,) = actions.claim(now=NOW, limit=1)
    count = actions.withhold(
        purpose="test", subject_ids=[1], reason="overtaken", now=NOW, except_rule="c"
    )
    assert (taken.rule, count) == ("a", 1)


def test_the_message_id_stays_and_finds_its_message():
    actions.enqueue([message(), message(2)])
    one, other = Message.objects.order_by("pk")
    assert actions.message_id(one) == actions.message_id(Message.objects.get(pk=one.pk))
    assert actions.message_id(one) != actions.message_id(other)
    assert actions.message_of(actions.message_id(other)) == other
    made_up = actions.message_id(other).replace(f"<{other.pk}.", f"<{one.pk}.")
    for unknown in (made_up, "", "<>", "<1@mail.example>", "<99999999999999999999.x@y>"):
        assert actions.message_of(unknown) is None


def test_a_composed_mail_tells_nothing_in_logs():
    assert "someone@mail.example" not in repr(
        ComposedMail(to="someone@mail.example", subject="s", text="t")
    )
