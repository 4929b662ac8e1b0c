"""The client's side: start what is not running, find what is, stop it."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

from registry.embedded.postgres import Postgres
from registry.embedded.processes import Process, tail
from registry.embedded.state import EmbeddedServicesError, Layout, Services, locked
from registry.embedded.valkey import Valkey

# The first start makes a cluster; a slow disk gets time for it.
START_SECONDS = 120.0
STOP_SECONDS = 60.0


def running(data_dir: Path) -> Services | None:
    """The servers of this data directory, if all of them run."""
    services = Services.read(Layout.of(data_dir))
    return services if services is not None and services.are_alive() else None


def ensure_running(data_dir: Path) -> Services:
    """Start PostgreSQL and Valkey of this data directory unless they run; return where they are.

    May be called by any number of processes at once: one of them starts a supervisor, the others
    wait for it. The servers outlive the caller until `stop`.

    Raises:
        EmbeddedServicesError: a server does not start; the message holds the end of its log.
    """
    services = running(data_dir)
    if services is not None:
        return services
    layout = Layout.of(data_dir)
    layout.create()
    with locked(layout.client_lock, seconds=START_SECONDS) as held:
        if not held:
            raise EmbeddedServicesError(
                f"Another process has been starting the servers of {layout.root} for "
                f"{START_SECONDS:.0f} seconds. Run `make stop`, then try again."
            )
        services = running(data_dir)
        if services is not None:
            return services
        return _start_supervisor(layout)


def _start_supervisor(layout: Layout) -> Services:
    """Start a supervisor in a session of its own and wait until it says that all is ready."""
    project = Path(__file__).resolve().parents[2]
    search = [os.environ["PYTHONPATH"]] if os.environ.get("PYTHONPATH") else []
    reading, writing = os.pipe()
    try:
        with layout.log("supervisor").open("ab") as log:
            launcher = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "registry.embedded.supervisor",
                    str(layout.root),
                    str(writing),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=project,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([str(project), *search])},
                pass_fds=[writing],
                start_new_session=True,
            )
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        readable, _, _ = select.select([pipe], [], [], START_SECONDS)
        answer = pipe.readline() if readable else b""
    launcher.wait()
    message = json.loads(answer) if answer else {}
    if error := message.get("error"):
        raise EmbeddedServicesError(error)
    # A supervisor that a killed client had started may be on its way: it publishes the file.
    until = time.monotonic() + (START_SECONDS if message.get("held") else 0.0)
    while True:
        services = running(layout.root)
        if services is not None:
            return services
        if time.monotonic() >= until:
            raise EmbeddedServicesError(
                f"The servers of {layout.root} did not start. The end of the supervisor's log:\n"
                + tail(layout.log("supervisor"))
            )
        time.sleep(0.05)


def stop(data_dir: Path) -> bool:
    """Stop Valkey, PostgreSQL and their supervisor, orderly if they let us; True if any ran.

    Ends also what a killed supervisor has left behind.
    """
    layout = Layout.of(data_dir)
    if not layout.root.exists():
        return False
    _end_session(layout)
    with locked(layout.client_lock, seconds=STOP_SECONDS) as held:
        if not held:
            raise EmbeddedServicesError(
                f"Another process is starting or stopping the servers of {layout.root}. Try again."
            )
        supervised = _stop_supervisor(layout)
        left = [server.stop() for server in (Valkey(layout), Postgres(layout))]
        with contextlib.suppress(FileNotFoundError):
            layout.state.unlink()
    return supervised or any(left)


def session_of(layout: Layout) -> Process | None:
    """The process of `registry.embedded run` that uses these servers, if it is alive."""
    try:
        process = Process(**json.loads(layout.session.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return process if process.is_alive() else None


def _end_session(layout: Layout) -> None:
    """Let a demo that runs elsewhere end its own processes before its servers go."""
    session = session_of(layout)
    if session is not None and session.pid != os.getpid():
        session.send(signal.SIGTERM)
        session.wait(STOP_SECONDS)


def _stop_supervisor(layout: Layout) -> bool:
    """Tell the supervisor to stop its servers and wait for it; True if there was one."""
    with locked(layout.supervisor_lock, seconds=0) as free:
        if free:
            return False
    # A supervisor that is still starting has not published itself yet.
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        services = Services.read(layout)
        if services is not None:
            services.supervisor.send(signal.SIGTERM)
            if not services.supervisor.wait(STOP_SECONDS):
                services.supervisor.send(signal.SIGKILL)
                services.supervisor.wait(5)
        with locked(layout.supervisor_lock, seconds=0.2) as free:
            if free:
                return True
    raise EmbeddedServicesError(
        f"The supervisor of {layout.root} does not stop; see {layout.log('supervisor')}."
    )
