"""gunicorn as in production on the loopback, and a small client that asks it as fast as it can.

The client is one thread with a few kept connections, prepared requests and hardly any reading of
the answers: a slower one would hide the difference between a light page and a heavy one.
"""

from __future__ import annotations

import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from tempfile import TemporaryFile
from urllib.parse import urlencode

from bench.database import BASE, environment

CONNECTIONS = 8
START_SECONDS = 90
ANSWER_SECONDS = 60


@contextmanager
def serving(database: str, **more: str) -> Iterator[int]:
    """Serve the registry on a database with two workers; gives the port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with TemporaryFile() as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config", str(BASE / "gunicorn.conf.py")),
                *("--bind", f"127.0.0.1:{port}", "--keep-alive", "60", "bench.wsgi"),
            ],
            cwd=BASE,
            env=environment(database, **more),
            stdout=log,
            stderr=log,
        )
        try:
            _wait(process, port, log)
            yield port
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen, port: int, log: object) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    log.seek(0)
    raise RuntimeError(f"gunicorn did not start:\n{log.read().decode()}")


def request(
    address: str, *, cookies: dict[str, str] | None = None, form: dict[str, str] | None = None
) -> bytes:
    """Return a whole HTTP request: GET, or POST of a form."""
    head = [f"{'GET' if form is None else 'POST'} {address} HTTP/1.1", "Host: 127.0.0.1"]
    if cookies:
        head.append("Cookie: " + "; ".join(f"{key}={value}" for key, value in cookies.items()))
    body = b""
    if form is not None:
        body = urlencode(form).encode()
        head += [
            "Content-Type: application/x-www-form-urlencoded",
            f"Content-Length: {len(body)}",
        ]
    return "\r\n".join([*head, "", ""]).encode() + body


class Connection:
    """A kept connection with one request on its way."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), ANSWER_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.held = b""

    def ask(self, whole: bytes) -> None:
        """Send a request."""
        self.held = b""
        self.socket.sendall(whole)

    def read(self) -> int | None:
        """Take what has come; return the status when the answer is whole."""
        portion = self.socket.recv(262_144)
        if not portion:
            raise RuntimeError("the server closed the connection")
        self.held += portion
        end = self.held.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.held[:end].lower()
        place = head.find(b"content-length:")
        if place < 0:
            raise RuntimeError(f"no Content-Length: {head[:200]!r}")
        length = int(head[place + 15 : (head + b"\r").find(b"\r", place)])
        return int(self.held[9:12]) if len(self.held) >= end + 4 + length else None


def rate(port: int, requests: Sequence[bytes], *, status: int = 200) -> float:
    """Send every request over a few connections at once; return requests a second.

    Raises RuntimeError when one is answered with another status.
    """
    waiting = iter(requests)
    chooser = selectors.DefaultSelector()
    connections = [Connection(port) for _ in range(min(CONNECTIONS, len(requests)))]
    began = time.perf_counter()
    for connection in connections:
        chooser.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask(next(waiting))
    open_, until = len(requests), time.monotonic() + ANSWER_SECONDS
    while open_:
        if time.monotonic() > until:
            raise RuntimeError(f"{open_} requests were not answered in {ANSWER_SECONDS} s")
        for key, _events in chooser.select(ANSWER_SECONDS):
            answered = key.data.read()
            if answered is None:
                continue
            if answered != status:
                raise RuntimeError(f"status {answered}: {key.data.held[:2000].decode()}")
            open_ -= 1
            following = next(waiting, None)
            if following is not None:
                key.data.ask(following)
    taken = time.perf_counter() - began
    for connection in connections:
        connection.socket.close()
    return len(requests) / taken


def latencies(port: int, requests: Sequence[bytes]) -> list[float]:
    """Send the requests one after another over one connection; return how long each took (ms)."""
    connection = Connection(port)
    taken = []
    for one in requests:
        began = time.perf_counter()
        connection.ask(one)
        while (answered := connection.read()) is None:
            pass
        taken.append((time.perf_counter() - began) * 1000)
        if answered != 200:
            raise RuntimeError(f"status {answered}: {connection.held[:2000].decode()}")
    connection.socket.close()
    return taken
