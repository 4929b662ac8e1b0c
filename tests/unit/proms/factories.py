"""Rows for tests of following up, written directly; a patient's identity is sealed for real."""

from datetime import date
from itertools import count

from patients.models import Membership, Patient
from patients.vault import Identity, NewIdentity, store_identities
from procedures.models import Operation
from registry.registers.selectors import current_version
from registry.units.models import Unit

_numbers = count(1)

BIRTH_DATE = date(1950, 3, 9)


def make_unit() -> Unit:
    number = next(_numbers)
    return Unit.objects.create(
        code=f"test-unit-{number}",
        name=f"Test unit {number}",
        short_name=f"Unit {number}",
        sector="public",
    )


def make_member(
    *,
    register: str = "danespine",
    email: str | None = "patient@mail.example",
    language: str = "da",
    birth_date: date = BIRTH_DATE,
    **dates: date,
) -> Membership:
    number = next(_numbers)
    opted_out_on = dates.pop("opted_out_on", None)
    patient = Patient.objects.create(
        birth_date=birth_date, sex="female", country="DK", language=language, **dates
    )
    store_identities(
        [
            NewIdentity(
                patient.pk,
                birth_date,
                "",
                Identity(
                    given_name="Karen",
                    surname=f"Prøve{number}",
                    email=email or "",
                    telephone="+4500000000",
                ),
            )
        ]
    )
    return Membership.objects.create(
        patient=patient,
        register_id=register,
        registry_number=100_000 + number,
        joined_on=date(2020, 1, 1),
        opted_out_on=opted_out_on,
    )


def make_operation(
    member: Membership,
    *,
    planned_on: date | None = None,
    performed_on: date | None = None,
    group: str = "lumbar_stenosis",
    unit: Unit | None = None,
    **fields: object,
) -> Operation:
    operation = Operation.objects.create(
        membership=member,
        register_id=member.register_id,
        unit=unit or make_unit(),
        group=group,
        procedure_type="decompression" if performed_on else "",
        planned_on=planned_on,
        performed_on=performed_on,
        definition=current_version(member.register_id),
        **fields,
    )
    operation.refresh_from_db()
    return operation
