"""A register's administrator gives and ends roles, in this register only."""

import pytest
from django.core import mail

from registry.accounts.models import Role, RoleAssignment, User
from registry.audit.models import AccessLog, AccessOutcome

pytestmark = pytest.mark.django_db

PEOPLE = "/administration/danespine/people/"


def form(**changes: object) -> dict[str, object]:
    return {
        "email": "new@staff.example",
        "first_name": "Ny",
        "last_name": "Kollega",
        "role": "clinician",
        "unit": "",
        "valid_from": "2026-11-01",
        **changes,
    }


def test_a_new_person_gets_a_role_and_a_link_to_choose_a_password(client_of, unit):
    own = unit("glostrup-rygkirurgi")
    response = client_of("administrator").post(PEOPLE, form(unit=own.pk))
    assert response.status_code == 302
    assignment = RoleAssignment.objects.get(user__email="new@staff.example")
    assert (assignment.role, assignment.unit, assignment.register_code) == (
        Role.CLINICIAN,
        own,
        "danespine",
    )
    assert not assignment.user.has_usable_password()
    assert [message.to for message in mail.outbox] == [["new@staff.example"]]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"unit": ""}, "unit"),
        ({"role": "national_reader", "unit": "own"}, "unit"),
        ({"unit": "999999"}, "unit"),
        ({"valid_from": "yesterday"}, "valid_from"),
        ({"role": "emperor"}, "role"),
    ],
)
def test_what_is_wrong_stands_beside_its_field_and_changes_nothing(client_of, unit, changes, field):
    own = unit("glostrup-rygkirurgi")
    values = {key: own.pk if value == "own" else value for key, value in form(**changes).items()}
    client = client_of("administrator")
    before = User.objects.count()
    response = client.post(PEOPLE, values)
    assert response.status_code == 200
    assert field in response.context["form"].errors
    assert str(values["last_name"]) in response.content.decode()
    assert User.objects.count() == before


@pytest.mark.parametrize("role", ["coordinator", "national_reader"])
def test_others_find_nothing_there_and_leave_a_trace(client_of, role):
    client = client_of(role)
    assert client.get(PEOPLE).status_code == 404
    denied = AccessLog.objects.get(outcome=AccessOutcome.DENIED)
    assert (denied.actor_id, denied.action) == (client.user.pk, "administer")


def test_an_administrator_of_another_register_is_nobody_here(client_of):
    assert client_of("administrator", "limb_no").get(PEOPLE).status_code == 404


def test_a_role_is_ended_but_not_ones_own(client_of, user_with):
    client = client_of("administrator")
    other = user_with("national_reader").assignments.get()
    client.post(f"{PEOPLE}{other.pk}/end/")
    other.refresh_from_db()
    assert other.valid_until is not None
    mine = client.user.assignments.get()
    client.post(f"{PEOPLE}{mine.pk}/end/")
    mine.refresh_from_db()
    assert mine.valid_until is None
