"""Becoming a member: found again by number, nothing overwritten, conflicts said."""

import threading
from datetime import date

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from demo.identities import synthetic_number
from patients import vault
from patients.actions import NewPatient, join_unit, known_since, register_patients
from patients.models import Membership, Patient, PatientIdentity, Residence, UnitRelation
from patients.selectors import region_ids_on, region_of
from registry.audit.models import AccessLog
from registry.core.errors import NotAllowed, RuleBroken
from registry.jobs.rows import RowsRefused
from registry.registers.selectors import units_of
from registry.units.models import HealthRegion
from tests.conftest import TODAY
from tests.unit.patients.conftest import BORN

pytestmark = pytest.mark.django_db


def test_a_new_patient_gets_what_the_number_suggests(register):
    member = register()
    assert (member.patient.birth_date, member.patient.sex) == (BORN, "female")
    assert (member.patient.country, member.patient.language) == ("DK", "da")
    assert member.registry_number == 1
    identity = vault.open_identity(member.patient_id)
    assert (identity.given_name, identity.number_country) == ("Karen", "DK")
    assert PatientIdentity.objects.get().number_kind == "synthetic"
    assert AccessLog.objects.filter(action="register", patient_id=member.patient_id).exists()


def test_what_is_typed_wins_over_what_the_number_suggests(register):
    member = register(birth_date=date(1961, 4, 13), sex="male")
    assert (member.patient.birth_date, member.patient.sex) == (date(1961, 4, 13), "male")


def test_numbers_run_without_holes(register):
    assert [register(sequence).registry_number for sequence in range(3)] == [1, 2, 3]


def test_the_same_person_typed_otherwise_is_found_and_not_overwritten(
    register, units, administrator
):
    first = register()
    number = vault.open_identity(first.patient_id).number
    again = register(
        number=f"{number[:6]}-{number[6:]}",
        given_name="Carla",
        language="sv",
        by=administrator,
        unit=units[1],
    )
    assert again == first
    assert vault.open_identity(first.patient_id).given_name == "Karen"
    assert set(first.relations.values_list("unit_id", flat=True)) == {units[0].pk, units[1].pk}
    assert Patient.objects.count() == 1


