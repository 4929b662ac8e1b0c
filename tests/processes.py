"""Real processes beside a test: a Celery worker on the test database, an SMTP server."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from aiosmtpd.controller import Controller
from django.conf import settings

# Tests have a broker and a cache of their own, so that a demo on the same servers is left alone;
# and so has each of the processes that run tests side by side.
FIRST_BROKER_DATABASE = 9
RUNNER = os.environ.get("PYTEST_XDIST_WORKER", "")


def broker_url() -> str:
    """Return the address of the tests' own broker."""
    number = FIRST_BROKER_DATABASE + int(RUNNER.removeprefix("gw") or 0)
    return urlunsplit(urlsplit(settings.REDIS_URL)._replace(path=f"/{number}"))


def test_environment(**changes: str) -> dict[str, str]:
    """Return the environment in which a process works on the test database as the application."""
    database = settings.DATABASES["default"]
    address = (
        f"postgresql://{quote(settings.APPLICATION_DATABASE_USER)}"
        f":{quote(settings.APPLICATION_DATABASE_PASSWORD)}"
        f"@{database['HOST']}:{database['PORT']}/{database['NAME']}"
    )
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith("DATABASE_")
    }
    return {
        **environment,
        "DATABASE_URL": address,
        "REDIS_URL": broker_url(),
        "DATA_DIR": str(settings.DATA_DIR),
        "REGISTRY_DATABASE_ROLE": "application",
        "SECRET_KEY": settings.SECRET_KEY,
        "LINK_KEY": settings.LINK_KEY,
        "BLIND_INDEX_KEY": settings.BLIND_INDEX_KEY,
        "IDENTITY_MASTER_KEY": settings.IDENTITY_MASTER_KEY,
        **changes,
    }


test_environment.__test__ = False  # not a test, in spite of its name


class Inbox:
    """Receives mail as an SMTP server on a free port of this machine."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        with socket.socket() as probe:  # a port that is free now; aiosmtpd cannot choose one
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:
        """Keep a message."""
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 kept"

    def __enter__(self) -> "Inbox":
        self._controller.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._controller.stop()

    def wait_for(self, count: int, seconds: float = 40) -> list[EmailMessage]:
        """Return the messages once there are ``count`` of them; AssertionError if none come."""
        until = time.monotonic() + seconds
        while len(self.messages) < count:
            assert time.monotonic() < until, f"{len(self.messages)} of {count} messages came"
            time.sleep(0.05)
        return self.messages


@contextmanager
def worker(log: Path, **environment: str) -> Iterator[subprocess.Popen]:
    """Run a Celery worker on the test database until the block ends."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "registry.celery", "worker"),
                *("--pool", "threads", "--concurrency", "2"),
                *("--without-gossip", "--without-mingle", "--without-heartbeat"),
            ],
            cwd=settings.BASE_DIR,
            env=test_environment(LOG_LEVEL="INFO", **environment),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(process, log)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait_until_ready(process: subprocess.Popen, log: Path, seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while b" ready." not in log.read_bytes():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.1)
