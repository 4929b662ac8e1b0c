"""Reports of undelivered mail, and the mailbox they are read from: a real IMAP server."""

import imaplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest

from registry.messaging import actions
from registry.messaging.actions import NewMessage
from registry.messaging.bounces import Bounce, handle, read_mailbox, read_report
from registry.messaging.composing import Purpose, Undelivered, register_purpose
from registry.messaging.models import Message

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)

undelivered: list[Undelivered] = []


@pytest.fixture(autouse=True)
def purpose() -> None:
    undelivered.clear()
    register_purpose(
        "test", Purpose(lambda _w, _n: [], undelivered=lambda what, _now: undelivered.append(what))
    )


def sent(subject_id: int = 1) -> Message:
    actions.enqueue([NewMessage("test", subject_id, "invitation", NOW)])
    message = Message.objects.get(subject_id=subject_id)
    actions.mark_sent(message, now=NOW)
    return message


def report(
    message: Message,
    *,
    action: str = "failed",
    status: str = "5.1.1",
    diagnostic: str = "smtp; 550 5.1.1 User unknown",
    quoted: str = "message/rfc822-headers",
) -> bytes:
    return "\r\n".join(
        [
            "From: MAILER-DAEMON@relay.example",
            "To: bounces@registry.example",
            "Subject: Undelivered Mail Returned to Sender",
            "Auto-Submitted: auto-replied",
            "MIME-Version: 1.0",
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"',
            "",
            "--b",
            "Content-Type: text/plain",
            "",
            "Your message could not be delivered.",
            "--b",
            "Content-Type: message/delivery-status",
            "",
            "Reporting-MTA: dns; relay.example",
            "",
            "Final-Recipient: rfc822; patient1@mail.example",
            f"Action: {action}",
            f"Status: {status}",
            f"Diagnostic-Code: {diagnostic}",
            "",
            "--b",
            f"Content-Type: {quoted}",
            "",
            "From: registry@registry.example",
            f"Message-ID: {actions.message_id(message)}",
            "",
            "--b--",
            "",
        ]
    ).encode()


def plain(message: Message, text: str, sender: str = "MAILER-DAEMON@relay.example") -> bytes:
    return (
        f"From: {sender}\r\nTo: bounces@registry.example\r\nSubject: failure notice\r\n\r\n"
        f"{text}\r\n\r\nMessage-ID: {actions.message_id(message)}\r\n"
    ).encode()


def identifier(message: Message) -> str:
    return actions.message_id(message).strip("<>")


@pytest.mark.parametrize(
    ("about", "status", "refused"),
    [
        ({}, "5.1.1", True),
        ({"quoted": "message/rfc822"}, "5.1.1", True),
        ({"status": "5.2.1"}, "5.2.1", True),
        ({"status": "5.2.2", "diagnostic": "smtp; 552 5.2.2 full"}, "5.2.2", False),
        ({"status": "5.7.1", "diagnostic": "smtp; 550 5.7.1 spam"}, "5.7.1", False),
        ({"status": "4.4.7", "diagnostic": "smtp; expired"}, "4.4.7", False),
        ({"status": "5.0.0", "diagnostic": "smtp; 550 No such user"}, "5.0.0", True),
        ({"status": "5.0.0", "diagnostic": "smtp; 550 5.7.1 Blocked"}, "5.0.0", False),
        ({"action": "delayed", "status": "4.1.1"}, "4.1.1", False),
        ({"action": "delayed", "status": "5.1.1"}, "5.1.1", False),
    ],
)
def test_a_delivery_report_is_read(about, status, refused):
    message = sent()
    assert read_report(report(message, **about)) == [
        Bounce(identifier(message), status, refused, "patient1@mail.example")
    ]


def test_a_report_that_all_went_well_is_a_report_of_nothing():
    assert read_report(report(sent(), action="delivered", status="2.0.0")) == []


def test_a_report_in_plain_words_is_read():
    message = sent()
    text = "<patient1@mail.example>: host mx.mail.example said: 550 5.1.1 unknown user"
    assert read_report(plain(message, text)) == [
        Bounce(identifier(message), "5.1.1", True, "patient1@mail.example")
    ]