def test_a_second_register_adds_a_membership_of_its_own(register, viewer_of):
    [unit] = units_of("limb_no")[:1]
    born = date(2015, 3, 2)
    number = synthetic_number("NO", born, "male", 0)
    told = {"number": number, "country": "NO", "surname": "Nordmann"}
    first = register(**told)
    second = register(
        **told, by=viewer_of("clinician", "limb_no", unit), register_code="limb_no", unit=unit
    )
    assert second.patient_id == first.patient_id
    assert (second.register_id, second.registry_number) == ("limb_no", 1)
    assert second.pseudonym != first.pseudonym


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"birth_date": date(1961, 4, 14)}, "birth_date", "another birth date"),
        ({"sex": "male"}, "sex", "another sex"),
    ],
)
def test_a_conflict_with_what_is_recorded_is_said(register, change, field, says):
    member = register()
    with pytest.raises(RuleBroken) as refused:
        register(**change)
    assert says in refused.value.message_dict[field][0]
    assert Patient.objects.get() == member.patient


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"number": "1204611"}, "number"),
        ({"number": "1204611", "country": "XX"}, "country"),
        ({"birth_date": date(2027, 1, 1)}, "birth_date"),
        ({"birth_date": date(1890, 1, 1)}, "birth_date"),
        ({"sex": "x"}, "sex"),
        ({"surname": " "}, "surname"),
        ({"language": "de"}, "language"),
        ({"email": "karen@"}, "email"),
        ({"telephone": "ring me"}, "telephone"),
        ({"residence_from": date(1950, 1, 1)}, "residence_from"),
        ({"consented_on": date(2026, 12, 1)}, "consented_on"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_written(register, change, field):
    with pytest.raises(RuleBroken) as refused:
        register(**change)
    assert list(refused.value.message_dict) == [field]
    assert not Patient.objects.exists()


def test_production_refuses_test_numbers(register, settings):
    settings.ALLOW_SYNTHETIC_IDENTITY = False
    with pytest.raises(RuleBroken) as refused:
        register()
    assert "test number" in refused.value.message_dict["number"][0]


def test_without_a_number_where_the_register_allows_it(register, viewer_of):
    with pytest.raises(RuleBroken) as refused:
        register(number="", birth_date=BORN, sex="female")
    assert list(refused.value.message_dict) == ["number"]
    [unit] = units_of("limb_no")[:1]
    limb = {
        "by": viewer_of("clinician", "limb_no", unit),
        "register_code": "limb_no",
        "unit": unit,
        "number": "",
        "sex": "male",
    }
    born = date(2020, 1, 1)
    members = [register(**limb, birth_date=born) for _ in range(2)]
    assert [m.registry_number for m in members] == [1, 2]
    with pytest.raises(RuleBroken) as refused:
        register(**limb, birth_date=date(2008, 11, 20))
    assert "18 years" in refused.value.message_dict["birth_date"][0]


def test_only_at_units_where_the_viewer_may_register(register, units, viewer_of):
    with pytest.raises(NotAllowed):
        register(unit=units[1])
    with pytest.raises(NotAllowed):
        register(by=viewer_of("national_reader", "danespine"))
    assert AccessLog.objects.filter(outcome="denied", action="register").count() == 2


def test_a_unit_of_another_register_is_refused(register, viewer_of):
    [foreign] = units_of("limb_no")[:1]
    with pytest.raises(RuleBroken) as refused:
        register(by=viewer_of("administrator", "danespine"), unit=foreign)
    assert list(refused.value.message_dict) == ["unit"]


def test_who_has_opted_out_is_not_registered_again(register):
    member = register()
    Membership.objects.update(opted_out_on=TODAY)
    with pytest.raises(RuleBroken) as refused:
        register()
    assert "opted out" in refused.value.message_dict["number"][0]
    assert member.relations.count() == 1


# --- Many -------------------------------------------------------------------------------------


def entries(unit, count, first=0):
    return [
        NewPatient(
            unit=unit,
            number=synthetic_number("DK", BORN, "female", sequence),
            given_name="Karen",
            surname=f"Holm {sequence}",
        )
        for sequence in range(first, first + count)
    ]


def test_many_keep_their_order_and_cost_few_queries(clinician, units):
    def run(count, first):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            members = register_patients(
                by=clinician,
                register_code="danespine",
                entries=entries(units[0], count, first),
                on=TODAY,
            )
        return members, len(queries)

    few, with_few = run(3, 0)
    many, with_many = run(60, 100)
    assert with_many == with_few
    assert [m.registry_number for m in few + many] == list(range(1, 64))
    names = vault.open_identities(m.patient_id for m in many)
    assert [names[m.patient_id].surname for m in many] == [f"Holm {n}" for n in range(100, 160)]
    assert UnitRelation.objects.count() == 63


def test_one_bad_row_stops_all_and_every_fault_is_listed(clinician, units):
    rows = entries(units[0], 4)
    rows[1] = NewPatient(unit=units[0], number="12", surname="Holm")
    rows[3] = NewPatient(unit=units[0], number=rows[0].number, surname="Holm", email="x")
    with pytest.raises(RowsRefused) as refused:
        register_patients(by=clinician, register_code="danespine", entries=rows, on=TODAY)
    found = [(e.row, e.column) for e in refused.value.errors]
    assert found[0][0] == 1
    assert "number" in {column for row, column in found if row == 1}
    assert (3, "number") in found
    assert (3, "email") in found
    assert not Patient.objects.exists()


def test_the_same_set_twice_is_once(clinician, units):
    told = {"by": clinician, "register_code": "danespine", "on": TODAY}
    first = register_patients(**told, entries=entries(units[0], 3))
    assert register_patients(**told, entries=entries(units[0], 3)) == first
    assert Patient.objects.count() == 3


def test_joining_a_second_unit_is_logged(register, units, viewer_of):
    member = register()
    other = viewer_of("clinician", "danespine", units[1])
    join_unit(by=other, membership=member, unit=units[1], on=TODAY)
    assert member.relations.count() == 2
    assert AccessLog.objects.filter(action="join_unit", detail=units[1].code).exists()
    with pytest.raises(NotAllowed):
        join_unit(by=other, membership=member, unit=units[2], on=TODAY)


def test_known_since_moves_the_beginning_back_only(register):
    member = register()
    known_since({member.pk: date(2019, 5, 1)})
    known_since({member.pk: date(2021, 5, 1)})
    member.refresh_from_db()
    assert member.joined_on == date(2019, 5, 1)


def test_residence_is_the_one_of_the_day(register):
    west, north = HealthRegion.objects.filter(country="NO")[:2]
    member = register(region=west, residence_from=date(2015, 1, 1))
    Residence.objects.update(valid_until=date(2019, 12, 31))
    Residence.objects.create(patient=member.patient, region=north, valid_from=date(2021, 1, 1))
    days = {
        date(2010, 1, 1): west,  # before anything is known: the first one
        date(2015, 1, 1): west,
        date(2019, 12, 31): west,
        date(2020, 6, 1): None,  # a gap is a gap
        date(2021, 1, 1): north,
    }
    for day, region in days.items():
        assert region_of(member.patient_id, day) == region
    found = region_ids_on((member.patient_id, day) for day in days)
    assert found == {(member.patient_id, d): r.pk for d, r in days.items() if r}


# --- At the same time -------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_registering_at_the_same_moment_gives_each_a_number_and_a_person_once(clinician, units):
    """Eight threads: four new people, and one person four times."""
    jobs = [*range(4), 9, 9, 9, 9]
    ready = threading.Barrier(len(jobs))
    failures: list[BaseException] = []

    def work(sequence):
        try:
            ready.wait(10)
            register_patients(
                by=clinician,
                register_code="danespine",
                entries=entries(units[0], 1, sequence),
                on=TODAY,
            )
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(sequence,)) for sequence in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    numbers = Membership.objects.order_by("registry_number").values_list(
        "registry_number", flat=True
    )
    assert list(numbers) == [1, 2, 3, 4, 5]


