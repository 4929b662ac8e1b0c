"""``manage.py follow_ups``: what is due, sent, waiting and missed on a day, as CSV."""

import csv
from datetime import UTC, date, datetime
from io import StringIO

import pytest
from django.core.management import call_command

from proms import actions
from proms.models import FollowUp, Invitation
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db

# Operated on 1 December 2025: the year's questions open on 17 November 2026 and close on 30 May.
OPERATED = date(2025, 12, 1)
INVITED = datetime(2026, 11, 17, 9, tzinfo=UTC)


def told(on: str) -> dict[str, str]:
    """The line of the time point y1 on a day."""
    out = StringIO()
    call_command("follow_ups", register="danespine", on=date.fromisoformat(on), stdout=out)
    lines = csv.DictReader(StringIO(out.getvalue()))
    return next(line for line in lines if line["time_point"] == "y1")


@pytest.fixture
def asked() -> Invitation:
    operation = make_operation(make_member(), performed_on=OPERATED)
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=INVITED)
    Invitation.objects.update(invited_at=INVITED, opened_at=datetime(2026, 11, 20, 9, tzinfo=UTC))
    return Invitation.objects.get()


@pytest.mark.parametrize(
    ("on", "what", "invited_on"),
    [
        ("2026-11-16", "upcoming", ""),
        ("2026-11-17", "sent", "2026-11-17"),
        ("2026-11-20", "waiting", "2026-11-17"),
        ("2027-05-30", "waiting", "2026-11-17"),
        ("2027-05-31", "missed", "2026-11-17"),
    ],
)
def test_a_day_reads_as_it_was_or_as_it_will_be(asked, on, what, invited_on):
    line = told(on)
    assert (line["what"], line["invited_on"]) == (what, invited_on)


def test_what_was_not_asked_is_due():
    operation = make_operation(make_member(), performed_on=OPERATED)
    actions.create_schedule(operation_id=operation.pk)
    assert told("2026-11-17")["what"] == "due"


def test_an_answer_shows_from_its_day(asked):
    FollowUp.objects.filter(invitation=asked).update(completed_on=date(2026, 11, 25))
    assert (told("2026-11-24")["what"], told("2026-11-24")["completed_on"]) == ("waiting", "")
    assert told("2026-11-25")["completed_on"] == "2026-11-25"
    assert told("2026-11-25")["what"] == "answered"


def test_a_letter_is_sent_as_a_message_is(asked):
    Invitation.objects.update(opened_at=None, letter_printed_at=INVITED)
    assert told("2026-11-20")["what"] == "sent"
