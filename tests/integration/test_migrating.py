"""Migrations as an administrator runs them: one app alone, and back, on a database of its own."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from psycopg import sql

from tests.conftest import owner_connection
from tests.processes import RUNNER

NAME = "_".join(filter(None, ("test_migrating", RUNNER)))


@pytest.fixture
def migrate(django_db_setup, django_db_blocker) -> Iterator[Callable[..., str]]:
    """``migrate("proms", "0003")``: run the command on a database that was empty at first."""
    owner = settings.OWNER_DATABASE
    address = "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/" + NAME
    database = sql.Identifier(NAME)

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", "migrate", *arguments],
            cwd=settings.BASE_DIR,
            env={
                **os.environ,
                "REGISTRY_DATABASE_ROLE": "owner",
                "DATABASE_OWNER_URL": address.format(**owner),
                "DATABASE_URL": address.format(
                    **{
                        **owner,
                        "USER": settings.APPLICATION_DATABASE_USER,
                        "PASSWORD": settings.APPLICATION_DATABASE_PASSWORD,
                    }
                ),
            },
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    with owner_connection(owner["NAME"]) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(database))
        yield run
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))


def rights() -> dict[str, set[str]]:
    """What the application may do with rows, by table."""
    found: dict[str, set[str]] = {}
    with owner_connection(NAME) as connection:
        rows = connection.execute(
            "SELECT table_name, privilege_type FROM information_schema.role_table_grants"
            " WHERE grantee = %s",
            [settings.APPLICATION_DATABASE_USER],
        )
        for table, privilege in rows:
            found.setdefault(table, set()).add(privilege)
    return found


def test_one_app_alone_then_back_and_forth(migrate):
    """Rights are given on what is there, and whole again when everything is."""
    migrate("audit")  # not even the schema of the patients' keys
    assert rights()["audit_accesslog"] == {"SELECT", "INSERT"}
    migrate("proms")
    assert rights()["proms_responseevent"] == {"SELECT", "INSERT"}
    assert "reports_completenessfact" not in rights()
    migrate("proms", "0003")
    assert "proms_callattempt" not in rights()
    migrate("proms")
    held = rights()
    assert held["proms_callattemptevent"] == {"SELECT", "INSERT"}
    assert held["proms_callattempt"] == {"SELECT", "INSERT", "UPDATE", "DELETE"}
