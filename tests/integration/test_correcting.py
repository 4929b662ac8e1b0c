"""Staff's page for correcting what a patient has answered."""

import pytest
import time_machine
from django.urls import reverse

from proms import actions
from proms.models import Invitation, Response, Score
from proms.questionnaire import form_for
from registry.registers.models import StaleSlice
from tests.integration.answering.pages import NOW, make_invitation, text


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def answered(db) -> Invitation:
    """Every ODI item answered with 1: a score of 20."""
    invitation = make_invitation()
    answers = {
        code: row.item.values[1] if row.item.values else int(row.item.minimum)
        for code, row in form_for(invitation.plan, "da").items.items()
    }
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    actions.submit(invitation_id=invitation.pk, now=NOW)
    return invitation


@pytest.fixture
def staff(client_of, answered):
    return client_of("coordinator", "danespine")


def address(invitation: Invitation) -> str:
    return reverse("proms:correct", args=["danespine", invitation.pk])


def on_screen(staff, invitation: Invitation, **changed: object) -> dict[str, object]:
    """What the browser would send: every field as the page shows it, but for the changed ones."""
    form = staff.get(address(invitation)).context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: "" if value is None else value for name, value in values.items()} | changed


def test_a_correction_shows_old_and_new_with_reason_and_scores_anew(staff, answered):
    StaleSlice.objects.all().delete()
    posted = on_screen(staff, answered, odi1="5", reason="Misread on paper")
    assert staff.post(address(answered), posted).status_code == 302
    response = Response.objects.get(current=True)
    assert response.answers["odi1"] == 5
    assert response.supersedes.answers["odi1"] == 1
    assert Score.objects.get(response=response, scale="odi").value == 28.0
    assert StaleSlice.objects.exists()
    page = staff.get(address(answered))
    assert page.status_code == 200
    [correction] = page.context["corrections"]
    assert correction.reason == "Misread on paper"
    assert correction.who == str(staff.user)
    words = form_for(answered.plan, "da").items["odi1"].words
    [change] = correction.changes
    assert (change.question, change.old, change.new) == (words.text, words.label(1), words.label(5))
    assert '<option value="" selected>' not in text(page)
    assert '<option value="">Not answered</option>' in text(page)
    assert f'<option value="5" selected lang="da">{words.label(5)}</option>' in text(page)
    assert f'Now: <span lang="da">{words.label(5)}</span>' in text(page)
    assert '<del lang="da">' in text(page)
    assert f'<span lang="da">{words.text}</span>' in text(page)  # the staff read English


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"odi1": "5", "reason": " "}, "reason"),
        ({"odi1": "9", "reason": "Misread"}, "odi1"),
        ({"vas_back": "101", "reason": "Misread"}, "vas_back"),
        ({"reason": "Misread"}, "__all__"),
    ],
    ids=["no reason", "no option", "off the line", "nothing changed"],
)
def test_what_cannot_be_corrected_is_said_beside_the_field(staff, answered, changed, field):
    page = staff.post(address(answered), on_screen(staff, answered, **changed))
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert Response.objects.get().answers["odi1"] == 1


def test_a_page_older_than_the_last_correction_overwrites_nothing(staff, answered):
    stale = on_screen(staff, answered, odi1="5", reason="Misread")
    staff.post(address(answered), on_screen(staff, answered, odi2="3", reason="Misread"))
    page = staff.post(address(answered), stale)
    assert page.status_code == 422
    now = Response.objects.get(current=True).answers
    assert (now["odi1"], now["odi2"]) == (1, 3)


def test_there_is_nothing_to_correct_before_an_answer_and_nobody_else_may(
    staff, client_of, answered, unit
):
    waiting = make_invitation()
    assert staff.get(address(waiting)).status_code == 404
    stranger = client_of("clinician", "danespine", unit("kollund"))
    assert stranger.get(address(answered)).status_code == 404
    assert stranger.post(address(answered), {"odi1": "5", "reason": "x"}).status_code == 404
    assert client_of("national_reader", "danespine").get(address(answered)).status_code == 404
    assert Response.objects.count() == 1
