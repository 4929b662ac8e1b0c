"""The patient's pages, from the link to the receipt, as a browser without scripts sees them."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
import time_machine
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from proms import actions
from proms.links import token_for
from proms.models import FollowUp, Invitation, Response, Score, StartedForm
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
    Invitation.objects.update(closes_on=date(2026, 12, 20))
    old = link(invitation)
    actions.send_new_link(invitation=Invitation.objects.get(), now=NOW)
    revoked = seen(old)
    assert unknown == locked == used == expired == revoked == seen("/q/short/")


def test_a_new_link_says_the_same_whether_there_was_one_to_send(client, invitation):
    Invitation.objects.update(locked_at=NOW)
    real = client.post(f"{link(invitation)}new/")
    none = client.post(f"/q/{'x' * 43}/new/")
    assert (real.status_code, none.status_code) == (302, 302)
    assert real.url == none.url == "/q/sent/"
    assert client.get("/q/sent/").status_code == 200
    assert Message.objects.filter(rule="new_link").count() == 1


def test_a_revoked_link_opens_nothing_and_can_ask_for_another(client, invitation):
    first = link(invitation)
    actions.send_new_link(invitation=invitation, now=NOW)
    assert client.get(first).status_code == 404
    assert client.post(first, BORN).status_code == 404
    client.post(f"{first}new/")
    assert Message.objects.filter(rule="new_link").count() == 2
    invitation.refresh_from_db()
    assert client.get(link(invitation)).status_code == 200


def test_nobody_can_fill_a_mailbox_with_new_links(client, invitation):
    first = link(invitation)
    for _attempt in range(5):
        client.post(f"{first}new/")
    links = Message.objects.filter(rule="new_link")
    assert links.count() == 3
    generation = Invitation.objects.get().generation
    with time_machine.travel(NOW + timedelta(days=1, minutes=1)):
        client.post(f"{first}new/")
    assert links.count() == 4
    assert Invitation.objects.get().generation == generation + 1


def test_a_new_link_for_a_form_begun_in_time_comes_after_closing_too(client, invitation):
    actions.save_answers(invitation_id=invitation.pk, answers={"odi1": 2}, language="da", now=NOW)
    with time_machine.travel(NOW + timedelta(days=45)):
        assert client.get(link(invitation)).status_code == 200
        client.post(f"{link(invitation)}new/")
    assert Message.objects.filter(rule="new_link").count() == 1


@pytest.mark.parametrize("ended", ["opted_out_on", "died_on", "emigrated_on"])
def test_a_form_begun_in_time_is_not_finished_by_who_no_longer_takes_part(
    client, invitation, ended
):
    actions.save_answers(invitation_id=invitation.pk, answers={"odi1": 2}, language="da", now=NOW)
    member = invitation.membership
    held = member if ended == "opted_out_on" else member.patient
    type(held).objects.filter(pk=held.pk).update(**{ended: date(2027, 1, 2)})
    with time_machine.travel(NOW + timedelta(days=45)):
        assert client.get(link(invitation)).status_code == 404


def test_a_revoked_link_ends_the_session_too(client, invitation):
    let_in(client, invitation)
    actions.send_new_link(invitation=invitation, now=NOW)
    assert client.get("/q/form/").status_code == 404


def test_without_a_cookie_the_form_is_closed(client, db):
    assert client.get("/q/form/1/").status_code == 404
    client.cookies["answering"] = "forged"
    assert client.get("/q/form/1/").status_code == 404


# --- Left too long ----------------------------------------------------------------------------


def hidden(page: str) -> dict[str, str]:
    fields = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page)
    return {name: value for name, value in fields if name != "csrfmiddlewaretoken"}


def test_what_is_typed_when_the_time_is_up_is_kept_after_the_birth_date(client, invitation):
    let_in(client, invitation)
    page = f"/q/form/{number_of(invitation, 'odi1')}/"
    posted = {"form": form_code(client, page), "odi1": "2", "go": "next"}
    with time_machine.travel(NOW + timedelta(hours=5)):
        asked = client.post(page, posted)
        assert asked.status_code == 403
        assert "Velkommen tilbage" in text(asked)
        assert hidden(text(asked)) == posted
        assert not StartedForm.objects.exists()
        wrong = client.post(page, {**posted, **BORN, "day": "8"})
        assert wrong.status_code == 422
        assert hidden(text(wrong)) == posted
        assert not StartedForm.objects.exists()
        on = client.post(page, {**posted, **BORN})
        assert on.status_code == 302
        assert StartedForm.objects.get().answers == {"odi1": 2}
        assert client.get(on.url).status_code == 200


def test_a_page_looked_at_after_the_time_asks_and_then_shows_itself(client, invitation):
    let_in(client, invitation)
    with time_machine.travel(NOW + timedelta(hours=5)):
        assert client.get("/q/form/review/").status_code == 403
        assert client.post("/q/form/review/", BORN).url == "/q/form/review/"
        assert client.get("/q/form/review/").status_code == 200


def test_five_wrong_dates_lock_here_too(client, invitation):
    let_in(client, invitation)
    with time_machine.travel(NOW + timedelta(hours=5)):
        codes = [client.post("/q/form/", {**BORN, "day": "8"}).status_code for _ in range(5)]
        assert codes == [422, 422, 422, 422, 404]
        assert client.post("/q/form/", BORN).status_code == 404


@pytest.mark.parametrize("ended", ["after a week", "revoked", "submitted"])
def test_a_pass_that_is_past_it_opens_nothing(client, invitation, ended):
    let_in(client, invitation)
    later = NOW + (timedelta(days=8) if ended == "after a week" else timedelta(hours=5))
    if ended == "revoked":
        actions.send_new_link(invitation=invitation, now=NOW)
    elif ended == "submitted":
        Invitation.objects.update(submitted_at=NOW)
    with time_machine.travel(later):
        assert client.get("/q/form/1/").status_code == 404
        assert client.post("/q/form/1/", BORN).status_code == 404


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
