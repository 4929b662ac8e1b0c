"""The top of an operation's page: its time points, how far each has come, and the main scales."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse

from patients.actions import seen_at
from proms import actions
from proms.questionnaire import form_for
from tests.integration.answering.pages import NOW, text
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db
TODAY = NOW.date()
DAY = "%-d %b %Y"


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def operation(unit):
    """Answered before surgery, asked at a year, to be asked at two."""
    operation = make_operation(
        make_member(), planned_on=TODAY + timedelta(days=20), unit=unit("glostrup-rygkirurgi")
    )
    seen_at({(operation.membership_id, operation.unit_id): TODAY})
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    invitation = operation.follow_ups.get(time_point="before").invitation
    answers = dict.fromkeys(form_for(invitation.plan, "da").items, 1)
    answers |= {"height_cm": 170, "weight_kg": 70, "vas_leg": 48}
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    actions.submit(invitation_id=invitation.pk, now=NOW)
    return operation


def page_of(client, operation) -> str:
    return text(client.get(reverse("procedures:detail", args=["danespine", operation.pk])))


def lines_of(page: str) -> dict[str, list[str]]:
    """The lines of the panel: name of the time point to the words of each cell."""
    panel = page.partition('id="operation-follow-up"')[2].partition("</section>")[0]
    rows = re.findall(r"<tr><th scope=\"row\">(.*?)</th>(.*?)</tr>", panel, re.S)
    return {
        name: [
            " ".join(re.sub(r"<[^>]+>", " ", cell).split())
            for cell in re.findall(r"<td[^>]*>(.*?)</td>", cells, re.S)
        ]
        for name, cells in rows
    }


def test_states_and_scores_stand_at_the_top_of_the_page(client_of, unit, operation):
    staff = client_of("clinician", "danespine", unit("glostrup-rygkirurgi"))
    page = page_of(staff, operation)
    lines = lines_of(page)
    day = TODAY.strftime(DAY)
    status, _due, *scores = lines["Before surgery"]
    assert status == f"Answered {day} Answers : Before surgery"
    assert scores == ["20.0", "48", "1", "1.00"]  # ODI, both pains as they were set, EQ-5D
    status, due, *scores = lines["1 year after"]
    opens = operation.follow_ups.get(time_point="y1").opens_on.strftime(DAY)
    assert status == f"Not yet open opens {opens}"
    assert due == (TODAY + timedelta(days=20 + 365)).strftime(DAY)
    assert scores == [""] * 4
    assert page.index("operation-follow-up") < page.index("Diagnosis and procedures")


def test_a_form_that_was_old_at_surgery_is_marked(client_of, unit, operation):
    staff = client_of("clinician", "danespine", unit("glostrup-rygkirurgi"))
    assert "Old: answered" not in page_of(staff, operation)
    operation.follow_ups.filter(time_point="before").update(old_at_surgery=True)
    assert "Old: answered long before the operation" in page_of(staff, operation)


def test_the_outcome_is_counted_as_published_reports_do(client_of, unit):
    """An ODI of 20 after a year; without a score before, nothing is said about getting better."""
    here = unit("glostrup-rygkirurgi")
    operated = TODAY - timedelta(days=370)
    operation = make_operation(make_member(), performed_on=operated, unit=here)
    seen_at({(operation.membership_id, here.pk): operated})
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    invitation = operation.follow_ups.get(time_point="y1").invitation
    answers = dict.fromkeys(form_for(invitation.plan, "da").items, 1)
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    actions.submit(invitation_id=invitation.pk, now=NOW)
    page = page_of(client_of("clinician", "danespine", here), operation)
    assert re.findall(r"<strong>(.*?):</strong> (.*?)</p>", page) == [
        ("ODI, 1 year after", "Success: at most 22 afterwards")
    ]


def test_who_may_not_open_the_operation_sees_nothing(client_of, unit, operation):
    for role, where in (("clinician", unit("capio")), ("national_reader", None)):
        page = client_of(role, "danespine", where).get(
            reverse("procedures:detail", args=["danespine", operation.pk])
        )
        assert page.status_code == 404
        assert "operation-follow-up" not in text(page)


def test_a_second_operation_at_another_unit_shows_its_own_time_points(client_of, unit, operation):
    other = make_operation(
        operation.membership,
        planned_on=TODAY + timedelta(days=25),
        group="cervical_radiculopathy",
        unit=unit("capio"),
    )
    seen_at({(other.membership_id, other.unit_id): TODAY})
    actions.create_schedule(operation_id=other.pk)
    page = page_of(client_of("clinician", "danespine", unit("capio")), other)
    assert lines_of(page)["Before surgery"][0].startswith("To be invited")
    assert "48" not in str(lines_of(page))