def test_a_child_is_registered_with_a_guardian(register):
    member = register(
        preferred_channel="sms",
        guardian_name=" Mette Kjærgaard ",
        guardian_relation="parent",
        guardian_telephone="12345678",
        guardian_language="en",
    )
    identity = vault.open_identity(member.patient_id)
    assert (identity.guardian_name, identity.guardian_relation) == ("Mette Kjærgaard", "parent")
    held = PatientIdentity.objects.get(pk=member.patient_id)
    assert (held.guardian_has_telephone, held.guardian_has_email) == (True, False)
    assert (member.patient.preferred_channel, member.patient.guardian_language) == ("sms", "en")


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"preferred_channel": "pigeon"}, "preferred_channel"),
        ({"preferred_channel": "email"}, "preferred_channel"),
        ({"preferred_channel": "sms", "email": "k@example.org"}, "preferred_channel"),
        ({"preferred_channel": "letter"}, "preferred_channel"),
        ({"guardian_email": "m@example.org"}, "guardian_name"),
        ({"guardian_name": "M", "guardian_email": "m@"}, "guardian_email"),
        ({"guardian_name": "M", "guardian_telephone": "abc"}, "guardian_telephone"),
        ({"guardian_name": "M", "guardian_relation": "uncle"}, "guardian_relation"),
        ({"guardian_name": "M", "guardian_language": "xx"}, "guardian_language"),
    ],
)
def test_contact_that_cannot_work_is_refused_beside_its_field(register, told, field):
    with pytest.raises(RuleBroken) as refused:
        register(**told)
    assert list(refused.value.message_dict) == [field]
