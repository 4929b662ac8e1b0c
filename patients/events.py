"""What the patients app announces to those above, inside the transaction of the change."""

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class PatientDied:
    """A patient has died: nothing is sent or expected from that day on, in any register."""

    patient_id: int
    died_on: date


@dataclass(frozen=True)
class PatientEmigrated:
    """A patient has left the country: follow-up ends in every register."""

    patient_id: int
    emigrated_on: date


@dataclass(frozen=True)
class MemberOptedOut:
    """A member has withdrawn from one register."""

    membership_id: int
    patient_id: int
    register_code: str
    opted_out_on: date


@dataclass(frozen=True)
class StatusRevoked:
    """A death, emigration or opt-out was entered by mistake, or the patient has come back.

    ``membership_id`` is given for an opt-out, which concerns one register only.
    """

    patient_id: int
    what: Literal["death", "emigration", "opt_out"]
    membership_id: int | None = None


@dataclass(frozen=True)
class PatientCorrected:
    """Birth date or sex, on which figures depend, has been corrected."""

    patient_id: int


@dataclass(frozen=True)
class PatientMoved:
    """A residence was added or changed; regions on dates from ``since`` may differ."""

    patient_id: int
    since: date


@dataclass(frozen=True)
class ContactChanged:
    """An address of a patient or guardian was added or corrected, or another channel is wished:
    who could not be reached may be reached now."""

    patient_id: int
