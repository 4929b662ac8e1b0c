"""Pages of operations."""

from procedures.views.forms import correct, perform, plan, register_performed, result
from procedures.views.pages import cancel, detail, operation_list, reschedule, withdraw

__all__ = [
    "cancel",
    "correct",
    "detail",
    "operation_list",
    "perform",
    "plan",
    "register_performed",
    "reschedule",
    "result",
    "withdraw",
]
