"""Writes of reports: recomputing what is derived."""

from reports.actions.refresh import (
    ensure_fresh,
    mark_patient_stale,
    mark_register_stale,
    refresh_register,
    refresh_slices,
    refresh_stale,
)

__all__ = [
    "ensure_fresh",
    "mark_patient_stale",
    "mark_register_stale",
    "refresh_register",
    "refresh_slices",
    "refresh_stale",
]
