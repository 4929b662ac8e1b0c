"""The patient's pages, from the link to the receipt, as a browser without scripts sees them."""

import re
import threading
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from proms import actions
from proms.links import token_for
from proms.models import Invitation, Response, Score, StartedForm
from proms.questionnaire import form_for
from registry.messaging.models import Message
from tests.unit.proms.factories import make_member, make_operation

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
BORN = {"day": "9", "month": "3", "year": "1950"}


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(NOW, tick=True):
        yield


def make_invitation(**member) -> Invitation:
    operation = make_operation(make_member(**member), planned_on=date(2026, 12, 20))
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    return Invitation.objects.get(follow_ups__operation=operation)


@pytest.fixture
def invitation(db) -> Invitation:
    return make_invitation()


def link(invitation: Invitation) -> str:
    return f"/q/{token_for(invitation.pk, invitation.generation)}/"


def let_in(client: Client, invitation: Invitation) -> None:
    assert client.post(link(invitation), BORN).url == "/q/form/"


def form_code(client: Client, page: str) -> str:
    return re.search(r'name="form" value="(\w+)"', client.get(page).content.decode()).group(1)


def text(response) -> str:
    return response.content.decode()


def answer_all(client: Client, invitation: Invitation) -> None:
    for page in form_for(invitation.plan, "da").pages:
        address = f"/q/form/{page.number}/"
        values = {
            row.code: row.item.values[1] if row.item.values else int(row.item.minimum)
            for row in page.rows
        }
        response = client.get(address)
        if response.status_code == 302:
            continue  # hidden by an earlier answer
        posted = client.post(address, {"form": form_code(client, address), **values})
        assert posted.status_code == 302, (address, text(posted))


# --- The link ---------------------------------------------------------------------------------


def test_looking_at_a_link_changes_nothing(client, invitation):
    before = Invitation.objects.values().get()
    page = client.get(link(invitation))
    assert page.status_code == 200
    assert Invitation.objects.values().get() == before
    assert not client.cookies.get("answering")
    assert page["Referrer-Policy"] == "strict-origin"
    assert "no-store" in page["Cache-Control"]


def test_the_page_speaks_the_patients_language(client, invitation):
    page = client.get(link(invitation))
    assert page["Content-Language"] == "da"
    assert "Hvornår er du født?" in text(page)


def test_the_birth_date_exchanges_the_link_for_a_cookie_and_a_clean_address(client, invitation):
    let_in(client, invitation)
    cookie = client.cookies["answering"]
    assert cookie["httponly"]
    assert cookie["path"] == "/q/"
    assert token_for(invitation.pk, 1) not in cookie.value
    assert client.get("/q/form/").status_code == 200


@pytest.mark.parametrize(
    "typed",
    [
        {"day": "31", "month": "2", "year": "1950"},
        {"day": "", "month": "3", "year": "1950"},
        {"day": "9", "month": "3", "year": "50"},
        {"day": "nine", "month": "3", "year": "1950"},
    ],
)
def test_a_date_that_is_none_is_explained_and_not_counted(client, invitation, typed):
    page = client.post(link(invitation), typed)
    assert page.status_code == 422
    assert f'value="{typed["day"]}"' in text(page)
    invitation.refresh_from_db()
    assert invitation.failed_attempts == 0


@pytest.mark.django_db(transaction=True)
def test_five_wrong_dates_lock_and_every_failure_is_committed(client):
    invitation = make_invitation()
    for failures in range(1, 6):
        page = client.post(link(invitation), {**BORN, "day": "8"})
        assert page.status_code == (422 if failures < 5 else 404)
        invitation.refresh_from_db()
        assert invitation.failed_attempts == failures
    assert client.post(link(invitation), BORN).status_code == 404


def test_links_that_do_not_open_look_the_same(invitation):
    def seen(address: str) -> str:
        page = Client().get(address)
        assert page.status_code == 404
        return re.sub(r"/q/[\w-]+/|value=\"[^\"]+\"", "", text(page))

    unknown = seen(f"/q/{'x' * 43}/")
    Invitation.objects.update(locked_at=NOW)
    locked = seen(link(invitation))
    Invitation.objects.update(locked_at=None, submitted_at=NOW)
    used = seen(link(invitation))
    Invitation.objects.update(
        submitted_at=None, closes_on=date(2026, 11, 1), due_on=date(2026, 11, 1)
    )
    expired = seen(link(invitation))
    assert unknown == locked == used == expired == seen("/q/short/")


def test_a_new_link_says_the_same_whether_there_was_one_to_send(client, invitation):
    Invitation.objects.update(locked_at=NOW)
    real = client.post(f"{link(invitation)}new/")
    none = client.post(f"/q/{'x' * 43}/new/")
    assert (real.status_code, none.status_code) == (200, 200)
    clean = re.compile(r"value=\"[^\"]+\"|/q/[\w-]+/")
    assert clean.sub("", text(real)) == clean.sub("", text(none))
    assert Message.objects.filter(rule="new_link").count() == 1


def test_a_revoked_link_ends_the_session_too(client, invitation):
    let_in(client, invitation)
    actions.send_new_link(invitation=invitation, now=NOW)
    assert client.get("/q/form/").status_code == 404


def test_without_a_cookie_the_form_is_closed(client, db):
    assert client.get("/q/form/1/").status_code == 404
    client.cookies["answering"] = "forged"
    assert client.get("/q/form/1/").status_code == 404


# --- The questions ----------------------------------------------------------------------------


def number_of(invitation: Invitation, code: str) -> int:
    pages = form_for(invitation.plan, "da").pages
    return next(page.number for page in pages if code in page.codes)


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
    assert response.status_code == 422
    assert 'value="skip"' in text(response)
    assert not StartedForm.objects.exists()
    assert client.post(page, {"form": form_code(client, page), "go": "skip"}).status_code == 302
    assert StartedForm.objects.get().answers == {"odi1": None}


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


def test_answers_by_telephone_are_marked(client_of, invitation):
    unit = invitation.follow_ups.get().operation.unit
    staff = client_of("coordinator", "danespine", None)
    assert unit is not None
    started = staff.post(
        reverse("proms:by_telephone", args=["danespine", invitation.pk]),
    )
    assert started.url == "/q/form/"
    answer_all(staff, invitation)
    staff.post("/q/form/send/", {"form": form_code(staff, "/q/form/review/")})
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
