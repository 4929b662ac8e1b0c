"""Forms of operations: they parse what the browser sent and show it; rules are in the actions."""

from procedures.forms.operation import OperationForm, Section, StatedOperation
from procedures.forms.result import ResultForm
from procedures.forms.short import CancelForm, ListFilterForm, RescheduleForm

__all__ = [
    "CancelForm",
    "ListFilterForm",
    "OperationForm",
    "RescheduleForm",
    "ResultForm",
    "Section",
    "StatedOperation",
]
