"""The link: what opens it, what does not, and a form that was left too long."""

import re
from datetime import date, timedelta

import pytest
import time_machine
from django.test import Client

from proms import actions
from proms.links import token_for
from proms.models import Invitation, StartedForm
from registry.messaging.models import Message
from tests.integration.answering.pages import (
    BORN,
    NOW,
    form_code,
    let_in,
    link,
    make_invitation,
    number_of,
    text,
)

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
