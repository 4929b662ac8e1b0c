"""Who is reached how: a table for reading, and Python against the database on random people."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patients.models import Patient, PatientIdentity
from patients.reach import Contact, Reach, joint_answerer, reach, reach_sql
from registry.core.choices import ContactChannel

ON = date(2026, 11, 20)
CHILD = date(2014, 3, 1)  # twelve years old
ADULT = date(1961, 4, 12)
MAIL, PHONE = {"has_email": True}, {"has_telephone": True}
G_MAIL, G_PHONE = {"guardian_has_email": True}, {"guardian_has_telephone": True}


@pytest.mark.parametrize(
    ("born", "known", "answerer", "sms", "code"),
    [
        # Of age: the patient, whoever answers for children.
        (ADULT, {}, "patient", True, "patient.no_address"),
        (ADULT, MAIL | PHONE, "guardian", True, "patient.email"),
        (ADULT, PHONE | G_MAIL, "both", True, "patient.sms"),
        (ADULT, PHONE, "patient", False, "patient.telephone"),
        (ADULT, MAIL | {"email_refused": True}, "patient", False, "patient.refused"),
        (ADULT, MAIL | PHONE | {"email_refused": True}, "patient", False, "patient.telephone"),
        # The preferred channel first, if it works.
        (ADULT, MAIL | PHONE | {"preferred_channel": "telephone"}, "patient", True,
         "patient.telephone"),
        (ADULT, MAIL | PHONE | {"preferred_channel": "sms"}, "patient", True, "patient.sms"),
        (ADULT, MAIL | PHONE | {"preferred_channel": "sms"}, "patient", False, "patient.email"),
        (ADULT, MAIL | {"preferred_channel": "letter"}, "patient", True, "patient.letter"),
        (ADULT, MAIL | {"preferred_channel": "telephone"}, "patient", True, "patient.email"),
        # Under age: the guardian, and the child only where the child answers.
        (CHILD, MAIL | G_MAIL, "patient", False, "guardian.email"),
        (CHILD, MAIL, "patient", False, "patient.email"),
        (CHILD, MAIL | G_PHONE, "guardian", True, "guardian.sms"),
        (CHILD, MAIL | PHONE, "guardian", True, "guardian.no_address"),
        (CHILD, MAIL | G_MAIL, "both", False, "guardian.email"),
        (CHILD, MAIL | G_MAIL | {"guardian_email_refused": True}, "both", False, "patient.email"),
        (CHILD, G_MAIL | {"guardian_email_refused": True}, "both", False, "guardian.refused"),
        (CHILD, {"preferred_channel": "letter"}, "guardian", False, "guardian.letter"),
    ],
)  # fmt: skip
def test_who_is_reached_how(born, known, answerer, sms, code):
    contact = Contact(birth_date=born, **known)
    found = reach(contact, on=ON, guardian_until=16, answerer=answerer, sms=sms)
    assert found.code == code
    assert Reach.from_code(code) == found


@pytest.mark.parametrize(
    ("on", "guardian_until", "recipient"),
    [
        (date(2026, 11, 20), 0, "patient"),
        (date(2026, 2, 28), 14, "guardian"),
        (date(2026, 3, 1), 14, "patient"),
        (date(2026, 3, 1), 15, "guardian"),
    ],
)
def test_the_register_says_until_when_a_guardian_is_asked(on, guardian_until, recipient):
    contact = Contact(birth_date=date(2012, 3, 1), guardian_has_email=True, has_email=True)
    found = reach(contact, on=on, guardian_until=guardian_until, answerer="guardian")
    assert found.recipient == recipient


def test_questionnaires_of_different_answerers_together_are_for_both():
    assert joint_answerer([]) == "patient"
    assert joint_answerer(["guardian", "guardian"]) == "guardian"
    assert joint_answerer(["patient", "guardian"]) == "both"


_WHEN = datetime(2026, 11, 1, tzinfo=UTC)
_FLAGS = [
    "has_email",
    "has_telephone",
    "guardian_has_email",
    "guardian_has_telephone",
]
_REFUSED = [
    "email_refused_at",
    "telephone_refused_at",
    "guardian_email_refused_at",
    "guardian_telephone_refused_at",
]
people = st.fixed_dictionaries(
    {
        # Birthdays around the age, leap days among them.
        "birth_date": st.one_of(
            st.integers(-3, 3).map(lambda days: date(2010, 11, 20) + timedelta(days)),
            st.sampled_from([date(2008, 2, 29), date(2012, 2, 29), date(1950, 1, 1)]),
        ),
        "preferred_channel": st.sampled_from(["", *ContactChannel.values]),
        "identity": st.one_of(
            st.none(),
            st.fixed_dictionaries(
                {name: st.booleans() for name in _FLAGS}
                | {name: st.sampled_from([None, _WHEN]) for name in _REFUSED}
            ),
        ),
    }
)


@pytest.mark.django_db
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    told=st.lists(people, min_size=1, max_size=12),
    on=st.sampled_from([ON, date(2025, 2, 28), date(2025, 3, 1), date(2028, 2, 29)]),
    guardian_until=st.sampled_from([0, 13, 16, 17, 18]),
    answerer=st.sampled_from(["patient", "guardian", "both"]),
    sms=st.booleans(),
    first=st.sampled_from(["", "email", "sms"]),
)
def test_the_database_says_the_same(told, on, guardian_until, answerer, sms, first):
    patients = Patient.objects.bulk_create(
        Patient(
            birth_date=one["birth_date"],
            preferred_channel=one["preferred_channel"],
            sex="female",
            country="NO",
            language="nb",
        )
        for one in told
    )
    identities = {
        patient.pk: PatientIdentity(patient=patient, sealed=b"\0", **one["identity"])
        for patient, one in zip(patients, told, strict=True)
        if one["identity"] is not None
    }
    PatientIdentity.objects.bulk_create(identities.values())
    expression = reach_sql(
        on="%(on)s",
        guardian_until="%(until)s::int",
        answerer="%(answerer)s",
        sms="%(sms)s",
        first=first,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT p.id, {expression} FROM patients_patient p"
            " LEFT JOIN patients_patientidentity identity ON identity.patient_id = p.id"
            " WHERE p.id = ANY(%(ids)s)",
            {
                "on": on,
                "until": guardian_until,
                "answerer": answerer,
                "sms": sms,
                "ids": [patient.pk for patient in patients],
            },
        )
        found = dict(cursor.fetchall())
    assert found == {
        patient.pk: reach(
            Contact.of(patient, identities.get(patient.pk)),
            on=on,
            guardian_until=guardian_until,
            answerer=answerer,
            sms=sms,
            first=first,
        ).code
        for patient in patients
    }
