"""Who may see whom, and how a member is found."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from patients import vault
from patients.selectors import (
    identities_of,
    identity_of,
    member_for,
    memberships_by_number,
    memberships_for,
    search,
)
from registry.audit.models import AccessLog
from registry.core.errors import NotAllowed
from tests.conftest import TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def elsewhere(viewer_of, units):
    """A clinician at another unit."""
    return viewer_of("clinician", "danespine", units[1])


def test_a_unit_sees_its_own_members_and_the_whole_register_all(
    register, clinician, elsewhere, administrator, viewer_of
):
    member = register()
    assert list(memberships_for(clinician, "danespine")) == [member]
    assert list(memberships_for(administrator, "danespine")) == [member]
    assert list(memberships_for(elsewhere, "danespine")) == []
    assert list(memberships_for(viewer_of("national_reader", "danespine"), "danespine")) == []
    assert list(memberships_for(clinician, "limb_no")) == []


def test_looking_leaves_a_trace_and_so_does_a_refusal(register, clinician, elsewhere):
    member = register()
    assert member_for(clinician, "danespine", member.pk) == member
    for code, pk in (("danespine", member.pk), ("limb_no", member.pk), ("danespine", 10**9)):
        with pytest.raises(NotAllowed):
            member_for(elsewhere, code, pk)
    log = AccessLog.objects.filter(action="see").order_by("pk")
    assert [(row.outcome, row.patient_id) for row in log] == [
        ("granted", member.patient_id),
        ("denied", member.patient_id),
        ("denied", None),
        ("denied", None),
    ]


def test_identity_is_for_those_who_may_see_the_member(register, clinician, elsewhere):
    member = register()
    assert identity_of(clinician, member).surname == "Kjærgaard"
    with pytest.raises(NotAllowed):
        identity_of(elsewhere, member)
    assert identities_of(elsewhere, [member]) == {}
    assert identities_of(clinician, [member])[member.pk].surname == "Kjærgaard"


def test_each_identity_of_a_list_is_noted_and_all_by_one_statement(register, clinician):
    members = [register(sequence, surname=f"Prøve{sequence}") for sequence in (1, 2, 3)]
    before = AccessLog.objects.count()
    with CaptureQueriesContext(connection) as asked:
        identities_of(clinician, members, action="list")
    noted = AccessLog.objects.order_by("-pk")[: AccessLog.objects.count() - before]
    assert {(row.action, row.object_type, row.object_id, row.patient_id) for row in noted} == {
        ("list", "identity", str(member.pk), member.patient_id) for member in members
    }
    inserts = [one for one in asked.captured_queries if "audit_accesslog" in one["sql"]]
    assert len(inserts) == 1


@pytest.mark.parametrize(
    ("text", "read_as"),
    [
        ("1", "registry_number"),
        ("#1", "registry_number"),
        ("Kjærgaard 1961-04-12", "name"),
        ("Karen Kjærgaard 12.4.1961", "name"),
        ("kjergaard 1961-04-12".replace("kjer", "kjaer"), "name"),
        ("12.04.1961 Kjærgård", "name"),
        ("Kjærgaard, Karen 12/4/1961", "name"),
    ],
)
def test_found_by(register, clinician, text, read_as):
    member = register()
    register(1, surname="Holm")
    found = search(clinician, "danespine", text, on=TODAY)
    assert found.read_as == read_as
    assert [(hit.membership, hit.identity.surname) for hit in found.hits] == [(member, "Kjærgaard")]


@pytest.mark.parametrize("text", ["Kjærgaard 1961-04-13", "Kjærgaard", "77", "", "1961-13-40 Holm"])
def test_not_found_by(register, clinician, text):
    register()
    assert search(clinician, "danespine", text, on=TODAY).hits == ()


def test_an_exact_spelling_goes_before_those_that_sound_alike(register, clinician):
    exact, alike = register(0, surname="Møller"), register(1, surname="Moeller")
    found = search(clinician, "danespine", "Møller 12.4.1961", on=TODAY)
    assert [hit.membership for hit in found.hits] == [exact]
    found = search(clinician, "danespine", "Möller 12.4.1961", on=TODAY)
    assert {hit.membership for hit in found.hits} == {exact, alike}


def test_a_whole_number_finds_members_of_other_units_without_telling_who(register, elsewhere):
    member = register()
    number = vault.open_identity(member.patient_id).number
    found = search(elsewhere, "danespine", number, on=TODAY)
    assert [(hit.membership, hit.elsewhere) for hit in found.hits] == [(member, True)]
    assert AccessLog.objects.get(action="search_elsewhere").patient_id == member.patient_id
    # Anything less than the whole number does not.
    assert search(elsewhere, "danespine", "1", on=TODAY).hits == ()
    assert search(elsewhere, "danespine", "Kjærgaard 12.4.1961", on=TODAY).hits == ()


def test_searching_needs_a_role_in_the_register(register, viewer_of, clinician):
    with pytest.raises(NotAllowed):
        search(viewer_of("national_reader", "danespine"), "danespine", "1", on=TODAY)
    with pytest.raises(NotAllowed):
        search(clinician, "limb_no", "1", on=TODAY)


def test_members_are_found_by_the_numbers_of_a_file(register, clinician, elsewhere):
    member = register()
    number = ("DK", vault.open_identity(member.patient_id).number)
    asked = [number, ("DK", "0000000000")]
    assert memberships_by_number(clinician, "danespine", asked) == {number: member}
    assert memberships_by_number(elsewhere, "danespine", asked) == {}


def test_an_old_person_is_found_too(register, clinician):
    member = register(birth_date=date(1930, 2, 28), surname="Aas")
    [hit] = search(clinician, "danespine", "Ås 28.2.1930", on=TODAY).hits
    assert hit.membership == member
