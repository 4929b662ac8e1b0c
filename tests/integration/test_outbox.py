"""The outbox with a real SMTP server and real worker processes, one of which is killed."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as Mail
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings as django_settings
from django.db import connection

from registry.messaging import actions, sending
from registry.messaging.actions import LEASE, NewMessage
from registry.messaging.composing import (
    ComposedMail,
    ComposedText,
    Purpose,
    Undelivered,
    Wanted,
    Withheld,
    register_purpose,
)
from registry.messaging.models import Message
from registry.messaging.sending import send_due

pytestmark = pytest.mark.django_db(transaction=True)
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


class Server:
    """A mail server that keeps what it gets, answers as told, and can kill who sends."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.answers: dict[str, str] = {}
        self.connections = 0
        self.kill: int | None = None
        self.meanwhile: Callable[[str], None] | None = None
        self.lock = threading.Lock()

    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        self.connections += 1
        session.host_name = hostname
        return responses

    async def handle_RCPT(self, server, session, envelope, address, options):
        answer = self.answers.get(address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.meanwhile:
            self.meanwhile(envelope.rcpt_tos[0])
        with self.lock:
            self.mails.append(message_from_bytes(envelope.content))
            if self.kill is not None:
                # The mail is accepted; the worker dies before it can note that.
                os.kill(self.kill, signal.SIGKILL)
                self.kill = None
        return "250 Accepted"

    def ids(self) -> list[str]:
        return [mail["Message-ID"] for mail in self.mails]


@pytest.fixture
def server(settings) -> Iterator[Server]:
    handler = Server()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_USE_TLS = False
    yield handler
    controller.stop()


def compose(wanted: Sequence[Wanted], now: datetime) -> list[ComposedMail | Withheld]:
    return [write(one) for one in wanted]


def write(one: Wanted) -> ComposedMail | ComposedText | Withheld:
    if one.channel == "sms":
        return ComposedText(
            to=f"+45{one.subject_id:08}", text="Svar på https://registry.example/q/…"
        )
    if one.rule == "broken" and one.subject_id == 2:
        raise LookupError("patient2@mail.example")
    if one.rule == "pointless" or one.state == "answered":
        return Withheld("answered")
    return ComposedMail(
        to=f"patient{one.subject_id}@mail.example",
        subject="Spørgsmål fra registeret",
        text=f"Kære modtager {one.state or ''}".strip(),
        html="<p>Kære modtager</p>",
        from_name="DaneSpine",
        language="da",
    )


states: dict[int, str] = {}
"""What decides about a subject, for tests that change it."""


undelivered: list[Undelivered] = []
"""What the purpose was told of messages that did not arrive."""


@pytest.fixture(autouse=True)
def composer() -> None:
    states.clear()
    undelivered.clear()
    register_purpose(
        "test",
        Purpose(
            compose,
            read=lambda _ids: dict(states),
            undelivered=lambda what, now: undelivered.append(what),
        ),
    )


def queue(number: int, rule: str = "invitation") -> None:
    actions.enqueue(NewMessage("test", one, rule, NOW) for one in range(1, number + 1))


WORKER = """
import sys
from datetime import datetime
import django
django.setup()
from registry.messaging.composing import ComposedMail, Purpose, register_purpose
from registry.messaging.sending import send_due
register_purpose("test", Purpose(lambda wanted, now: [ComposedMail(
    to=f"patient{one.subject_id}@mail.example", subject="Spørgsmål", text="Kære modtager")
    for one in wanted]))
print("ready", flush=True)
sys.stdin.readline()
send_due(now=datetime.fromisoformat(sys.argv[1]))
"""


def start_worker(now: datetime) -> subprocess.Popen:
    """Start a worker process on the test database; it waits for a line before it begins."""
    held = connection.settings_dict
    user, password = quote(held["USER"]), quote(held["PASSWORD"])
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "registry.settings",
        "REGISTRY_DATABASE_ROLE": "application",
        "DATABASE_URL": (
            f"postgresql://{user}:{password}@{held['HOST']}:{held['PORT']}/{held['NAME']}"
        ),
        "REDIS_URL": django_settings.REDIS_URL,
        "EMAIL_HOST": django_settings.EMAIL_HOST,
        "EMAIL_PORT": str(django_settings.EMAIL_PORT),
    }
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, now.isoformat()],
        cwd=django_settings.BASE_DIR,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdout.readline() == "ready\n"
    return worker


