"""Identities are sealed, bound to their patient, found by blind index, and erased with the key."""

import json
from datetime import date

import pytest
from django.core.management import call_command
from django.db import connection

from patients import vault
from patients.actions import change_contact, erase_patient, replay_erasures, rewrap_keys
from patients.models import Erasure, PatientIdentity, PatientKey
from patients.selectors import identity_of, search
from registry.audit.models import AccessLog
from registry.core import crypto
from registry.core.clock import now
from registry.core.crypto import SealBroken
from registry.core.errors import NotAllowed, RuleBroken
from tests.conftest import TODAY
from tests.unit.patients.conftest import BORN

pytestmark = pytest.mark.django_db
NEW_MASTER = "ab" * 32


def test_nothing_of_an_identity_can_be_read_in_the_database(register):
    member = register(email="karen@example.org", address="Skolevej 1")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT row_to_json(i)::text || row_to_json(p)::text || coalesce(string_agg("
            " row_to_json(e)::text, ''), '')"
            " FROM patients_patientidentity i JOIN patients_patient p ON p.id = i.patient_id"
            " LEFT JOIN patients_patientidentityevent e ON e.patient_id = p.id"
            " WHERE p.id = %s GROUP BY i.*, p.*",
            [member.patient_id],
        )
        [stored] = cursor.fetchone()
    sealed = PatientIdentity.objects.get(pk=member.patient_id).sealed
    for word in ("Karen", "Kjærgaard", "karen@example.org", "Skolevej"):
        assert word not in stored
        assert word.encode() not in bytes(sealed)


def test_a_sealed_identity_opens_for_its_own_patient_only(register):
    one, other = register(0), register(1)
    moved = PatientIdentity.objects.get(pk=one.patient_id)
    key = PatientKey.objects.get(pk=other.patient_id)
    with pytest.raises(SealBroken):
        vault.open_version(moved.sealed, key)


def test_identity_does_not_show_itself(register):
    identity = vault.open_identity(register().patient_id)
    assert identity.name == "Karen Kjærgaard"
    assert "Kjærgaard" not in repr(identity)


def test_each_seal_is_different_and_indexes_are_equal():
    assert vault.number_index("dk", "123") == vault.number_index("DK", "123")
    assert vault.number_index("NO", "123") != vault.number_index("DK", "123")
    assert vault.name_index("Møller", BORN) != vault.name_index("Moeller", BORN)
    assert vault.phonetic_index("Møller", BORN) == vault.phonetic_index("Moeller", BORN)
    assert vault.phonetic_index("Møller", BORN) != vault.phonetic_index("Møller", date(1961, 4, 13))


def test_a_master_key_is_replaced_without_losing_anybody(register, settings, capsys):
    members = [register(sequence) for sequence in range(5)]
    settings.IDENTITY_OLD_MASTER_KEYS = [settings.IDENTITY_MASTER_KEY]
    settings.IDENTITY_MASTER_KEY = NEW_MASTER
    assert vault.open_identity(members[0].patient_id).given_name == "Karen"
    call_command("rotate_master_key", batch=2)
    assert "5 keys" in capsys.readouterr().out
    settings.IDENTITY_OLD_MASTER_KEYS = []
    assert len(vault.open_identities(m.patient_id for m in members)) == 5
    assert rewrap_keys() == 0


def test_a_forgotten_old_master_key_is_named(register, settings):
    register()
    held = PatientKey.objects.get().master_key_id
    settings.IDENTITY_MASTER_KEY = NEW_MASTER
    with pytest.raises(vault.MasterKeyMissing, match=held):
        rewrap_keys()


def test_erasing_makes_identity_and_its_history_unreadable(register, administrator, clinician):
    member = register()
    key = PatientKey.objects.get(pk=member.patient_id)
    change_contact(
        by=clinician,
        membership=member,
        address="Nyvej 2",
        email="",
        telephone="",
        language="da",
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sealed FROM patients_patientidentityevent WHERE patient_id = %s",
            [member.patient_id],
        )
        versions = [row[0] for row in cursor.fetchall()]
    assert len(versions) == 2
    assert vault.open_version(versions[0], key).address == ""
    number = vault.open_identity(member.patient_id).number

    erase_patient(by=administrator, membership=member, reason="The patient asked.", now=now())

    assert not PatientKey.objects.filter(pk=member.patient_id).exists()
    with pytest.raises(vault.IdentityErased):
        identity_of(administrator, member)
    assert search(clinician, "danespine", number, on=TODAY).hits == ()
    assert Erasure.objects.get().erased_by_id == administrator.user_id
    # A restore brings key and identity back; replaying the list destroys them again.
    key.save(force_insert=True)
    assert replay_erasures(now=now()) == 1
    assert not PatientKey.objects.filter(pk=member.patient_id).exists()


def test_only_an_administrator_erases_and_says_why(register, administrator, clinician):
    member = register()
    with pytest.raises(NotAllowed):
        erase_patient(by=clinician, membership=member, reason="x", now=now())
    assert AccessLog.objects.filter(action="erase", outcome="denied").exists()
    with pytest.raises(RuleBroken) as refused:
        erase_patient(by=administrator, membership=member, reason="  ", now=now())
    assert "reason" in refused.value.message_dict
    assert vault.open_identity(member.patient_id).given_name == "Karen"


def test_a_document_sealed_before_guardians_were_known_is_read_and_kept(register):
    member = register(email="karen@example.org")
    held = PatientKey.objects.get(pk=member.patient_id)
    old = {
        "number": "", "number_country": "", "given_name": "Karen", "surname": "Kjærgaard",
        "address": "", "email": "karen@example.org", "telephone": "",
    }  # fmt: skip
    sealed = crypto.seal(
        vault.unwrap_key(held),
        json.dumps(old).encode(),
        bound_to=f"patient:{member.patient_id}",
    )
    PatientIdentity.objects.filter(pk=member.patient_id).update(sealed=sealed)
    assert vault.open_identity(member.patient_id).guardian_email == ""
    fresh = vault.change_identity(
        member.patient_id, birth_date=BORN, guardian_email="mother@example.org"
    )
    assert (fresh.email, fresh.guardian_email) == ("karen@example.org", "mother@example.org")
    assert PatientIdentity.objects.get(pk=member.patient_id).guardian_has_email
