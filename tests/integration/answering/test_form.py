"""The form behind the link, from the first question to the receipt, and what staff see of it."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from proms import actions
from proms.models import FollowUp, Invitation, Response, Score, StartedForm
from proms.questionnaire import form_for
from tests.integration.answering.pages import (
    NOW,
    answer_all,
    form_code,
    let_in,
    link,
    make_invitation,
    number_of,
    text,
)

# --- The questions ----------------------------------------------------------------------------


def test_looking_at_a_question_changes_nothing(client, invitation):
    let_in(client, invitation)
    client.get(f"/q/form/{number_of(invitation, 'odi1')}/")
    invitation.refresh_from_db()
    assert invitation.started_at is None
    assert not StartedForm.objects.exists()


def test_an_answer_is_kept_and_the_next_page_comes(client, invitation):
    let_in(client, invitation)
    number = number_of(invitation, "odi1")
    page = f"/q/form/{number}/"
    response = client.post(page, {"form": form_code(client, page), "odi1": "2", "go": "next"})
    assert response.url == f"/q/form/{number + 1}/"
    assert StartedForm.objects.get().answers == {"odi1": 2}
    assert re.search(r'name="odi1" value="2" checked', text(client.get(page)))
    invitation.refresh_from_db()
    assert invitation.started_at is not None


def test_next_without_an_answer_says_what_to_do_and_offers_to_skip(client, invitation):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'odi1')}/"
    response = client.post(page, {"form": form_code(client, page), "go": "next"})
    # A page of its own: going back in the browser must not lead to one that was posted.
    assert response.url == f"{page}?left=1"
    assert 'value="skip"' in text(client.get(response.url))
    assert 'value="skip"' not in text(client.get(page))
    assert not StartedForm.objects.exists()
    assert client.post(page, {"form": form_code(client, page), "go": "skip"}).status_code == 302
    assert StartedForm.objects.get().answers == {"odi1": None}


def test_rows_that_were_answered_are_kept_when_one_is_left(client, invitation):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'symptom_duration_limb')}/"
    typed = {"form": form_code(client, page), "symptom_duration_limb": "3"}
    asked_again = client.post(page, typed).url
    assert asked_again == f"{page}?left=1"
    assert StartedForm.objects.get().answers == {"symptom_duration_limb": 3}
    assert text(client.get(asked_again)).count("is-wrong") == 1
    skipped = {"form": form_code(client, page), "symptom_duration_limb": "3", "go": "skip"}
    client.post(asked_again, skipped)
    assert StartedForm.objects.get().answers == {
        "symptom_duration_axial": None,
        "symptom_duration_limb": 3,
    }


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ({"height_cm": "168"}, {"height_cm": 168, "weight_kg": None}),
        ({"height_cm": "168 cm", "weight_kg": "82KG"}, {"height_cm": 168, "weight_kg": 82}),
        ({}, {"height_cm": None, "weight_kg": None}),
        ({"height_cm": "1,68"}, "Skriv et helt tal fra 80 til 230 cm."),
        ({"height_cm": "168", "weight_kg": "82,5"}, "Skriv et helt tal fra 20 til 300 kg."),
    ],
)
def test_height_and_weight_as_people_type_them(client, invitation, typed, kept):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'height_cm')}/"
    response = client.post(page, {"form": form_code(client, page), **typed})
    if isinstance(kept, str):
        assert response.status_code == 422
        assert kept in text(response)
        assert not StartedForm.objects.exists()
    else:
        assert response.status_code == 302
        assert StartedForm.objects.get().answers == kept


@pytest.mark.parametrize("value", ["9", "-1", "x", "1.5"])
def test_an_answer_that_is_no_option_is_refused(client, invitation, value):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'odi1')}/"
    response = client.post(page, {"form": form_code(client, page), "odi1": value})
    assert response.status_code == 422
    assert not StartedForm.objects.exists()


@pytest.mark.parametrize(
    ("typed", "status"), [("0", 302), ("100", 302), ("101", 422), ("5,5", 422)]
)
def test_a_scale_takes_whole_numbers_from_0_to_100(client, invitation, typed, status):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'vas_back')}/"
    response = client.post(page, {"form": form_code(client, page), "vas_back": typed})
    assert response.status_code == status
    if status == 422:
        assert f'value="{typed}"' in text(response)


def test_nothing_is_preset_on_a_scale(client, invitation):
    let_in(client, invitation)
    page = text(client.get(f"/q/form/{number_of(invitation, 'vas_back')}/"))
    assert re.search(r'name="vas_back"[^>]*value=""', page)


def test_changing_the_language_keeps_what_was_just_chosen(client, invitation):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'odi1')}/"
    response = client.post(page, {"form": form_code(client, page), "odi1": "3", "language": "sv"})
    assert response.url == page
    shown = client.get(page)
    assert shown["Content-Language"] == "sv"
    assert re.search(r'name="odi1" value="3" checked', text(shown))
    assert StartedForm.objects.get().language == "sv"


def test_the_language_switch_goes_nowhere_else(client, invitation):
    let_in(client, invitation)
    for elsewhere in ("https://evil.example/q/", "//evil.example/q/", "/accounts/"):
        response = client.post("/q/language/", {"language": "sv", "next": elsewhere})
        assert response.url == "/q/form/"


def test_a_tab_of_another_form_is_refused(client, invitation):
    let_in(client, invitation)
    stale = form_code(client, "/q/form/1/")
    other = make_invitation()
    let_in(client, other)
    response = client.post("/q/form/1/", {"form": stale, "height_cm": "170"})
    assert response.status_code == 409
    assert not StartedForm.objects.exists()


@dataclass(frozen=True)
class Refused:
    """A request that a question page must refuse, and what it answers."""

    why: str
    status: int
    says: str
    posted: dict[str, str]
    page: str = "odi1"
    before: Callable[[Client, Invitation], object] = lambda _client, _invitation: None


def submitted(client: Client, invitation: Invitation) -> None:
    """The patient sends in another tab."""
    answer_all(client, invitation)
    client.post("/q/form/send/", {"form": form_code(client, "/q/form/review/")})


def declined(_client: Client, invitation: Invitation) -> None:
    actions.decline(invitation=invitation, now=NOW)


def died(_client: Client, invitation: Invitation) -> None:
    FollowUp.objects.update(censored_on=date(2026, 11, 20), censor_reason="death")


def another_form(client: Client, _invitation: Invitation) -> None:
    """The same browser opens another patient's link."""
    let_in(client, make_invitation())


