"""What every test stands on: the real database with its two roles, reference data, people.

The owner creates and migrates the test database; then the connection is switched to the
application role, so that a test that runs proves that the role's rights suffice. Reference data
and register definitions are loaded once and survive the flush of transactional tests.
"""

import hashlib
from collections.abc import Callable, Iterator
from datetime import date
from itertools import count
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.test import Client
from django.utils import translation
from psycopg import sql

from registry.accounts.actions import assign_role
from registry.accounts.models import User
from registry.accounts.permissions import Viewer
from registry.accounts.selectors import viewer_for
from registry.audit.grants import grant_application_role
from registry.celery import app as celery_app
from registry.units.models import Unit
from tests.processes import RUNNER, broker_url

# Tasks started in a test go to the tests' broker, never to a demo's or to Celery's default.
celery_app.conf.broker_url = broker_url()
settings.CACHES["default"]["LOCATION"] = broker_url()

TODAY = date(2026, 11, 20)
PASSWORD = "correct horse battery"
REGISTERS = ("danespine", "limb_no")
DEFINITIONS = Path(settings.BASE_DIR) / "registry" / "registers" / "definitions"

# Loaded once a session; a flush leaves them in place.
REFERENCE_TABLES = (
    "units_healthregion",
    "units_hospital",
    "units_unit",
    "units_unitcode",
    "units_unitlabel",
    "units_population",
    "registers_register",
    "registers_definitionversion",
    "registers_registerunit",
    "django_content_type",
    "auth_permission",
    "django_migrations",
)


def owner_connection(name: str = "") -> psycopg.Connection:
    """Connect as the role that owns the tables: to the test database, or to another one."""
    owner = settings.OWNER_DATABASE
    return psycopg.connect(
        host=owner["HOST"],
        port=owner["PORT"],
        user=owner["USER"],
        password=owner["PASSWORD"],
        dbname=name or settings.DATABASES["default"]["NAME"],
        options="-c search_path=public,identity_keys",
        autocommit=True,
    )


def _flush_as_owner(_operations: object, _statements: list[str]) -> None:
    """Empty every table but the reference data; the application role may not truncate."""
    with owner_connection() as owner:
        rows = owner.execute(
            "SELECT schemaname, tablename FROM pg_tables"
            " WHERE schemaname IN ('public', 'identity_keys') AND NOT tablename = ANY(%s)",
            [list(REFERENCE_TABLES)],
        ).fetchall()
        names = sql.SQL(", ").join(sql.Identifier(*row) for row in rows)
        owner.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(names))


def _fingerprint() -> str:
    """Return a digest of everything that decides what the prepared test database holds."""
    root = Path(settings.BASE_DIR)
    patterns = (
        "*/migrations/*.py",
        "registry/*/migrations/*.py",
        "registry/registers/definitions/*",
        "registry/registers/schema/*.py",
        "registry/units/data/*",
    )
    digest = hashlib.sha256(" ".join(REGISTERS).encode())
    for path in sorted({path for pattern in patterns for path in root.glob(pattern)}):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _prepare_database(name: str) -> None:
    """Create the test database: migrated, with reference data, with the two roles' rights.

    What was prepared is kept as a template, so that the next run with the same migrations and
    definitions copies it within a second.
    """
    template = f"{name}_template_{_fingerprint()}"
    with owner_connection(settings.OWNER_DATABASE["NAME"]) as owner:
        templates = owner.execute(
            "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [f"{name}_template_"]
        ).fetchall()
        for (old,) in templates:
            if old != template:
                owner.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(old)))
        names = {"new": sql.Identifier(name), "template": sql.Identifier(template)}
        owner.execute(sql.SQL("DROP DATABASE IF EXISTS {new} WITH (FORCE)").format(**names))
        if (template,) in templates:
            owner.execute(sql.SQL("CREATE DATABASE {new} TEMPLATE {template}").format(**names))
            return
        owner.execute(sql.SQL("CREATE DATABASE {new}").format(**names))
        call_command("migrate", verbosity=0, interactive=False)
        call_command("load_reference", verbosity=0)
        for code in REGISTERS:
            call_command("load_register", str(DEFINITIONS / f"{code}.toml"), verbosity=0)
        grant_application_role(connection)
        connection.close()
        owner.execute(sql.SQL("CREATE DATABASE {template} TEMPLATE {new}").format(**names))


@pytest.fixture(scope="session")
def django_db_setup(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker
) -> Iterator[None]:
    """Prepare the test database as its owner, then become the application."""
    application = dict(connection.settings_dict)
    name = "_".join(filter(None, (application["TEST"]["NAME"], RUNNER)))

    def become(role: dict) -> None:
        connection.close()
        for key in ("USER", "PASSWORD", "HOST", "PORT"):
            connection.settings_dict[key] = role[key]

    with django_db_blocker.unblock():
        become(settings.OWNER_DATABASE)
        connection.settings_dict["NAME"] = settings.DATABASES["default"]["NAME"] = name
        _prepare_database(name)
        become(application)
        connection.ops.__class__.execute_sql_flush = _flush_as_owner
    yield
    with django_db_blocker.unblock():
        for other in connections.all(initialized_only=True):
            other.close()
        with owner_connection(settings.OWNER_DATABASE["NAME"]) as owner:
            owner.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture(autouse=True)
def _quick_passwords(settings) -> None:
    """Argon2 is slow on purpose; tests that are not about passwords need not wait for it."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _english() -> Iterator[None]:
    """A request leaves its language active in this thread; the next test begins in English."""
    with translation.override("en"):
        yield


@pytest.fixture
def unit(db: None) -> Callable[[str], Unit]:
    """``unit("code")``: a unit of the reference data by its code."""
    return lambda code: Unit.objects.get(code=code)


_people = count(1)


@pytest.fixture
def user_with(db: None) -> Callable[..., User]:
    """``user_with("clinician", "danespine", unit)``: a new user holding that role today."""

    def make(
        role: str | None = None, register: str = "danespine", unit: Unit | None = None
    ) -> User:
        user = User.objects.create_user(
            f"person{next(_people)}@staff.example", PASSWORD, first_name="Test", last_name="Person"
        )
        if role is not None:
            assign_role(
                user=user,
                role=role,
                register_code=register,
                unit=unit,
                valid_from=date(2020, 1, 1),
            )
        return user

    return make


@pytest.fixture
def viewer_of(user_with: Callable[..., User]) -> Callable[..., Viewer]:
    """``viewer_of("clinician", "danespine", unit)``: the viewer such a user is."""
    return lambda *args, **kwargs: viewer_for(user_with(*args, **kwargs), on=TODAY)


@pytest.fixture
def client_of(user_with: Callable[..., User]) -> Callable[..., Client]:
    """``client_of("clinician", "danespine", unit)``: a test client logged in as such a user."""

    def make(*args: object, **kwargs: object) -> Client:
        client = Client()
        user = user_with(*args, **kwargs)
        client.force_login(user)
        client.user = user
        return client

    return make
