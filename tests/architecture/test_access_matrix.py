"""Every address × every role × GET and POST: what is answered, as one table: access_matrix.txt.

An address that is not in the table fails, and so does a line without an address. Beyond the
answer, every request is held to these rules:

- nothing but the log and the session is written by a GET, or by a POST that is refused;
- a logged-in person who is refused (404) leaves a denied row in the access log.

A cell says what is answered: a status; ``login`` (sent to log in); ``->`` (sent elsewhere within);
``gone`` (404 without a trace: there is nothing, or nothing about a person). POSTs carry no fields.

To add an address: write its lines with any answers, run the test, and judge what it answers.
"""

import re
from datetime import date, timedelta

import pytest
from django.core.cache import cache as counters
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from proms.actions import send_new_link
from registry.accounts.actions import assign_role, issue_api_token, revoke_api_token
from registry.accounts.models import ApiToken, Role
from registry.audit.models import AccessLog, AccessOutcome
from registry.core import clock
from reports.actions import refresh_register
from tests.addresses import Line, lines, parts_of_addresses
from tests.world import BIRTH_DATE, ROLES, RegisterWorld, World, build_world

pytestmark = pytest.mark.django_db

WRITES = re.compile(r'\b(?:INSERT INTO|UPDATE|DELETE FROM) "?(?:identity_keys"?\.)?"?(\w+)')
ALWAYS_WRITTEN = {"audit_accesslog", "django_session"}


def _area(line: Line) -> str:
    return line.name.partition(":")[0] if ":" in line.name else "ground floor"


def test_every_address_is_in_the_table_and_every_line_has_an_address():
    """The technical administration has a test of its own."""
    there = {
        (name, method)
        for name in parts_of_addresses()
        if not name.startswith("admin:")
        for method in ("GET", "POST")
    }
    listed = {(line.name, line.method) for line in lines()}
    assert sorted(there - listed) == [], "add a line for each of these"
    assert sorted(listed - there) == [], "these lines have no address any more"


def test_every_line_says_something_of_every_role():
    assert [line for line in lines() if len(line.expected) != len(ROLES)] == []


@pytest.fixture
def world(db, settings, tmp_path):
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    counters.clear()  # of how often somebody tried to log in
    on = clock.today()
    world = build_world(on=on)
    for register in (world.danespine, world.limb_no):
        # Else the first who reads a figure would compute it.
        refresh_register(register.code, on=on)
    return world


def _clients(register: RegisterWorld) -> dict[str, Client]:
    clients = {role: Client(raise_request_exception=False) for role in ROLES}
    for role, user in register.people.items():
        clients[role].force_login(user)
    return clients


@pytest.mark.parametrize("area", sorted({_area(line) for line in lines()}))
def test_every_role_gets_what_the_table_says(world, area):
    clients = {one.code: _clients(one) for one in (world.danespine, world.limb_no)}
    wrong = []
    for line in filter(lambda line: _area(line) == area, lines()):
        register = line.register(world)
        path = line.path(register)
        got, faults = [], []
        for role, expected in zip(ROLES, line.expected, strict=True):
            client, user = clients[register.code][role], register.people.get(role)
            answer, fault = _ask(client, line.method, path, user, expected)
            got.append(answer)
            faults += [f"    {role}: {fault}"] if fault else []
        if tuple(got) != line.expected or faults:
            wrong += [
                f"expected  {line.address} {line.method} {' '.join(line.expected)}",
                f"answered  {line.address} {line.method} {' '.join(got)}",
                *faults,
            ]
    assert not wrong, "\n" + "\n".join(wrong)


def _ask(client: Client, method: str, path: str, user: object, expected: str) -> tuple[str, str]:
    """Return what is answered and which rule was broken; what was changed is undone."""
    cookies = client.cookies.copy()
    with transaction.atomic():
        with CaptureQueriesContext(connection) as queries:
            response = client.generic(method, path)
        status = response.status_code
        answer, fault = str(status), ""
        if status == 302:
            answer = "login" if response["Location"].startswith("/accounts/login/?") else "->"
        written = {
            table for query in queries for table in WRITES.findall(query["sql"])
        } - ALWAYS_WRITTEN
        refused = answer in {"login", "401", "403", "404", "405"}
        if written and (method == "GET" or refused):
            fault = f"writes {', '.join(sorted(written))}"
        if answer == "404":
            denied = AccessLog.objects.filter(
                outcome=AccessOutcome.DENIED, actor_id=getattr(user, "pk", None)
            )
            if expected == "gone":
                answer = "gone"
            elif user is not None and not denied.exists():
                fault = "is refused without a trace in the access log"
        transaction.set_rollback(True)
    client.cookies = cookies
    return answer, fault