NO_OPTION = "Vælg et af svarene"
REFUSED = [
    Refused("above the options", 422, NO_OPTION, {"odi1": "6"}),
    Refused("below the options", 422, NO_OPTION, {"odi1": "-1"}),
    Refused("between the options", 422, NO_OPTION, {"odi1": "1.5"}),
    Refused("not a number", 422, NO_OPTION, {"odi1": "<b>"}),
    Refused("no number at all", 422, NO_OPTION, {"odi1": "nan"}),
    Refused("endless", 422, NO_OPTION, {"odi1": "1e999"}),
    Refused("off the line", 422, "fra 0 til 100", {"vas_back": "101"}, page="vas_back"),
    Refused("of another question", 200, "Vælg et svar", {"odi2": "1"}),
    Refused("skipped, and an answer of another question", 200, "", {"go": "skip", "odi2": "1"}),
    Refused("another patient's form", 409, "et andet skema", {"odi1": "2"}, before=another_form),
    Refused("no form named", 409, "et andet skema", {"odi1": "2", "form": ""}),
    Refused("after sending", 409, "er allerede sendt", {"odi1": "2"}, before=submitted),
    Refused("after declining", 409, "ikke vil svare", {"odi1": "2"}, before=declined),
    Refused("after the follow-up ended", 409, "længere", {"odi1": "2"}, before=died),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.why)
def test_a_bad_answer_is_refused_clearly_and_changes_nothing(client, invitation, case):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, case.page)}/"
    form = form_code(client, page)
    case.before(client, invitation)

    def kept() -> list[object]:
        return [
            list(model.objects.order_by("pk").values())
            for model in (StartedForm, Response, Score, FollowUp)
        ]

    before = kept()
    answer = client.post(page, {"form": form, **case.posted}, follow=True)
    assert answer.status_code == case.status
    assert case.says in text(answer)
    if case.posted.get("go") == "skip":
        assert StartedForm.objects.get().answers == {"odi1": None}
    else:
        assert kept() == before


@pytest.mark.django_db(transaction=True)
def test_two_answers_to_one_question_at_once_leave_one_of_them():
    invitation = make_invitation()
    together = threading.Barrier(2)
    outcomes: list[int] = []

    def answer(value: str) -> None:
        try:
            client = Client()
            let_in(client, invitation)
            page = f"/q/form/{number_of(invitation, 'odi1')}/"
            form = form_code(client, page)
            together.wait(timeout=20)
            outcomes.append(client.post(page, {"form": form, "odi1": value}).status_code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=answer, args=(value,)) for value in ("1", "4")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert outcomes == [302, 302]
    assert StartedForm.objects.get().answers in ({"odi1": 1}, {"odi1": 4})


def test_the_language_can_be_changed_on_pages_that_answer_a_post(client, invitation):
    let_in(client, invitation)
    for address in ("/q/sent/", "/q/form/send/", "/q/form/review/"):
        changed = client.post("/q/language/", {"language": "sv", "next": address})
        assert changed.url == address
        assert client.get(address, follow=True).status_code == 200