def test_a_persons_answer_is_no_report():
    text = "I do not want 550 5.1.1 of these mails."
    assert read_report(plain(sent(), text, sender="someone@mail.example")) == []


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"Content-Type: multipart/report\r\n\r\n"])
def test_anything_else_is_no_report(content):
    assert read_report(content) == []


def test_a_refusal_has_its_consequence_once():
    (bounce,) = read_report(report(sent()))
    assert handle(bounce, now=NOW)
    assert not handle(bounce, now=NOW + timedelta(days=1))
    assert undelivered == [
        Undelivered(1, "invitation", "email", address_refused=True, address="patient1@mail.example")
    ]
    message = Message.objects.get()
    assert (message.bounced_at, message.bounce_status) == (NOW, "5.1.1")


def test_a_delay_is_a_note_and_a_refusal_after_it_counts():
    message = sent()
    for bounce in read_report(report(message, action="delayed", status="4.4.1")):
        handle(bounce, now=NOW)
    assert undelivered == []
    assert Message.objects.get().bounce_status == "4.4.1"
    for bounce in read_report(report(message)):
        handle(bounce, now=NOW)
    assert len(undelivered) == 1


def test_a_made_up_report_changes_nothing():
    message = sent()
    forged = report(message).replace(
        identifier(message).encode(), f"{message.pk}.{'0' * 32}@127.0.0.1".encode()
    )
    (bounce,) = read_report(forged)
    assert not handle(bounce, now=NOW)
    assert Message.objects.get().bounced_at is None


# --- The mailbox ------------------------------------------------------------------------------

USER, PASSWORD = "bounces@registry.example", "p@ss/word"
PYMAP = (
    str(Path(sys.executable).parent / "pymap"),
    *("--host", "127.0.0.1", "--no-tls", "--no-service", "managesieve", "--no-service", "admin"),
)


@pytest.fixture
def mailbox() -> Iterator[tuple[str, imaplib.IMAP4]]:
    """A small IMAP server with an empty folder; gives its address and a connection of our own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    account = ("--demo-data", "--demo-user", USER, "--demo-password", PASSWORD)
    server = subprocess.Popen([*PYMAP, "--port", str(port), "dict", *account])
    try:
        ours = connect(port)
        ours.login(USER, PASSWORD)
        ours.create("reports")
        ours.select("reports")
        login = f"{quote(USER, '')}:{quote(PASSWORD, '')}"
        yield f"imap://{login}@127.0.0.1:{port}/reports", ours
    finally:
        server.terminate()
        server.wait(10)


def connect(port: int) -> imaplib.IMAP4:
    until = time.monotonic() + 30
    while True:
        try:
            return imaplib.IMAP4("127.0.0.1", port, timeout=5)
        except OSError:
            assert time.monotonic() < until, "the IMAP server did not start"
            time.sleep(0.1)


def found(ours: imaplib.IMAP4, flag: str) -> int:
    ours.noop()
    return len(ours.uid("SEARCH", flag)[1][0].split())


def test_the_mailbox_is_read_and_what_is_no_report_is_left_for_people(mailbox):
    url, ours = mailbox
    for content in (
        report(sent(1)),
        report(sent(2), action="delayed", status="4.4.1"),
        plain(sent(3), "Please call me", sender="someone@mail.example"),
        report(sent(4)),
    ):
        ours.append("reports", None, None, content)
    assert read_mailbox(url, now=NOW) == 3
    assert [what.subject_id for what in undelivered] == [1, 4]
    assert (found(ours, "SEEN"), found(ours, "FLAGGED")) == (3, 1)
    assert read_mailbox(url, now=NOW) == 0
    # A worker that died before it had marked a report as read: nothing happens twice.
    ours.uid("STORE", "1:*", "-FLAGS", r"(\Seen)")
    assert read_mailbox(url, now=NOW + timedelta(minutes=5)) == 3
    assert len(undelivered) == 2


def test_a_wrong_password_is_an_error_that_tells_none(mailbox):
    url, _ours = mailbox
    with pytest.raises(imaplib.IMAP4.error) as refused:
        read_mailbox(url.replace("word", "wrong"), now=NOW)
    assert "p@ss" not in str(refused.value)