# --- Patients ---------------------------------------------------------------------------------


def _let_in(world: World, client: Client) -> Client:
    day = {"day": BIRTH_DATE.day, "month": BIRTH_DATE.month, "year": BIRTH_DATE.year}
    response = client.post(reverse("answer:link", kwargs={"token": world.token}), day)
    assert response.status_code == 302
    return client


def test_a_link_opens_its_own_form_and_nothing_of_the_staff(world):
    patient = _let_in(world, Client())
    assert patient.get(reverse("answer:start")).status_code == 200
    assert patient.get(reverse("answer:question", kwargs={"number": 1})).status_code == 200
    assert patient.get(reverse("answer:review")).status_code == 200
    staff = reverse("patients:detail", kwargs=_pick(world, "register", "membership"))
    assert patient.get(staff)["Location"].startswith("/accounts/login/")


def test_a_new_link_shuts_out_whoever_came_by_the_old_one(world):
    patient = _let_in(world, Client())
    send_new_link(invitation=world.invitation, now=clock.now())
    assert patient.get(reverse("answer:start")).status_code == 404
    old = reverse("answer:link", kwargs={"token": world.token})
    assert patient.get(old).status_code == 404


def _pick(world: World, *names: str) -> dict[str, object]:
    return {name: world.danespine.ids[name] for name in names}


# --- Tokens of other systems ------------------------------------------------------------------

API = ("api:register", "api:units", "api:benchmark", "api:completeness", "api:benchmark-chart")


@pytest.fixture
def in_both(world):
    """A person with a role in both registers."""
    user = world.danespine.people["reader"]
    assign_role(
        user=user,
        role=Role.NATIONAL_READER,
        register_code="limb_no",
        unit=None,
        valid_from=date(2020, 1, 1),
    )
    return user


@pytest.fixture
def bearer(in_both):
    """``bearer("danespine")``: a client with a token of that person for these registers."""

    def make(*codes: str, lives: timedelta = timedelta(days=1)) -> Client:
        now = clock.now()
        _token, secret = issue_api_token(
            user=in_both, name="test", register_codes=codes, expires_at=now + lives
        )
        return Client(headers={"Authorization": f"Bearer {secret}"})

    return make


@pytest.mark.parametrize("name", API)
def test_a_token_opens_its_registers_and_no_other(bearer, name):
    own, other = (reverse(name, kwargs={"register": code}) for code in ("danespine", "limb_no"))
    client = bearer("danespine")
    assert client.get(own).status_code == 200
    assert client.post(own).status_code == 405
    assert client.get(other).status_code == 404
    assert AccessLog.objects.filter(outcome=AccessOutcome.DENIED).exists()
    assert bearer("danespine", "limb_no").get(other).status_code in {200, 400}


def test_a_token_lists_its_registers_only(bearer):
    answer = bearer("limb_no").get(reverse("api:registers")).json()
    assert [one["code"] for one in answer] == ["limb_no"]


@pytest.mark.parametrize("what", ["expired", "revoked", "unknown"])
def test_a_token_that_is_over_opens_nothing(bearer, what):
    client = bearer("danespine", lives=timedelta(days=-1 if what == "expired" else 1))
    if what == "revoked":
        revoke_api_token(token=ApiToken.objects.get(), now=clock.now())
    if what == "unknown":
        client = Client(headers={"Authorization": "Bearer guessed"})
    for name in API:
        path = reverse(name, kwargs={"register": "danespine"})
        assert client.get(path).status_code == 401


def test_a_token_is_no_way_into_the_pages(bearer, world):
    page = reverse("patients:detail", kwargs=_pick(world, "register", "membership"))
    assert bearer("danespine").get(page)["Location"].startswith("/accounts/login/")


# --- The technical administration -------------------------------------------------------------


def test_the_technical_administration_is_for_superusers(world):
    clients = _clients(world.danespine)
    paths = [
        reverse(name, kwargs={part: "auth" if part == "app_label" else 1 for part in parts})
        for name, parts in parts_of_addresses().items()
        if name.startswith("admin:") and name not in {"admin:None", "admin:login", "admin:jsi18n"}
    ]
    assert paths
    for role, client in clients.items():
        for path in paths:
            assert client.get(path).status_code in {302, 404}, (role, path)
