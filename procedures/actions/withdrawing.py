"""Withdrawing: an operation was registered as performed by mistake."""

from datetime import date

import pghistory

from procedures import policies
from procedures.actions.writing import locked_operation, mark, require, verb
from procedures.events import OperationWithdrawn
from procedures.models import Operation
from registry.accounts.permissions import Viewer
from registry.core.events import announce


@verb
def withdraw_operation(
    *,
    by: Viewer,
    operation: Operation,
    reason: str,
    on: date,
    answers_confirmed: bool = False,
) -> Operation:
    """Withdraw an operation that was never performed on this patient; OperationWithdrawn tells it.

    It counts nowhere any more and its questionnaires end. The row stays, with its date as the
    planned one, so that whoever looks for it finds the reason; what was registered stands in
    history. Answers that the patient has given need ``answers_confirmed``. Raises RuleBroken by
    field, NotAllowed.
    """
    current = locked_operation(by, operation, action="withdraw")
    later = current.revisions.filter(performed_on__isnull=False).order_by("performed_on").first()
    require(policies.may_withdraw(current.state, revised_on=later and later.performed_on))
    require(policies.reason_is_given(reason, most=200), "reason")
    performed_on = current.performed_on
    current.planned_on, current.performed_on = performed_on, None
    current.cancelled_on, current.cancel_reason = on, reason.strip()
    current.withdrawn = True
    with pghistory.context(reason=reason.strip()):
        current.save(
            update_fields=[
                *("planned_on", "performed_on", "cancelled_on", "cancel_reason", "withdrawn"),
                "updated_at",
            ]
        )
        mark(current)
        current.drafts.all().delete()
        announce(
            OperationWithdrawn(
                current.pk,
                current.membership_id,
                current.register_id,
                performed_on=performed_on,
                answers_confirmed=answers_confirmed,
                on=on,
            )
        )
    return current
