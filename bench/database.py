"""Databases of the benchmarks' own, made once and kept for the next run.

``prepared(n)`` is a migrated database with n operations, whose name holds a fingerprint of all
that decides its content; those of another fingerprint are dropped. ``working_copy()`` is a copy
that is dropped at its end. Measured is as the application role, prepared as the owner.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from functools import cache
from pathlib import Path

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psutil import pid_exists
from psycopg import sql

from bench import data
from bench.framework import note

PREFIX = "bench_"
WORK = f"{PREFIX}work_"
TODAY = date(2026, 11, 22)
BASE = Path(settings.BASE_DIR)
DECIDING = (
    "*/migrations/*.py",
    "registry/*/migrations/*.py",
    "registry/registers/definitions/*",
    "registry/units/data/*",
    "reports/actions/*.py",
    "bench/data.py",
)
_application = dict(settings.DATABASES["default"])
_wrappers: dict[tuple[str, str], object] = {}


def use(name: str, role: str = "application") -> None:
    """Let Django's connection be the one to this database, opened once and kept."""
    if (name, role) not in _wrappers:
        _wrappers[name, role] = _wrapper(name, role)
    connections["default"] = _wrappers[name, role]


@contextmanager
def session(name: str) -> Iterator[None]:
    """Give this thread a session of its own in a database, as the application."""
    held = connections["default"] = _wrapper(name, "application")
    try:
        yield
    finally:
        held.close()


def _wrapper(name: str, role: str) -> object:
    held = connections.create_connection("default")
    login = settings.OWNER_DATABASE if role == "owner" else _application
    held.settings_dict = {
        **held.settings_dict,
        **{key: login[key] for key in ("USER", "PASSWORD", "HOST", "PORT")},
        "NAME": name,
    }
    return held


def leave(name: str) -> None:
    """Close the connections to a database."""
    for key in [key for key in _wrappers if key[0] == name]:
        _wrappers.pop(key).close()


def owner(name: str | None = None) -> psycopg.Connection:
    """Connect as the owner, each statement a transaction; without a name to the server's own."""
    login = settings.OWNER_DATABASE
    return psycopg.connect(
        host=login["HOST"],
        port=login["PORT"],
        user=login["USER"],
        password=login["PASSWORD"],
        dbname=name or login["NAME"],
        options="-c search_path=public,identity_keys",
        autocommit=True,
    )


def prepared(operations: int = 0, *, times: int = 1) -> str:
    """Return the name of a database with so many operations, made now if it is not there.

    ``times`` holds its facts so many times; see ``bench.data.multiply``.
    """
    name = f"{PREFIX}{_fingerprint()}_{operations}" + (f"x{times}" if times > 1 else "")
    if times > 1:
        return _make(name, prepared(operations), lambda: data.multiply(times, on=TODAY))
    if operations:
        return _make(name, prepared(), lambda: data.fill(operations, on=TODAY))
    return _make(name, None, _migrate)


@contextmanager
def working_copy() -> Iterator[str]:
    """Give a migrated database without operations to write into; it is dropped at the end."""
    source, name = prepared(), f"{WORK}{os.getpid()}"
    _drop_left_behind()
    _create(name, source)
    try:
        yield name
    finally:
        leave(name)
        _drop(name)


def environment(name: str, **more: str) -> dict[str, str]:
    """Return the environment of a process that works on a database as the application."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "REGISTRY_DATABASE_ROLE": "application",
        "BENCH_DATABASE": name,
        "PYTHONPATH": str(BASE),
        **more,
    }


def _make(name: str, source: str | None, fill: Callable[[], None]) -> str:
    """Make a database under a draft's name, so that one half made is never taken for whole."""
    with owner() as server:
        held = {row[0] for row in server.execute("SELECT datname FROM pg_database")}
    if name in held:
        return name
    for old in held:
        if old.startswith(PREFIX) and not old.startswith((f"{PREFIX}{_fingerprint()}", WORK)):
            _drop(old)
    draft, began = f"{name}_draft", time.monotonic()
    _drop(draft)
    _create(draft, source)
    use(draft, "owner")
    fill()
    leave(draft)
    names = {"draft": sql.Identifier(draft), "name": sql.Identifier(name)}
    with owner() as server:
        server.execute(sql.SQL("ALTER DATABASE {draft} RENAME TO {name}").format(**names))
    note(f"{name} made in {time.monotonic() - began:.0f} s")
    return name


def _migrate() -> None:
    call_command("migrate", verbosity=0, interactive=False)
    call_command("load_reference", verbosity=0)
    definition = BASE / "registry" / "registers" / "definitions" / f"{data.REGISTER}.toml"
    call_command("load_register", str(definition), verbosity=0)
    data.add_reader()


def _create(name: str, source: str | None) -> None:
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if source is not None:
        leave(source)
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(source))
    with owner() as server:
        server.execute(statement)


def _drop_left_behind() -> None:
    """Drop working copies of processes that were killed, and what still runs in them."""
    with owner() as server:
        held = [row[0] for row in server.execute("SELECT datname FROM pg_database")]
    for name in held:
        number = name.removeprefix(WORK)
        if name.startswith(WORK) and (number == str(os.getpid()) or not pid_exists(int(number))):
            _drop(name)


def _drop(name: str) -> None:
    with owner() as server:
        server.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
        )


@cache
def _fingerprint() -> str:
    """Once a process: a file that is edited meanwhile must not pull the databases away."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in DECIDING for path in BASE.glob(pattern)}):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