def go(worker: subprocess.Popen) -> None:
    worker.stdin.write("go\n")
    worker.stdin.flush()


def test_a_mail_goes_out_whole_and_once(server):
    queue(1)
    assert send_due(now=NOW).sent == 1
    assert send_due(now=NOW).sent == 0
    (mail,) = server.mails
    assert mail["To"] == "patient1@mail.example"
    assert mail["From"].startswith("DaneSpine <")
    assert mail["Message-ID"] == actions.message_id(Message.objects.get())
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Content-Language"] == "da"
    assert [part.get_content_type() for part in mail.get_payload()] == ["text/plain", "text/html"]
    assert Message.objects.get().sent_at == NOW


def test_a_batch_goes_through_one_connection(server):
    queue(30)
    assert send_due(now=NOW, batch=30).sent == 30
    assert server.connections == 1


def test_a_pointless_mail_is_withheld_with_its_reason(server):
    queue(1, "pointless")
    assert send_due(now=NOW).withheld == 1
    assert Message.objects.get().withheld_reason == "answered"
    assert server.mails == []


def test_what_happens_while_a_batch_is_being_sent_counts(server):
    """While the first mail is on its way, another patient answers and a third gets a new link."""
    queue(3)

    def meanwhile(_address: str) -> None:
        states.update({2: "answered", 3: "with the new link"})

    server.meanwhile = meanwhile
    outcome = send_due(now=NOW)
    assert (outcome.sent, outcome.withheld) == (2, 1)
    assert [mail["To"] for mail in server.mails] == [
        "patient1@mail.example",
        "patient3@mail.example",
    ]
    text, _html = server.mails[1].get_payload()
    assert b"with the new link" in text.get_payload(decode=True)
    assert Message.objects.get(subject_id=2).withheld_reason == "answered"


def test_a_mail_that_cannot_be_written_does_not_stop_the_others(server):
    queue(3, "broken")
    outcome = send_due(now=NOW)
    assert (outcome.sent, outcome.put_back) == (2, 1)
    assert Message.objects.get(subject_id=2).last_error == "composing: LookupError"


def test_a_slow_server_gets_no_mail_whose_lease_may_have_ended(server, monkeypatch):
    monkeypatch.setattr(sending, "SAFE_SECONDS", 0.2)
    server.meanwhile = lambda _address: time.sleep(0.3)
    queue(3)
    assert send_due(now=NOW, limit=3).sent == 1
    assert Message.objects.filter(claimed_until=None, sent_at=None, attempts=0).count() == 2


def test_refusals_pass_or_stay_and_do_not_stop_the_others(server):
    server.answers = {
        "patient1@mail.example": "550 5.1.1 No such mailbox",
        "patient2@mail.example": "451 Try later",
    }
    queue(3)
    outcome = send_due(now=NOW)
    assert (outcome.sent, outcome.failed, outcome.put_back) == (1, 1, 1)
    gone, later, _sent = Message.objects.order_by("subject_id")
    assert (gone.failed_at, gone.last_error) == (NOW, "SMTP 550 5.1.1")
    assert undelivered == [
        Undelivered(1, "invitation", "email", address_refused=True, address="patient1@mail.example")
    ]
    assert later.due_at == NOW + timedelta(minutes=2)
    assert "mail.example" not in later.last_error
    server.answers = {}
    assert send_due(now=NOW + timedelta(minutes=2)).sent == 1


def test_a_refusal_of_the_sender_condemns_no_address_and_is_given_up_in_the_end(server):
    server.answers = {"patient1@mail.example": "550 5.7.1 Sender is blocked"}
    queue(1)
    now = NOW
    for _ in range(actions.MAX_ATTEMPTS):
        send_due(now=now)
        assert undelivered == [] or Message.objects.get().failed_at == now
        now = Message.objects.get().due_at
    (what,) = undelivered
    assert not what.address_refused


