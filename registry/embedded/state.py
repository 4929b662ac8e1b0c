"""What is written in the data directory about its servers, and how it is read back."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from registry.embedded.processes import Process

OWNER_ROLE = "registry_owner"
APPLICATION_ROLE = "registry_app"
DATABASE = "registry"


class EmbeddedServicesError(RuntimeError):
    """The embedded servers cannot be started or stopped; the message says what to do."""


@dataclass(frozen=True)
class Layout:
    """Where things lie in a data directory."""

    root: Path

    @classmethod
    def of(cls, data_dir: Path) -> Layout:
        """The layout of a data directory, whose path may be relative."""
        return cls(Path(data_dir).absolute())

    def create(self) -> None:
        """Make the folder, searchable but not listable by others; touch nothing above it."""
        try:
            self.root.mkdir(mode=0o711, parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedServicesError(
                f"DATA_DIR {self.root} cannot be created: {error.strerror}."
            ) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise EmbeddedServicesError(
                f"DATA_DIR {self.root} cannot be written by this account. "
                "Set DATA_DIR to a folder of your own."
            )

    @property
    def state(self) -> Path:
        """The port file, there while the servers run."""
        return self.root / "services.json"

    @property
    def passwords(self) -> Path:
        """The passwords, made once."""
        return self.root / "passwords.json"

    @property
    def client_lock(self) -> Path:
        """Held by whoever starts or stops a supervisor."""
        return self.root / "services.lock"

    @property
    def session(self) -> Path:
        """The process that runs the demo or the tests on these servers, while it runs."""
        return self.root / "session.json"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the supervisor as long as it lives."""
        return self.root / "supervisor.lock"

    @property
    def postgres(self) -> Path:
        """The PostgreSQL cluster."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's append-only file."""
        return self.root / "valkey"

    def log(self, server: str) -> Path:
        """The log of `postgres`, `valkey` or `supervisor`."""
        return self.root / f"{server}.log"


@dataclass(frozen=True)
class Server:
    """A running server."""

    port: int
    pid: int
    started: str

    @property
    def process(self) -> Process:
        """The server's main process."""
        return Process(self.pid, self.started)


@dataclass(frozen=True)
class Passwords:
    """Passwords of the two database roles and of Valkey."""

    owner: str
    application: str
    valkey: str

    @classmethod
    def load_or_make(cls, layout: Layout) -> Passwords:
        """Read the passwords of this data directory, or make them once.

        Raises:
            EmbeddedServicesError: there is a cluster, but the file with its passwords is gone.
        """
        if layout.passwords.exists():
            return cls(**json.loads(layout.passwords.read_text(encoding="utf-8")))
        if (layout.postgres / "PG_VERSION").exists():
            raise EmbeddedServicesError(
                f"{layout.passwords} is missing, but {layout.postgres} holds a database that needs "
                f"it. Put the file back, or move {layout.postgres} away to begin with an empty one."
            )
        made = cls(*(secrets.token_urlsafe(24) for _ in range(3)))
        write_private(layout.passwords, asdict(made))
        return made


@dataclass(frozen=True)
class Services:
    """The running servers of one data directory and the addresses to reach them by."""

    postgres: Server
    valkey: Server
    supervisor: Process
    passwords: Passwords

    @property
    def database_url(self) -> str:
        """For the application role: reads and writes rows, changes no table."""
        return self._database_url(APPLICATION_ROLE, self.passwords.application)

    @property
    def owner_database_url(self) -> str:
        """For the owner: migrates, makes test databases."""
        return self._database_url(OWNER_ROLE, self.passwords.owner)

    @property
    def redis_url(self) -> str:
        """For broker and cache."""
        return f"redis://:{self.passwords.valkey}@127.0.0.1:{self.valkey.port}/0"

    def _database_url(self, role: str, password: str) -> str:
        return f"postgresql://{role}:{password}@127.0.0.1:{self.postgres.port}/{DATABASE}"

    def are_alive(self) -> bool:
        """Whether the supervisor and both servers run."""
        return all(
            process.is_alive()
            for process in (self.supervisor, self.postgres.process, self.valkey.process)
        )

    def write(self, layout: Layout) -> None:
        """Publish the servers in the port file."""
        write_private(layout.state, asdict(self))

    @classmethod
    def read(cls, layout: Layout) -> Services | None:
        """The servers named by the port file, alive or not; None without a readable file."""
        try:
            found: dict[str, Any] = json.loads(layout.state.read_text(encoding="utf-8"))
            return cls(
                postgres=Server(**found["postgres"]),
                valkey=Server(**found["valkey"]),
                supervisor=Process(**found["supervisor"]),
                passwords=Passwords(**found["passwords"]),
            )
        except PermissionError as error:
            raise EmbeddedServicesError(
                f"{layout.state} belongs to another account. Use that account, "
                "or set DATA_DIR to a folder of your own."
            ) from error
        except (OSError, ValueError, KeyError, TypeError):
            return None


def write_private(path: Path, content: dict[str, Any]) -> None:
    """Write JSON that only this account may read, all of it or nothing."""
    draft = path.with_suffix(f".{os.getpid()}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextlib.contextmanager
def locked(path: Path, *, seconds: float) -> Iterator[bool]:
    """Hold a file lock; yield False when another process kept it for `seconds`.

    The kernel gives the lock up when its holder ends, however it ends.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        until = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= until:
                    yield False
                    return
                time.sleep(0.02)
            else:
                yield True
                return
    finally:
        os.close(descriptor)
