"""The one process that owns the servers of a data directory.

Started by `registry.embedded.control`: `python -m registry.embedded.supervisor DATA_DIR PIPE`. It
leaves its parent, takes the lock, starts (or takes over) the servers, publishes them in the port
file, says so through the pipe, and waits. It stops them when it is told to, when one of them ends
by itself, or when the data directory is taken away from under it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

from registry.embedded.postgres import Postgres
from registry.embedded.processes import Process
from registry.embedded.state import (
    EmbeddedServicesError,
    Layout,
    Passwords,
    Services,
    locked,
)
from registry.embedded.valkey import Valkey

_LARGEST_LOG = 10_000_000


class _Stop(Exception):
    """Somebody asked for the end."""


def main(data_dir: Path, pipe: int) -> int:
    """Own the servers until told to stop; return the exit code."""
    if os.fork():
        os._exit(0)  # the parent of the launcher reaps it; this process belongs to nobody
    os.chdir("/")
    os.umask(0o077)
    signal.signal(signal.SIGTERM, _raise_stop)
    for ignored in (signal.SIGINT, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    layout = Layout.of(data_dir)
    with locked(layout.supervisor_lock, seconds=0) as alone:
        if not alone:
            _answer(pipe, {"held": True})
            return 0
        return _supervise(layout, pipe)


def _supervise(layout: Layout, pipe: int) -> int:
    postgres, valkey = Postgres(layout), Valkey(layout)
    myself = Process.of(os.getpid())
    assert myself is not None
    try:
        for server in ("postgres", "valkey", "supervisor"):
            _shorten(layout.log(server))
        passwords = Passwords.load_or_make(layout)
        services = Services(
            postgres=postgres.start(passwords),
            valkey=valkey.start(passwords),
            supervisor=myself,
            passwords=passwords,
        )
        services.write(layout)
        _answer(pipe, {"ok": True})
        _say(f"running, {services.postgres.port=} {services.valkey.port=}")
        _watch(layout, services)
    except _Stop:
        _say("asked to stop")
    except (EmbeddedServicesError, OSError) as error:
        _say(str(error))
        _answer(pipe, {"error": str(error)})
        return 1
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        valkey.stop()
        postgres.stop()
        if (published := Services.read(layout)) and published.supervisor == myself:
            layout.state.unlink(missing_ok=True)
        _say("stopped")
    return 0


def _watch(layout: Layout, services: Services) -> None:
    """Wait until a server ends by itself or the port file is gone (the folder was removed)."""
    while True:
        time.sleep(0.5)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        for name, server in (("PostgreSQL", services.postgres), ("Valkey", services.valkey)):
            if not server.process.is_alive():
                _say(f"{name} (process {server.pid}) has ended by itself")
                return
        published = Services.read(layout)
        if published is None or published.supervisor != services.supervisor:
            _say("the port file is gone")
            return


def _raise_stop(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Stop


def _answer(pipe: int, message: dict[str, Any]) -> None:
    """Tell the client that waits; it may have been killed, and told once is enough."""
    with contextlib.suppress(OSError):
        os.write(pipe, json.dumps(message).encode() + b"\n")
        os.close(pipe)


def _say(what: str) -> None:
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} [{os.getpid()}] {what}", flush=True)


def _shorten(log: Path) -> None:
    """Begin a log anew when it has grown large."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > _LARGEST_LOG:
            os.truncate(log, 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2])))
