"""What changes to patients set going here. Each handler calls one action."""

from patients.events import PatientCorrected, PatientMoved
from procedures import actions
from registry.core.events import subscribe


def subscribe_all() -> None:
    """Subscribe to what changes the facts of operations. Called in ``ready()``."""
    subscribe(PatientMoved, on_moved)
    subscribe(PatientCorrected, on_corrected)


def on_moved(event: PatientMoved) -> None:
    """The region of residence on the date of an operation may be another one."""
    actions.follow_move(patient_id=event.patient_id, since=event.since)


def on_corrected(event: PatientCorrected) -> None:
    """Age or sex, on which figures depend, is another one."""
    actions.follow_correction(patient_id=event.patient_id)
