"""Writes of following up, as verbs. The only way its data changes."""

from proms.actions.censoring import censor_operations, censor_patients
from proms.actions.scheduling import create_schedule, create_schedules, move_schedules

__all__ = [
    "censor_operations",
    "censor_patients",
    "create_schedule",
    "create_schedules",
    "move_schedules",
]
