"""Patients to be asked: members of the register, some with an operation and a sealed identity."""

from datetime import date

from django.db import transaction

from bench import data
from bench.data import execute
from patients.models import Membership
from patients.vault import Identity, NewIdentity, store_identities
from procedures.models import Operation

GROUP = "lumbar_stenosis"  # asked at five time points


def add_members(count: int) -> None:
    """Write members 1 … ``count`` without operations and without identity; as the owner."""
    with transaction.atomic():
        execute("SET LOCAL session_replication_role = replica")
        data.draw(count, first=date(2009, 1, 1), days=data.DAYS)
        data.write_people()
        data.mend_sequences()
    execute("VACUUM ANALYZE")


def operate(on: date) -> list[int]:
    """Write one operation of every member on a day, without follow-ups; return their ids."""
    with transaction.atomic():
        execute("SET LOCAL session_replication_role = replica")
        data.insert(
            "procedures_operation",
            "membership_id register_id unit_id group procedure_type diagnosis side levels"
            " performed_on cancel_reason definition_id details",
            """
            SELECT member.id, register.code, units.ids[1 + mod(member.id, cardinality(units.ids))],
                   %(group)s, 'decompression', 'M48.0', '', '{L4-L5}', %(on)s, '',
                   register.current_id, '{}'
            FROM patients_membership AS member, registers_register AS register,
                 (SELECT array_agg(unit_id ORDER BY unit_id) AS ids FROM registers_registerunit
                  WHERE register_id = %(register)s) AS units
            WHERE register.code = %(register)s
            """,
            {"group": GROUP, "on": on, "register": data.REGISTER},
        )
    execute("VACUUM ANALYZE procedures_operation")
    return list(Operation.objects.order_by("pk").values_list("pk", flat=True))


def give_addresses(*, sealed: bool) -> None:
    """Let every member be reached by e-mail; identities can be opened only if ``sealed``."""
    with transaction.atomic():
        execute("SET LOCAL session_replication_role = replica")
        if sealed:
            store_identities(
                NewIdentity(
                    patient_id,
                    born,
                    "",
                    Identity(
                        given_name="Karen",
                        surname=f"Prøve{patient_id}",
                        email=f"patient{patient_id}@mail.example",
                    ),
                )
                for patient_id, born in Membership.objects.values_list(
                    "patient_id", "patient__birth_date"
                )
            )
        else:
            execute(
                """
                INSERT INTO patients_patientidentity
                    (patient_id, sealed, number_kind, has_email, has_telephone)
                SELECT id, '\\x00', '', true, false FROM patients_patient
                """
            )
    execute("VACUUM ANALYZE patients_patientidentity")
