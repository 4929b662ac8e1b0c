"""The demo's mailbox: what is sent by SMTP is what a visitor reads."""

import smtplib
import time
from datetime import UTC, date, datetime
from email.message import EmailMessage

import pytest

from demo import mailbox, smtp_sink
from proms import actions
from proms.links import token_for
from proms.models import Invitation
from tests.unit.proms.factories import make_member, make_operation

DAY = date(2026, 12, 20)
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def message(subject="Questionnaire", body="Open http://127.0.0.1:8000/q/abc", *, to="a@b.example"):
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "registry@registry.example", to, subject
    made.set_content(body)
    return made


@pytest.fixture
def pages(settings, tmp_path):
    settings.DATA_DIR = tmp_path
    return tmp_path / "mailbox"


def test_what_is_sent_by_smtp_is_kept(tmp_path):
    sink = smtp_sink.start(tmp_path / "mailbox")
    try:
        with smtplib.SMTP("127.0.0.1", sink.port) as client:
            for subject in ("Første", "Anden"):
                client.send_message(message(subject, "Blåbær på rødgrød"))
    finally:
        sink.stop()

    names = mailbox.names(tmp_path / "mailbox")
    newest, oldest = (mailbox.read(tmp_path / "mailbox", name) for name in names)
    assert (newest.subject, oldest.subject) == ("Anden", "Første")
    assert newest.recipient == "a@b.example"
    assert newest.body == "Blåbær på rødgrød"
    assert abs(newest.received.timestamp() - time.time()) < 60


def test_of_a_message_in_html_the_text_is_shown(tmp_path):
    made = EmailMessage()
    made["To"], made["Subject"] = "a@b.example", "x"
    made.set_content("<p>Two &lt; three</p>", subtype="html")
    name = mailbox.store(tmp_path, made.as_bytes())
    assert mailbox.read(tmp_path, name).body == "Two < three"


@pytest.mark.parametrize("name", ["../passwords.json", "x.eml", "0" * 19 + "-0001.eml", ""])
def test_only_messages_are_read(tmp_path, name):
    (tmp_path / "passwords.json").write_text("{}")
    folder = tmp_path / "mailbox"
    folder.mkdir()
    with pytest.raises(mailbox.NoSuchMail):
        mailbox.read(folder, name)


def test_an_empty_mailbox_says_what_will_be_there(pages, client, db):
    answer = client.get("/demo/mailbox")
    assert answer.status_code == 200
    assert "No message yet" in answer.content.decode()


def test_pages_list_messages_and_show_one_with_links_to_click(pages, client, db):
    name = mailbox.store(pages, message("<b>Hello</b>").as_bytes())

    listed = client.get("/demo/mailbox").content.decode()
    assert f"/demo/mailbox/{name}" in listed
    assert "&lt;b&gt;Hello" in listed

    shown = client.get(f"/demo/mailbox/{name}").content.decode()
    assert '<a href="http://127.0.0.1:8000/q/abc"' in shown


def test_an_unknown_message_is_not_found(pages, client, db):
    assert client.get("/demo/mailbox/0000000000000000000-0000.eml").status_code == 404


def test_a_long_mailbox_is_shown_in_pages(pages, client, db):
    for number in range(52):
        mailbox.store(pages, message(f"Message {number}").as_bytes())
    first = client.get("/demo/mailbox").content.decode()
    assert "Message 51" in first
    assert "Message 1<" not in first
    assert "Message 1<" in client.get("/demo/mailbox?page=2").content.decode()


@pytest.mark.django_db
def test_a_visitor_is_told_the_birth_date_that_the_link_asks_for(client, pages):
    operation = make_operation(make_member(birth_date=date(1950, 3, 9)), planned_on=DAY)
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    link = f"http://127.0.0.1/q/{token_for(Invitation.objects.get().pk, 1)}/"
    told = mailbox.store(pages, message(body=f"Open {link}").as_bytes())
    other = mailbox.store(pages, message(body=f"Stop: {link}stop/").as_bytes())
    assert b"9 Mar 1950" in client.get(f"/demo/mailbox/{told}").content
    assert b"1950" not in client.get(f"/demo/mailbox/{other}").content
