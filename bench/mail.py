"""The processes of the outbox measurement: an SMTP server, workers of two kinds.

``python -m bench.mail server`` prints its port and accepts whatever comes.
``python -m bench.mail registry|bare`` waits for a line, sends all that is due, answers with the
number sent, and waits for the next.
"""

import smtplib
import socket
import sys
import time
from email.message import EmailMessage

LEASE_MINUTES = 10
BATCH = 20

CLAIM = f"""
    UPDATE messaging_message
    SET claimed_until = now() + interval '{LEASE_MINUTES} minutes', attempts = attempts + 1
    WHERE id IN (
        SELECT id FROM messaging_message
        WHERE sent_at IS NULL AND withheld_at IS NULL AND failed_at IS NULL AND due_at <= now()
          AND (claimed_until IS NULL OR claimed_until <= now())
        ORDER BY due_at, id LIMIT {BATCH} FOR UPDATE SKIP LOCKED
    )
    RETURNING id, subject_id
"""
MARK = "UPDATE messaging_message SET sent_at = now(), claimed_until = NULL WHERE id = %s"


def serve() -> None:
    """Accept mail on a free port until the standard input is closed."""
    from aiosmtpd.controller import Controller

    class Accepting:
        async def handle_DATA(self, *_about: object) -> str:
            return "250 kept"

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(Accepting(), hostname="127.0.0.1", port=port)
    controller.start()
    print(port, flush=True)
    sys.stdin.read()
    controller.stop()


def send_bare() -> int:
    """Claim, send a fixed text, mark: with psycopg and smtplib and nothing else."""
    from django.conf import settings
    from django.db import connection

    connection.ensure_connection()
    database = connection.connection
    sent = 0
    while taken := database.execute(CLAIM).fetchall():
        with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT) as server:
            for key, subject in taken:
                mail = EmailMessage()
                mail["From"] = settings.DEFAULT_FROM_EMAIL
                mail["To"] = f"patient{subject}@mail.example"
                mail["Subject"] = "Spørgsmål"
                mail["Message-ID"] = f"<{key}@registry.example>"
                mail.set_content("Kære patient")
                server.send_message(mail)
                database.execute(MARK, [key])
                sent += 1
    return sent


def send_registry() -> int:
    """The registry's own outbox, as its task calls it."""
    from registry.core import clock
    from registry.messaging.sending import send_due

    outcome = send_due(now=clock.now())
    assert outcome.sent == outcome.claimed, outcome
    return outcome.sent


def work(kind: str) -> None:
    """Answer each line with the number of mails sent."""
    import django

    django.setup()
    send = {"bare": send_bare, "registry": send_registry}[kind]
    send()
    print("ready", flush=True)
    for _line in sys.stdin:
        began = time.perf_counter()
        print(send(), time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    serve() if sys.argv[1] == "server" else work(sys.argv[1])
