"""Kills: what arrives when workers of the outbox are killed at random while they send.

Two real Celery workers, two real beats, a real SMTP server in this process that counts. Again and
again, after a random number of mails, the process that sends in one of the workers is killed with
SIGKILL; Celery starts another. In mid-run a whole worker is killed and the broker is emptied.
Every message must arrive, and none more often than there were kills to explain it: a repetition
bears the same Message-ID.
"""

import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit, urlunsplit

import psutil
import redis
from aiosmtpd.controller import Controller
from django.conf import settings

from bench import people
from bench.data import execute
from bench.database import BASE, environment, use, working_copy
from bench.framework import Budget, Measured, note, scale
from proms import actions
from registry.core import clock
from registry.messaging.models import Message

BROKER_DATABASE = "/8"
MAILS_A_KILL = 10
SEED = 20261126
PATIENCE = 240
"""Seconds after which mail that has not arrived counts as lost."""


def measurements() -> Iterator[Measured]:
    """Kill workers while mail goes out; measure what was lost and what was repeated."""
    kills = scale().kills
    mails = kills * MAILS_A_KILL
    now = clock.now()
    with working_copy() as name, TemporaryDirectory() as folder, ExitStack() as stack:
        use(name, "owner")
        people.add_members(mails)
        people.give_addresses(sealed=True)
        operations = people.operate(clock.civil_date(now) - timedelta(days=360))
        use(name)
        actions.create_schedules(operation_ids=operations)
        queued = actions.invite_due(now=now)
        assert queued.invited == mails, queued
        execute("UPDATE messaging_message SET due_at = now() - interval '1 minute'")
        server = stack.enter_context(Counting())
        broker = urlunsplit(urlsplit(settings.REDIS_URL)._replace(path=BROKER_DATABASE))
        redis.from_url(broker).flushdb()
        changed = environment(
            name,
            REDIS_URL=broker,
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=str(server.port),
            EMAIL_USE_TLS="0",
        )
        began = time.monotonic()
        workers = [Worker(Path(folder), changed) for _ in range(2)]
        for worker in workers:
            stack.callback(worker.stop)
        for number in range(2):
            stack.enter_context(beat(Path(folder) / f"beat{number}", changed))
        done = _kill(workers, server, kills, broker)
        _wait(lambda: not Message.objects.filter(sent_at=None).exists(), server)
        note(f"{done} kills, {time.monotonic() - began:.0f} s")
        identifiers = Counter(server.identifiers)
        assert done >= kills, f"only {done} kills"
        repeated = sum(identifiers.values()) - len(identifiers)
        note(f"{len(set(server.recipients))} of {mails} arrived, {repeated} of them again")
        assert len(identifiers) == len(set(server.recipients)), "a repetition had another id"
        assert repeated <= done, f"{repeated} repetitions of {done} kills"
    yield Measured(
        "kills",
        len(identifiers),
        mails,
        Budget(1, at="least"),
        unit="mails",
        against=f"messages queued; {done} kills, {repeated} repetitions",
    )


def _kill(workers: list["Worker"], server: "Counting", kills: int, broker: str) -> int:
    """Kill so often, after a random number of mails each time; return how often."""
    chance = random.Random(SEED)
    done = 0
    server.wait_for_more(1, seconds=PATIENCE)
    while done < kills:
        # Twice as many mails as there are for each kill would leave the last kills without work.
        server.wait_for_more(chance.randint(1, MAILS_A_KILL + MAILS_A_KILL // 2), seconds=3)
        time.sleep(chance.uniform(0, 0.02))
        done += chance.choice(workers).kill_sender()
        if done == kills // 2:
            note(f"{done} kills, {len(server.recipients)} mails: the broker is emptied")
            workers[0].kill_all()
            done += 1
            redis.from_url(broker).flushdb()
            workers[0].start()
    return done


def _wait(reached: object, server: "Counting") -> None:
    until = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < until, f"{len(set(server.recipients))} mails arrived"
        time.sleep(0.5)


class Counting:
    """An SMTP server in a thread of this process that notes what arrives."""

    def __init__(self) -> None:
        self.identifiers: list[str] = []
        self.recipients: list[str] = []
        self._more = threading.Condition()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)

    async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:
        """Count a mail, before the worker hears that it was taken."""
        mail = message_from_bytes(envelope.content)
        with self._more:
            self.identifiers.append(mail["Message-ID"])
            self.recipients.append(envelope.rcpt_tos[0])
            self._more.notify_all()
        return "250 kept"

    def wait_for_more(self, count: int, *, seconds: float) -> None:
        """Wait until so many more have arrived, or for so long."""
        with self._more:
            wanted = len(self.recipients) + count
            self._more.wait_for(lambda: len(self.recipients) >= wanted, seconds)

    def __enter__(self) -> "Counting":
        self._controller.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._controller.stop()


class Worker:
    """A Celery worker: a process that receives tasks and one below it that does them."""

    def __init__(self, folder: Path, environment_: dict[str, str]) -> None:
        self._folder, self._environment = folder, environment_
        self.start()

    def start(self) -> None:
        """Start it, or another one in its place."""
        with (self._folder / f"worker{id(self)}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "bench.celery", "worker"),
                    *("--pool", "prefork", "--concurrency", "1", "--loglevel", "CRITICAL"),
                    *("--without-gossip", "--without-mingle", "--without-heartbeat"),
                    *("--hostname", f"{id(self)}@%h"),
                ],
                cwd=BASE,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def _below(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self._process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def kill_sender(self) -> int:
        """Kill the process that does the tasks; return how many were killed."""
        killed = 0
        for process in self._below():
            try:
                process.send_signal(signal.SIGKILL)
                killed = 1
            except psutil.NoSuchProcess:
                pass
        return killed

    def kill_all(self) -> None:
        """Kill the whole worker."""
        below = self._below()
        self._process.kill()
        self._process.wait()
        for process in below:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def stop(self) -> None:
        """End it; what it was doing may be lost."""
        self.kill_all()


@contextmanager
def beat(schedule: Path, environment_: dict[str, str]) -> Iterator[None]:
    """Run a Celery beat with a schedule file of its own until the block ends."""
    with schedule.with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "bench.celery", "beat"),
                *("--schedule", str(schedule), "--pidfile", "", "--loglevel", "ERROR"),
            ],
            cwd=BASE,
            env=environment_,
            stdout=log,
            stderr=log,
        )
        try:
            yield
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