# --- Text messages ----------------------------------------------------------------------------


class Gateway:
    """An SMS gateway that listens on this machine, keeps what it gets and answers as told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict]] = []
        self.statuses: dict[str, int] = {}
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                assert self.headers["Idempotency-Key"] == body["id"]
                gateway.got.append((self.headers["Authorization"], body))
                self.send_response(gateway.statuses.get(body["to"], 202))
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_about: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def gateway(settings) -> Iterator[Gateway]:
    held = Gateway()
    settings.SMS_GATEWAY_URL = f"http://127.0.0.1:{held.http.server_port}/messages"
    settings.SMS_GATEWAY_TOKEN = "secret"
    yield held
    held.http.shutdown()
    held.http.server_close()


def queue_texts(number: int) -> None:
    actions.enqueue(
        NewMessage("test", one, "invitation", NOW, channel="sms") for one in range(1, number + 1)
    )


def test_texts_go_through_the_gateway_under_their_own_number(server, gateway):
    queue_texts(2)
    assert send_due(now=NOW).sent == 2
    one, other = gateway.got
    assert one[0] == "Bearer secret"
    assert one[1]["to"] == "+4500000001"
    assert one[1]["id"] != other[1]["id"]
    assert one[1]["id"] == actions.message_id(Message.objects.get(subject_id=1)).strip("<>")
    assert server.mails == []


def test_without_a_gateway_texts_wait(server):
    queue_texts(1)
    assert send_due(now=NOW).claimed == 0


def test_answers_of_the_gateway_pass_or_stay(server, gateway):
    gateway.statuses = {"+4500000001": 422, "+4500000002": 503, "+4500000003": 400}
    queue_texts(4)
    outcome = send_due(now=NOW)
    assert (outcome.sent, outcome.failed, outcome.put_back) == (1, 2, 1)
    assert [(what.subject_id, what.address_refused) for what in undelivered] == [
        (1, True),
        (3, False),
    ]
    gateway.statuses = {}
    assert send_due(now=NOW + timedelta(minutes=2)).sent == 1
    ids = [body["id"] for _token, body in gateway.got if body["to"] == "+4500000002"]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_gateway_that_is_away_keeps_no_mail_back(server, settings):
    settings.SMS_GATEWAY_URL = "http://127.0.0.1:1/"
    queue(1)
    queue_texts(1)
    assert send_due(now=NOW).sent == 1
    assert Message.objects.get(channel="sms").attempts == 0


# --- Kills ------------------------------------------------------------------------------------


def test_nothing_is_lost_while_the_server_is_away(server, settings):
    queue(2)
    right, settings.EMAIL_PORT = settings.EMAIL_PORT, 1
    assert send_due(now=NOW).sent == 0
    settings.EMAIL_PORT = right
    assert send_due(now=NOW).sent == 2


def test_two_workers_share_the_work_and_send_nothing_twice(server):
    queue(60)
    workers = [start_worker(NOW), start_worker(NOW)]
    for worker in workers:
        go(worker)
    for worker in workers:
        assert worker.wait(timeout=60) == 0
    assert len(server.mails) == 60
    assert max(Counter(server.ids()).values()) == 1


def test_a_worker_killed_between_sending_and_marking_repeats_at_most_once(server):
    queue(5)
    doomed = start_worker(NOW)
    server.kill = doomed.pid
    go(doomed)
    assert doomed.wait(timeout=60) == -signal.SIGKILL
    assert len(server.mails) == 1
    assert not Message.objects.filter(sent_at__isnull=False).exists()
    # Nobody takes the messages while the lease lasts.
    assert send_due(now=NOW + LEASE / 2).sent == 0
    # Then everything goes out: the one that had gone is repeated under its own Message-ID.
    assert send_due(now=NOW + LEASE).sent == 5
    assert send_due(now=NOW + 3 * LEASE).sent == 0
    counts = Counter(server.ids())
    assert sorted(counts.values()) == [1, 1, 1, 1, 2]
    assert counts[server.ids()[0]] == 2
