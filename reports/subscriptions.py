"""What other apps' events set going here. Each handler calls one action."""

from patients.events import PatientCorrected
from registry.core.events import subscribe
from registry.registers.events import DefinitionChanged
from reports import actions


def subscribe_all() -> None:
    """Subscribe to what changes figures and marks no slice itself. Called in ``ready()``."""
    subscribe(PatientCorrected, on_patient_corrected)
    subscribe(DefinitionChanged, on_definition_changed)


def on_patient_corrected(event: PatientCorrected) -> None:
    """Age and sex are dimensions of the facts."""
    actions.mark_patient_stale(event.patient_id)


def on_definition_changed(event: DefinitionChanged) -> None:
    """Reports follow the current definition: scales, relevant changes, answers that count."""
    actions.mark_register_stale(event.register_code)