def test_a_question_page_costs_few_queries(client, invitation):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'odi1')}/"
    client.get(page)
    with CaptureQueriesContext(connection) as captured:
        client.get(page)
    statements = [q["sql"] for q in captured if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(statements) <= 4, statements


# --- Sending ----------------------------------------------------------------------------------


def test_the_whole_form_from_link_to_receipt(client, invitation):
    let_in(client, invitation)
    answer_all(client, invitation)
    review = client.get("/q/form/review/")
    assert "Send mine svar" in text(review)
    sent = client.post("/q/form/send/", {"form": form_code(client, "/q/form/review/")})
    assert sent.url == "/q/form/thanks/"
    assert "Tak" in text(client.get(sent.url))
    response = Response.objects.get()
    assert (response.language, response.method) == ("da", "web")
    assert Score.objects.get(response=response, scale="odi").value == 20.0
    # A second submit, a question page and the start all lead to the same receipt.
    assert client.post("/q/form/send/").url == "/q/form/thanks/"
    assert client.get("/q/form/1/").url == "/q/form/thanks/"
    assert Response.objects.count() == 1


def test_history_tells_where_the_answers_came_from(client, invitation):
    """What is written is planned once, and history is told apart from it."""
    let_in(client, invitation)
    answer_all(client, invitation)
    client.post("/q/form/send/", {"form": form_code(client, "/q/form/review/")})
    followed = FollowUp.objects.get(invitation=invitation)
    written = [
        Response.pgh_event_model.objects.get(),
        Invitation.pgh_event_model.objects.filter(pgh_obj_id=invitation.pk).latest("pgh_id"),
        FollowUp.pgh_event_model.objects.filter(pgh_obj_id=followed.pk).latest("pgh_id"),
    ]
    assert {one.pgh_context.metadata["source"] for one in written} == {"POST /q/form/send/"}
    assert len({one.pgh_context_id for one in written}) == 1


def test_sending_a_form_costs_few_queries(client, invitation):
    let_in(client, invitation)
    answer_all(client, invitation)
    form = form_code(client, "/q/form/review/")
    with CaptureQueriesContext(connection) as captured:
        client.post("/q/form/send/", {"form": form})
    statements = [q["sql"] for q in captured if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))]
    assert len(statements) <= 3, statements
    assert Response.objects.exists()


def test_the_policy_of_pages_is_the_same_everywhere(client, invitation):
    for address in (link(invitation), "/q/form/", "/accounts/login/", "/nowhere/"):
        policy = client.get(address).headers["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "script-src 'self'"} < set(policy), address


def test_review_shows_what_is_left_and_sends_nothing_before(client, invitation):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'odi1')}/"
    form = form_code(client, page)
    client.post(page, {"form": form, "odi1": "2"})
    assert "/q/form/1/?from=review" in text(client.get("/q/form/review/"))
    assert client.post("/q/form/send/", {"form": form}).status_code == 409
    assert not Response.objects.exists()


def test_a_change_from_review_leads_back_to_it(client, invitation):
    let_in(client, invitation)
    answer_all(client, invitation)
    page = f"/q/form/{number_of(invitation, 'odi1')}/?from=review"
    response = client.post(page, {"form": form_code(client, page), "odi1": "4"})
    assert response.url == "/q/form/review/"
    back = {"form": form_code(client, page), "odi1": "4", "go": "back"}
    assert client.post(page, back).url == "/q/form/review/"


@pytest.mark.django_db(transaction=True)
def test_two_submits_at_once_make_one_response():
    invitation = make_invitation()
    answers = {
        row.code: row.item.values[0] if row.item.values else int(row.item.minimum)
        for page in form_for(invitation.plan, "da").pages
        for row in page.rows
    }
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    together = threading.Barrier(2)
    made: list[int] = []

    def submit() -> None:
        try:
            together.wait(timeout=10)
            made.append(actions.submit(invitation_id=invitation.pk, now=NOW).pk)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=submit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert len(made) == 2
    assert made[0] == made[1]
    assert Response.objects.count() == 1


# --- Staff ------------------------------------------------------------------------------------


def test_answers_by_telephone_are_typed_on_one_page_and_marked(client_of, invitation):
    staff = client_of("coordinator", "danespine", None)
    started = staff.post(reverse("proms:by_telephone", args=["danespine", invitation.pk]))
    page = staff.get(started.url)
    assert page.status_code == 200
    items = form_for(invitation.plan, "da").items
    typed = {c: "2" if row.item.options else f"{row.item.minimum:g}" for c, row in items.items()}
    sent = staff.post(started.url, {**typed, "answered_on": "2026-11-20"})
    assert sent.url == reverse("patients:detail", args=["danespine", invitation.membership_id])
    assert Response.objects.get().method == "telephone"


def test_another_unit_does_not_reach_the_invitation(client_of, invitation, unit):
    stranger = client_of("clinician", "danespine", unit("kollund"))
    for what in ("send", "new-link", "decline", "unreachable"):
        address = reverse(
            "proms:act",
            kwargs={"register": "danespine", "invitation": invitation.pk, "what": what},
        )
        assert stranger.post(address).status_code == 404
    invitation.refresh_from_db()
    assert invitation.declined_at is None


def test_the_worklist_shows_whom_to_call(client_of, db):
    make_invitation(email=None)
    staff = client_of("coordinator", "danespine", None)
    page = staff.get(reverse("proms:worklist", args=["danespine"]))
    assert page.status_code == 200
    assert "Karen" in text(page)
