"""Forms of operations: they parse what the browser sent and show it; rules are in the actions."""

from procedures.forms.operation import OperationForm
from procedures.forms.result import ResultForm
from procedures.forms.sections import Section, StatedOperation
from procedures.forms.short import CancelForm, ListFilterForm, RescheduleForm, WithdrawForm

__all__ = [
    "CancelForm",
    "ListFilterForm",
    "OperationForm",
    "RescheduleForm",
    "ResultForm",
    "Section",
    "StatedOperation",
    "WithdrawForm",
]
