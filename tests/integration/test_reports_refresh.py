"""What sets a recomputation going: events of lower apps, the worker's task, the command."""

from __future__ import annotations

from datetime import date
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from patients.events import PatientCorrected
from registry.core.events import announce
from registry.registers.events import DefinitionChanged
from registry.registers.models import StaleSlice
from registry.registers.selectors import stale_slices, units_of
from reports.models import CompletenessFact
from reports.tasks import refresh_stale_slices
from tests.integration.reports_world import REGISTER, operate


@pytest.fixture
def operation(db):
    operation = operate(unit=units_of(REGISTER)[0], on=date(2024, 1, 2))
    refresh_stale_slices()
    return operation


def test_the_worker_recomputes_what_is_marked(operation):
    assert CompletenessFact.objects.get().pk == operation.pk
    assert not StaleSlice.objects.exists()
    assert refresh_stale_slices() == 0


def test_a_corrected_birth_date_or_sex_makes_the_patients_slices_stale(operation):
    patient = operation.membership.patient
    patient.sex = "male"
    patient.save()
    announce(PatientCorrected(patient_id=patient.pk))
    assert stale_slices() == [(REGISTER, operation.unit_id, 2024)]
    refresh_stale_slices()
    assert CompletenessFact.objects.get().sex == "male"


def test_another_definition_makes_the_whole_register_stale(operation):
    operate(unit=units_of(REGISTER)[1], on=date(2022, 1, 2))
    refresh_stale_slices()
    announce(DefinitionChanged(REGISTER, "0" * 16, None))
    assert {(one.unit_id, one.year) for one in stale_slices()} == {
        (operation.unit_id, 2024),
        (units_of(REGISTER)[1].pk, 2022),
    }


def test_the_command_recomputes_a_register_and_names_those_it_knows(operation):
    CompletenessFact.objects.all().delete()
    said = StringIO()
    call_command("refresh_reports", register=REGISTER, stdout=said)
    assert f"{REGISTER}: 1 operations" in said.getvalue()
    assert CompletenessFact.objects.count() == 1
    with pytest.raises(CommandError, match="danespine, limb_no"):
        call_command("refresh_reports", register="nonsense")
