"""Corrections, contact, death, emigration, opt-out and moving."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from demo.identities import synthetic_number
from patients import events, vault
from patients.actions import (
    change_contact,
    correct_identity,
    erase_patient,
    move_residence,
    note_refused_address,
    opt_out,
    record_death,
    record_emigration,
    revoke_death,
    revoke_emigration,
    revoke_opt_out,
)
from patients.models import PatientIdentity
from patients.selectors import region_of, search
from registry.audit.models import AccessLog
from registry.core.errors import NotAllowed, RuleBroken
from registry.core.events import _subscribers
from registry.units.models import HealthRegion
from tests.conftest import TODAY
from tests.unit.patients.conftest import BORN

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 1)


@pytest.fixture
def announced(monkeypatch):
    """What is announced while the test runs."""
    heard: list[object] = []
    for event in vars(events).values():
        if isinstance(event, type) and event.__module__ == events.__name__:
            monkeypatch.setitem(_subscribers, event, [heard.append])
    return heard


def test_death_emigration_and_opt_out_are_announced(register, clinician, announced):
    member = register()
    told = {"by": clinician, "membership": member}
    record_death(**told, died_on=DAY, on=TODAY)
    record_emigration(**told, emigrated_on=DAY, on=TODAY)
    opt_out(**told, opted_out_on=DAY, on=TODAY)
    member.refresh_from_db()
    assert (member.patient.died_on, member.patient.emigrated_on) == (DAY, DAY)
    assert member.opted_out_on == DAY
    revoke_death(**told)
    revoke_emigration(**told)
    revoke_opt_out(**told)
    member.refresh_from_db()
    assert (member.patient.died_on, member.patient.emigrated_on) == (None, None)
    assert member.opted_out_on is None
    pk = member.patient_id
    assert announced == [
        events.PatientDied(pk, DAY),
        events.PatientEmigrated(pk, DAY),
        events.MemberOptedOut(member.pk, pk, "danespine", DAY),
        events.StatusRevoked(pk, "death"),
        events.StatusRevoked(pk, "emigration"),
        events.StatusRevoked(pk, "opt_out", member.pk),
    ]


@pytest.mark.parametrize("day", [date(2026, 11, 21), date(1961, 4, 11)])
def test_a_date_in_the_future_or_before_birth_is_refused(register, clinician, announced, day):
    member = register()
    told = {"by": clinician, "membership": member, "on": TODAY}
    for act, field in (
        (record_death, "died_on"),
        (record_emigration, "emigrated_on"),
        (opt_out, "opted_out_on"),
    ):
        with pytest.raises(RuleBroken) as refused:
            act(**told, **{field: day})
        assert list(refused.value.message_dict) == [field]
    assert announced == []


def test_another_unit_changes_nothing(register, viewer_of, units):
    member = register()
    other = viewer_of("clinician", "danespine", units[1])
    with pytest.raises(NotAllowed):
        record_death(by=other, membership=member, died_on=DAY, on=TODAY)
    with pytest.raises(NotAllowed):
        change_contact(
            by=other, membership=member, address="", email="", telephone="", language="da"
        )
    member.patient.refresh_from_db()
    assert member.patient.died_on is None
    denied = AccessLog.objects.filter(outcome="denied").order_by("pk")
    assert [row.action for row in denied] == ["record_death", "change_contact"]


def test_contact_is_checked_and_resealed(register, clinician):
    member = register()
    told = {"by": clinician, "membership": member, "address": "Skolevej 1"}
    with pytest.raises(RuleBroken) as refused:
        change_contact(**told, email="a@", telephone="abc", language="xx")
    assert set(refused.value.message_dict) == {"email", "telephone", "language"}
    change_contact(**told, email="k@example.org", telephone="+45 12 34 56 78", language="sv")
    identity = vault.open_identity(member.patient_id)
    assert (identity.surname, identity.email) == ("Kjærgaard", "k@example.org")
    member.patient.identity.refresh_from_db()
    assert member.patient.identity.has_email
    member.patient.refresh_from_db()
    assert member.patient.language == "sv"


def test_a_corrected_person_is_found_under_the_new_name_and_date(register, clinician, announced):
    member = register()
    told = {"by": clinician, "membership": member, "on": TODAY, "given_name": "Karen"}
    correct_identity(**told, surname="Holm", birth_date=date(1961, 4, 13), sex="female")
    assert announced == [events.PatientCorrected(member.patient_id)]
    assert search(clinician, "danespine", "Kjærgaard 12.4.1961", on=TODAY).hits == ()
    [hit] = search(clinician, "danespine", "Holm 13.4.1961", on=TODAY).hits
    assert hit.membership == member
    # Marrying changes no figures.
    correct_identity(**told, surname="Lund", birth_date=date(1961, 4, 13), sex="female")
    assert len(announced) == 1


def test_a_number_of_another_patient_is_refused(register, clinician):
    member, other = register(0), register(1)
    told = {
        "by": clinician,
        "membership": member,
        "on": TODAY,
        "given_name": "Karen",
        "surname": "Kjærgaard",
        "birth_date": BORN,
        "sex": "female",
    }
    taken = vault.open_identity(other.patient_id).number
    with pytest.raises(RuleBroken) as refused:
        correct_identity(**told, number=taken)
    assert "another patient" in refused.value.message_dict["number"][0]
    fresh = synthetic_number("DK", BORN, "female", 7)
    correct_identity(**told, number=fresh)
    assert vault.open_identity(member.patient_id).number == fresh


def test_moving_ends_the_residence_before(register, clinician, announced):
    west, north = HealthRegion.objects.filter(country="DK")[:2]
    member = register(region=west, residence_from=date(2015, 1, 1))
    told = {"by": clinician, "membership": member, "on": TODAY}
    move_residence(**told, region=north, since=DAY)
    assert region_of(member.patient_id, date(2026, 2, 28)) == west
    assert region_of(member.patient_id, DAY) == north
    # Said again with an earlier date: replaced, not doubled.
    move_residence(**told, region=north, since=date(2026, 1, 1))
    assert region_of(member.patient_id, date(2026, 1, 1)) == north
    assert member.patient.residences.count() == 2
    assert announced[-1] == events.PatientMoved(member.patient_id, date(2026, 1, 1))


def test_every_change_is_in_the_history(register, clinician):
    member = register()
    record_death(by=clinician, membership=member, died_on=DAY, on=TODAY)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pgh_label, died_on FROM patients_patientevent WHERE pgh_obj_id = %s"
            " ORDER BY pgh_id",
            [member.patient_id],
        )
        assert cursor.fetchall() == [("insert", None), ("update", DAY)]


MORNING = datetime(2026, 11, 20, 7, tzinfo=UTC)


def test_a_refused_address_is_noted_once_until_it_is_changed(register, clinician):
    member = register(email="karen@example.org", telephone="+45 12 34 56 78")
    pk = member.patient_id
    assert note_refused_address(patient_id=pk, channel="email", now=MORNING)
    assert not note_refused_address(patient_id=pk, channel="email", now=MORNING + timedelta(1))
    assert not note_refused_address(patient_id=pk, channel="letter", now=MORNING)
    told = {"by": clinician, "membership": member, "address": "", "language": "da"}
    change_contact(**told, email="karen@example.org", telephone="87654321")
    held = PatientIdentity.objects.get(pk=pk)
    assert (held.email_refused_at, held.telephone_refused_at) == (MORNING, None)
    change_contact(**told, email="karen@example.com", telephone="87654321")
    held.refresh_from_db()
    assert held.email_refused_at is None


@pytest.mark.parametrize(
    ("channel", "address", "refused"),
    [
        ("email", "KAREN@example.org ", {"email"}),
        ("email", "old@example.org", set()),
        ("sms", "+4512345678", {"telephone"}),
        ("telephone", "12 34 56 78", {"telephone"}),
        ("sms", "12 34 56 79", set()),
        ("email", "mother@example.org", {"guardian_email"}),
    ],
)
def test_a_refusal_concerns_the_address_it_names(register, channel, address, refused):
    member = register(email="karen@example.org", telephone="12 34 56 78")
    vault.change_identity(member.patient_id, birth_date=BORN, guardian_email="mother@example.org")
    noted = note_refused_address(
        patient_id=member.patient_id, channel=channel, now=MORNING, address=address
    )
    held = PatientIdentity.objects.get(pk=member.patient_id)
    assert {name for name in vault.ADDRESSES if getattr(held, f"{name}_refused_at")} == refused
    assert noted == bool(refused)


def test_what_is_not_there_cannot_be_refused(register, administrator):
    member = register()
    told = {"patient_id": member.patient_id, "now": MORNING}
    assert not note_refused_address(**told, channel="email")
    assert not note_refused_address(**told, channel="email", recipient="guardian")
    erase_patient(by=administrator, membership=member, reason="asked", now=MORNING)
    assert not note_refused_address(**told, channel="email", address="karen@example.org")
