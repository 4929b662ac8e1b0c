"""The application role runs the registry and can change neither history, log nor schema."""

from datetime import date

import pytest
from django.db import DatabaseError, connection, transaction

from patients.models import Patient
from registry.accounts.permissions import NOBODY
from registry.audit.actions import record_access
from registry.audit.grants import append_only_tables
from registry.audit.middleware import unit_of_work
from registry.audit.models import AccessLog
from registry.core.choices import Sex

pytestmark = pytest.mark.django_db
WHO_ACTS = "SELECT current_setting('pghistory.context_metadata', true)"


def a_patient() -> Patient:
    return Patient.objects.create(
        birth_date=date(1960, 5, 1), sex=Sex.FEMALE, country="DK", language="da"
    )


def refused(statement: str) -> bool:
    """Say whether the database refuses a statement for lack of rights."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except DatabaseError as error:
        return "permission denied" in str(error) or "must be owner" in str(error)
    return False


def test_every_history_table_is_known():
    tables = append_only_tables()
    assert "audit_accesslog" in tables
    assert {"patients_patientevent", "procedures_operationevent"} <= set(tables)


def test_history_and_log_can_only_be_added_to():
    a_patient()
    for table in append_only_tables():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) FROM {table}")  # reading is allowed
        column = "at = at" if table == "audit_accesslog" else "pgh_id = pgh_id"
        assert refused(f"UPDATE {table} SET {column}"), table
        assert refused(f"DELETE FROM {table}"), table
        assert refused(f"TRUNCATE {table}"), table
    assert refused("DELETE FROM pghistory_context")
    assert refused("INSERT INTO pghistory_context (id, metadata) VALUES (gen_random_uuid(), '{}')")


def test_schema_cannot_be_changed_nor_triggers_removed():
    assert refused("ALTER TABLE patients_patient DISABLE TRIGGER ALL")
    assert refused("DROP TABLE patients_patient CASCADE")
    assert refused("CREATE TABLE public.mine (id int)")


def test_history_names_who_changed_what(user_with):
    user = user_with()
    with unit_of_work(actor_id=user.pk, source="POST /somewhere/"):
        patient = a_patient()
        patient.sex = Sex.MALE
        patient.save()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.pgh_label, e.sex, c.metadata->>'actor', c.metadata->>'source'"
            " FROM patients_patientevent e JOIN pghistory_context c ON c.id = e.pgh_context_id"
            " WHERE e.pgh_obj_id = %s ORDER BY e.pgh_id",
            [patient.pk],
        )
        rows = cursor.fetchall()
    assert rows == [
        ("insert", "female", str(user.pk), "POST /somewhere/"),
        ("update", "male", str(user.pk), "POST /somewhere/"),
    ]


@pytest.mark.django_db(transaction=True)
def test_who_acts_is_forgotten_with_the_transaction(user_with):
    user = user_with()
    with unit_of_work(actor_id=user.pk, source="test"), connection.cursor() as cursor:
        a_patient()
        cursor.execute(
            "SELECT current_setting('pghistory.context_metadata', true)::jsonb->>'actor'"
        )
        assert cursor.fetchone() == (str(user.pk),)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('pghistory.context_metadata', true)")
        assert cursor.fetchone()[0] in (None, "")


def test_triggers_find_the_setting_that_they_look_for():
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('pgtrigger.ignore')")
        assert cursor.fetchone() == ("{}",)


def test_access_log_keeps_what_is_written():
    record_access(NOBODY, "see", "patient", 5, patient_id=5, detail="x" * 500)
    entry = AccessLog.objects.get()
    assert (entry.actor, entry.action, entry.patient_id) == ("nobody", "see", 5)
    assert len(entry.detail) == 200
