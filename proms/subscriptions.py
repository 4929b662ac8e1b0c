"""What other apps' events set going here. Each handler calls one action."""

from patients.events import (
    ContactChanged,
    MemberOptedOut,
    PatientCorrected,
    PatientDied,
    PatientEmigrated,
    StatusRevoked,
)
from procedures.events import (
    OperationCancelled,
    OperationCorrected,
    OperationPerformed,
    OperationPlanned,
    OperationRescheduled,
    OperationRevised,
    OperationsRegistered,
    OperationWithdrawn,
    RevisionWithdrawn,
)
from proms import actions
from registry.core import clock
from registry.core.events import subscribe
from registry.registers.events import DefinitionChanged


def subscribe_all() -> None:
    """Subscribe to everything that changes who is asked and when. Called in ``ready()``."""
    subscribe(OperationPlanned, on_planned)
    subscribe(OperationPerformed, on_moved)
    subscribe(OperationRescheduled, on_moved)
    subscribe(OperationCorrected, on_moved)
    subscribe(OperationCancelled, on_ended)
    subscribe(OperationWithdrawn, on_withdrawn)
    subscribe(OperationRevised, on_ended)
    subscribe(RevisionWithdrawn, on_ended)
    subscribe(OperationsRegistered, on_registered)
    subscribe(PatientDied, on_patient)
    subscribe(PatientEmigrated, on_patient)
    subscribe(MemberOptedOut, on_patient)
    subscribe(StatusRevoked, on_patient)
    subscribe(PatientCorrected, on_patient)
    subscribe(ContactChanged, on_contact)
    subscribe(DefinitionChanged, on_definition)


def on_planned(event: OperationPlanned) -> None:
    """A planned operation gets its follow-ups at once, so that the first goes out in time."""
    actions.create_schedule(operation_id=event.operation_id)


def on_moved(event: OperationPerformed | OperationRescheduled | OperationCorrected) -> None:
    """Date or group changed: what was not sent moves. Registered at once: the schedule is laid."""
    actions.move_schedules(operation_ids=[event.operation_id])


def on_ended(event: OperationCancelled | OperationRevised | RevisionWithdrawn) -> None:
    """The schedule ends, or (a revision withdrawn) goes on."""
    actions.censor_operations(operation_ids=[event.operation_id])


def on_withdrawn(event: OperationWithdrawn) -> None:
    """It never was: its questionnaires end, those of an operation it had replaced go on."""
    actions.withdraw_schedule(
        operation_id=event.operation_id, answers_confirmed=event.answers_confirmed
    )


def on_registered(event: OperationsRegistered) -> None:
    """Many operations at once, in a few statements."""
    actions.create_schedules(operation_ids=event.operation_ids)


def on_patient(
    event: PatientDied | PatientEmigrated | MemberOptedOut | StatusRevoked | PatientCorrected,
) -> None:
    """Follow-up ends with death, moving abroad and opt-out, and goes on when that is revoked.

    Another birth date may mean that there are questions for the age, or none.
    """
    actions.censor_patients(patient_ids=[event.patient_id])


def on_contact(event: ContactChanged) -> None:
    """Who could not be reached may be reached now."""
    actions.reach_again(patient_ids=[event.patient_id], now=clock.now())


def on_definition(event: DefinitionChanged) -> None:
    """There may be questions now for an age that had none, or none any more."""
    actions.censor_by_age(register_code=event.register_code)
