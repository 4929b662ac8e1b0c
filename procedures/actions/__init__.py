"""Writes about operations: the only way in which they change.

Every verb is one transaction, takes the viewer (``by``) and the day (``on``), checks by the rules
of ``procedures.entries`` and ``procedures.policies``, marks the touched slices stale and announces
what happened. Faults are RuleBroken keyed by field; unusual values are ConfirmationNeeded until
they are named in ``confirmed_warnings``; whoever may not gets NotAllowed, and a trace stays.
"""

from procedures.actions.bulk import NewOperation, RegisteredOperations, register_operations
from procedures.actions.changes import (
    correct_operation,
    record_complications,
    record_result,
    set_goal_outcome,
)
from procedures.actions.drafts import discard_draft, save_draft
from procedures.actions.performing import perform_operation, register_performed_operation
from procedures.actions.planning import cancel_operation, plan_operation, reschedule_operation
from procedures.actions.upkeep import follow_correction, follow_move
from procedures.actions.withdrawing import withdraw_operation

__all__ = [
    "NewOperation",
    "RegisteredOperations",
    "cancel_operation",
    "correct_operation",
    "discard_draft",
    "follow_correction",
    "follow_move",
    "perform_operation",
    "plan_operation",
    "record_complications",
    "record_result",
    "register_operations",
    "register_performed_operation",
    "reschedule_operation",
    "save_draft",
    "set_goal_outcome",
    "withdraw_operation",
]
