"""Writes about patients: the only way in which people and their memberships change."""

from patients.actions.changes import (
    change_contact,
    correct_identity,
    move_residence,
    note_refused_address,
    opt_out,
    record_consent,
    record_death,
    record_emigration,
    revoke_death,
    revoke_emigration,
    revoke_opt_out,
    take_back_refusal,
)
from patients.actions.keys import erase_patient, replay_erasures, rewrap_keys
from patients.actions.registration import (
    NewPatient,
    join_unit,
    known_since,
    register_patient,
    register_patients,
    seen_at,
)

__all__ = [
    "NewPatient",
    "change_contact",
    "correct_identity",
    "erase_patient",
    "join_unit",
    "known_since",
    "move_residence",
    "note_refused_address",
    "opt_out",
    "record_consent",
    "record_death",
    "record_emigration",
    "register_patient",
    "register_patients",
    "replay_erasures",
    "revoke_death",
    "revoke_emigration",
    "revoke_opt_out",
    "rewrap_keys",
    "seen_at",
    "take_back_refusal",
]
