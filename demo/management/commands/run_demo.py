"""Run the whole registry on this machine: what `make demo` starts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from demo.accounts import ACCOUNTS, PASSWORD
from registry.embedded.processes import end_with_parent, is_port_free, tail

_WEB_READY_SECONDS = 60


class _Stop(Exception):
    """Somebody asked for the end."""


class Command(BaseCommand):
    """`manage.py run_demo`: tables, data, mailbox, worker, beat, web, until it is interrupted.

    The servers underneath belong to `registry.embedded run`, which stops them after this ends.
    """

    help = "Run the registry with demo data: web, worker, beat and a mailbox."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to serve, and how much data."""
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--scale", choices=["small", "full"], default="small")
        parser.add_argument("--empty", action="store_true", help="load no demo data")

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything, say where it is, wait, stop everything in order."""
        self.began = time.monotonic()
        self.children: list[tuple[str, subprocess.Popen[bytes]]] = []
        port = options["port"]
        if not is_port_free(port):
            raise CommandError(f"Port {port} is taken. Choose another: make demo PORT={port + 1}")
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _raise_stop)
        sink = None
        try:
            # Here, because production has no aiosmtpd.
            from demo import smtp_sink

            sink = smtp_sink.start(Path(settings.DATA_DIR) / "mailbox")
            address = f"http://{options['host']}:{port}"
            self.environment = {
                **os.environ,
                "DEMO": "1",
                "EMAIL_HOST": "127.0.0.1",
                "EMAIL_PORT": str(sink.port),
                "EMAIL_USE_TLS": "0",
                "SITE_URL": os.environ.get("SITE_URL", address),
            }
            self._step("Tables", "migrate", "--verbosity", "0")
            if not options["empty"]:
                scale = options["scale"]
                self._step(f"Demo data ({scale})", "load_demo", "--scale", scale)
            self._say("Web server, worker and beat …")
            celery = [sys.executable, "-m", "celery", "-A", "registry.celery"]
            self._start(
                "worker",
                [*celery, "worker", "--concurrency", "2", "--without-gossip", "--without-mingle"],
            )
            self._start("beat", [*celery, "beat", "--pidfile="])
            self._start(
                "web",
                [
                    *(sys.executable, "-m", "gunicorn", "registry.wsgi"),
                    *("--bind", f"{options['host']}:{port}"),
                ],
            )
            self._wait_for_web(f"http://127.0.0.1:{port}/healthz")
            self._welcome(address)
            while True:
                self._check_children()
                time.sleep(0.5)
        except _Stop:
            self.stdout.write("")
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            self._stop_children()
            if sink is not None:
                sink.stop()
        self.stdout.write("The data are kept: `make demo` goes on with them.")

    def _say(self, what: str) -> None:
        self.stdout.write(f"[{time.monotonic() - self.began:3.0f} s] {what}")
        self.stdout.flush()

    def _step(self, what: str, *command: str) -> None:
        """Run one manage.py command to its end."""
        self._say(f"{what} …")
        child = subprocess.Popen(
            [sys.executable, str(settings.BASE_DIR / "manage.py"), *command],
            env=self.environment,
            process_group=0,
            preexec_fn=end_with_parent,
        )
        try:
            if child.wait() != 0:
                raise CommandError(f"manage.py {command[0]} failed; see above.")
        finally:
            if child.poll() is None:
                child.terminate()
                child.wait()

    def _start(self, name: str, command: list[str]) -> None:
        """Start a process that stays, writing to a log of its own."""
        with self._log(name).open("wb") as log:
            child = subprocess.Popen(
                command,
                cwd=settings.BASE_DIR,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C must reach them in order, not all at once.
                start_new_session=True,
                preexec_fn=end_with_parent,
            )
        self.children.append((name, child))

    def _log(self, name: str) -> Path:
        return Path(settings.DATA_DIR) / f"{name}.log"

    def _check_children(self) -> None:
        for name, child in self.children:
            if child.poll() is not None:
                raise CommandError(
                    f"The {name} process has ended. The end of {self._log(name)}:\n"
                    + tail(self._log(name))
                )

    def _wait_for_web(self, address: str) -> None:
        until = time.monotonic() + _WEB_READY_SECONDS
        while time.monotonic() < until:
            self._check_children()
            try:
                with urllib.request.urlopen(address, timeout=2):
                    return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise CommandError(
            f"The web server does not answer. The end of {self._log('web')}:\n"
            + tail(self._log("web"))
        )

    def _stop_children(self) -> None:
        """Stop web, beat and worker in this order; each may finish what it is doing."""
        running = dict(self.children)
        for name in ("web", "beat", "worker"):
            child = running.get(name)
            if child is None:
                continue
            self.stdout.write(f"Stopping {name} …")
            self.stdout.flush()
            child.terminate()
            try:
                child.wait(timeout=20)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()

    def _welcome(self, address: str) -> None:
        self._say("Ready.")
        people = "\n".join(
            f"  {person.email:<34} {person.role.replace('_', ' ')} of {person.register}"
            for person in ACCOUNTS
        )
        self.stdout.write(
            f"\nThe registry: {address}\nMailbox:      {address}/demo/mailbox\n\n"
            f"Log in as (password {PASSWORD}):\n{people}\n\n"
            "What to try:\n"
            "  1. As the clinician of danespine: plan an operation for a new patient.\n"
            "  2. In the mailbox: open the invitation and answer as the patient would.\n"
            "  3. As the clinician again: register the operation as performed, then look at the\n"
            "     dashboard: the unit beside the nation.\n"
            "  4. As the coordinator: export the year.\n\n"
            f"Logs are in {settings.DATA_DIR}. Ctrl-C stops everything; nothing is lost.\n"
        )
        self.stdout.flush()


def _raise_stop(number: int, frame: FrameType | None) -> None:
    for again in (signal.SIGINT, signal.SIGTERM):
        signal.signal(again, signal.SIG_IGN)
    raise _Stop
