"""Run a command on the servers and leave nothing behind: the demo, the tests."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from registry.embedded.control import ensure_running, running, session_of, stop
from registry.embedded.processes import Process, end_with_parent
from registry.embedded.state import EmbeddedServicesError, Layout, write_private

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(data_dir: Path, command: list[str], *, stop_always: bool) -> int:
    """Start the servers, run the command, stop the servers; return the command's exit code.

    Servers that ran before are left running unless `stop_always`. With DATABASE_URL and REDIS_URL
    set there are no servers of ours, and only the command is run.

    A signal is passed on to the command and the servers are stopped when it has ended, so that
    they outlive everything that writes to them.
    """
    layout = Layout.of(data_dir)
    layout.create()
    if (other := session_of(layout)) is not None and stop_always:
        raise EmbeddedServicesError(
            f"Process {other.pid} runs on {layout.root} already. Stop it (`make stop`), "
            "or set DATA_DIR to another folder."
        )
    myself = Process.of(os.getpid())
    assert myself is not None
    embedded = not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))
    ours = stop_always or running(data_dir) is None
    child: subprocess.Popen[bytes] | None = None
    asked: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        if child is not None and child.poll() is None:
            # A closed terminal is no reason to die half-way: the command is asked to stop.
            child.send_signal(signal.SIGTERM if number == signal.SIGHUP else number)

    before = {number: signal.signal(number, pass_on) for number in _FORWARDED}
    if stop_always:
        write_private(layout.session, asdict(myself))
    try:
        if embedded:
            if ours:
                print("Starting PostgreSQL and Valkey …", flush=True)
            ensure_running(data_dir)
        if asked:
            return 128 + asked[0]
        # A process group of its own: Ctrl-C reaches it once, through `pass_on`.
        child = subprocess.Popen(command, process_group=0, preexec_fn=end_with_parent)
        if asked:
            child.send_signal(signal.SIGTERM)
        return child.wait()
    finally:
        if embedded and ours:
            print("Stopping Valkey and PostgreSQL …", flush=True)
            stop(data_dir)
        if stop_always:
            layout.session.unlink(missing_ok=True)
        for number, handler in before.items():
            signal.signal(number, handler)
