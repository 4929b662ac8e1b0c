"""Planning: an operation is planned, moved to another day, or cancelled."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from patients.models import Membership
from patients.selectors import region_of
from procedures import policies
from procedures.actions.writing import (
    drop_drafts,
    join,
    lifetime,
    locked_member,
    locked_operation,
    mark,
    require,
    require_free_day,
    require_registrar,
    require_reporting,
    require_revisable,
    store,
    verb,
)
from procedures.entries import OperationEntry, check_entry, stop_on_errors
from procedures.events import OperationCancelled, OperationPlanned, OperationRescheduled
from procedures.models import Operation
from registry.accounts.permissions import Viewer
from registry.core.events import announce
from registry.registers.selectors import current_version, definition_of
from registry.units.models import Unit


@verb
def plan_operation(
    *,
    by: Viewer,
    membership: Membership,
    unit: Unit,
    group: str,
    planned_on: date,
    on: date,
    diagnosis: str = "",
    side: str = "",
    levels: Sequence[str] = (),
    procedures: Sequence[tuple[str, str]] = (),
    details: Mapping[str, Any] | None = None,
    revises: Operation | None = None,
    confirmed_warnings: Collection[str] = (),
) -> Operation:
    """Plan an operation and announce OperationPlanned.

    Diagnosis, side and level may be left until it is performed. ``procedures`` are those intended,
    as (type, code); variables of the plan that belong to a procedure are asked only with it.
    Raises RuleBroken by field, ConfirmationNeeded, NotAllowed.
    """
    require_registrar(by, membership, unit, action="plan")
    require_reporting(membership, unit)
    member = locked_member(membership.pk)
    require(policies.may_register(opted_out_on=member.opted_out_on, on=on))
    version = current_version(member.register_id)
    checked = check_entry(
        OperationEntry(
            group=group,
            planned_on=planned_on,
            diagnosis=diagnosis,
            side=side,
            levels=tuple(levels),
            procedures=tuple(procedures),
            details=details or {},
        ),
        definition=definition_of(version),
        life=lifetime(member),
        on=on,
    )
    stop_on_errors(checked, confirmed_warnings=frozenset(confirmed_warnings))
    operation = Operation(
        membership=member,
        register_id=member.register_id,
        unit=unit,
        unit_region_id=unit.site_region_id,
        residence_region=region_of(member.patient_id, planned_on),
        definition=version,
        revises=revises,
        registered_by_id=by.user_id,
    )
    require_revisable(operation, revises, planned_on)
    require_free_day(operation, planned_on, "planned_on")
    store(operation, checked)
    join(by, operation, on=on)
    mark(operation)
    drop_drafts(by, member.pk, None, "plan")
    announce(
        OperationPlanned(
            operation.pk, member.pk, operation.register_id, planned_on=planned_on, on=on
        )
    )
    return operation


@verb
def reschedule_operation(
    *, by: Viewer, operation: Operation, planned_on: date, on: date
) -> Operation:
    """Move a planned operation to another day and announce OperationRescheduled."""
    current = locked_operation(by, operation, action="reschedule")
    require(policies.may_reschedule(current.state))
    require(
        policies.may_be_planned_on(planned_on, on=on, life=lifetime(current.membership)),
        "planned_on",
    )
    old = current.counts_on
    if planned_on == old:
        return current
    require_free_day(current, planned_on, "planned_on")
    current.planned_on = planned_on
    current.residence_region = region_of(current.membership.patient_id, planned_on)
    current.save(update_fields=["planned_on", "residence_region", "updated_at"])
    mark(current, (current.unit_id, old))
    announce(
        OperationRescheduled(
            current.pk, current.membership_id, current.register_id, old=old, new=planned_on, on=on
        )
    )
    return current


@verb
def cancel_operation(*, by: Viewer, operation: Operation, reason: str, on: date) -> Operation:
    """Cancel a planned operation, with the reason in words, and announce OperationCancelled."""
    current = locked_operation(by, operation, action="cancel")
    require(policies.may_cancel(current.state))
    require(policies.reason_is_given(reason, most=200), "reason")
    current.cancelled_on = on
    current.cancel_reason = reason.strip()
    current.save(update_fields=["cancelled_on", "cancel_reason", "updated_at"])
    mark(current)
    current.drafts.all().delete()
    announce(
        OperationCancelled(
            current.pk, current.membership_id, current.register_id, cancelled_on=on, on=on
        )
    )
    return current
