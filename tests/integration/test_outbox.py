"""The outbox with a real SMTP server and real worker processes, one of which is killed."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message as Mail
from urllib.parse import quote

import pytest
from aiosmtpd.controller import Controller
from django.conf import settings as django_settings
from django.db import connection

from registry.messaging import actions
from registry.messaging.actions import LEASE, NewMessage
from registry.messaging.composing import ComposedMail, Withheld, register_composer
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


def compose(subject_id: int, rule: str, now: datetime) -> ComposedMail | Withheld:
    if rule == "pointless":
        return Withheld("answered")
    return ComposedMail(
        to=f"patient{subject_id}@mail.example",
        subject="Spørgsmål fra registeret",
        text="Kære modtager",
        html="<p>Kære modtager</p>",
        from_name="DaneSpine",
        language="da",
    )


@pytest.fixture(autouse=True)
def composer() -> None:
    register_composer("test", compose)


def queue(number: int, rule: str = "invitation") -> None:
    actions.enqueue(NewMessage("test", one, rule, NOW) for one in range(1, number + 1))


WORKER = """
import sys
from datetime import datetime
import django
django.setup()
from registry.messaging.composing import ComposedMail, register_composer
from registry.messaging.sending import send_due
register_composer("test", lambda pk, rule, now: ComposedMail(
    to=f"patient{pk}@mail.example", subject="Spørgsmål", text="Kære modtager"))
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
    assert mail["Message-ID"] == actions.message_id(Message.objects.get(), "127.0.0.1")
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


def test_refusals_pass_or_stay_and_do_not_stop_the_others(server):
    server.answers = {
        "patient1@mail.example": "550 No such mailbox",
        "patient2@mail.example": "451 Try later",
    }
    queue(3)
    outcome = send_due(now=NOW)
    assert (outcome.sent, outcome.failed, outcome.put_back) == (1, 1, 1)
    gone, later, _sent = Message.objects.order_by("subject_id")
    assert (gone.failed_at, gone.last_error) == (NOW, "SMTP 550")
    assert later.due_at == NOW + timedelta(minutes=2)
    assert "mail.example" not in later.last_error
    server.answers = {}
    assert send_due(now=NOW + timedelta(minutes=2)).sent == 1


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
