"""Performing: a planned operation was done, or one is registered after the fact."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
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
from procedures.entries import (
    ComplicationEntry,
    GoalEntry,
    ImplantEntry,
    OperationEntry,
    check_entry,
    stop_on_errors,
)
from procedures.events import OperationPerformed, OperationRevised
from procedures.models import Operation
from procedures.selectors import entry_of
from registry.accounts.permissions import Viewer
from registry.core.events import announce
from registry.registers.models import DefinitionVersion
from registry.registers.schema import RegisterDefinition, validate_details
from registry.registers.selectors import current_version, definition_of
from registry.units.models import Unit


@verb
def perform_operation(
    *,
    by: Viewer,
    operation: Operation,
    performed_on: date,
    procedures: Sequence[tuple[str, str]],
    on: date,
    unit: Unit | None = None,
    group: str | None = None,
    diagnosis: str | None = None,
    side: str | None = None,
    levels: Sequence[str] | None = None,
    details: Mapping[str, Any] | None = None,
    complications: Sequence[ComplicationEntry] | None = None,
    complications_assessed_on: date | None = None,
    implants: Sequence[ImplantEntry] = (),
    goals: Sequence[GoalEntry] = (),
    revises: Operation | None = None,
    confirmed_warnings: Collection[str] = (),
) -> Operation:
    """Register a planned operation as performed and announce OperationPerformed.

    What is None stays as planned. ``procedures`` are (type, code), the first decides the type.
    ``complications`` None says that nobody has looked, empty that there were none. Details of the
    plan hold on unless given anew. Raises RuleBroken by field, ConfirmationNeeded, NotAllowed.
    """
    current = locked_operation(by, operation, action="perform")
    member = current.membership
    require(policies.may_perform(current.state))
    require(policies.may_register(opted_out_on=member.opted_out_on, on=on))
    before = (current.unit_id, current.counts_on)
    if unit is not None and unit.pk != current.unit_id:
        require_registrar(by, member, unit, action="perform")
        require_reporting(member, unit)
        current.unit, current.unit_region_id = unit, unit.site_region_id
    planned = entry_of(current)
    entry = OperationEntry(
        group=planned.group if group is None else group,
        planned_on=planned.planned_on,
        performed_on=performed_on,
        diagnosis=planned.diagnosis if diagnosis is None else diagnosis,
        side=planned.side if side is None else side,
        levels=planned.levels if levels is None else tuple(levels),
        procedures=tuple(procedures),
        details=details or {},
        complications=None if complications is None else tuple(complications),
        complications_assessed_on=complications_assessed_on,
        implants=tuple(implants),
        goals=tuple(goals),
    )
    current.definition = _definition_to_perform_under(current, entry.group)
    definition = definition_of(current.definition)
    checked = check_entry(
        _with_plan(entry, planned.details, definition),
        definition=definition,
        life=lifetime(member),
        on=on,
    )
    stop_on_errors(checked, confirmed_warnings=frozenset(confirmed_warnings))
    if revises is not None:
        current.revises = revises
    require_revisable(current, current.revises, performed_on)
    require_free_day(current, performed_on, "performed_on")
    current.residence_region = region_of(member.patient_id, performed_on)
    current.registered_by_id = by.user_id
    store(current, checked)
    _performed(by, current, planned_on=planned.planned_on, on=on)
    mark(current, before)
    drop_drafts(by, member.pk, current.pk, "perform")
    return current


@verb
def register_performed_operation(
    *,
    by: Viewer,
    membership: Membership,
    unit: Unit,
    group: str,
    performed_on: date,
    procedures: Sequence[tuple[str, str]],
    on: date,
    diagnosis: str = "",
    side: str = "",
    levels: Sequence[str] = (),
    details: Mapping[str, Any] | None = None,
    complications: Sequence[ComplicationEntry] | None = None,
    complications_assessed_on: date | None = None,
    implants: Sequence[ImplantEntry] = (),
    goals: Sequence[GoalEntry] = (),
    revises: Operation | None = None,
    confirmed_warnings: Collection[str] = (),
) -> Operation:
    """Register an operation that nobody had planned here, and announce OperationPerformed.

    As perform_operation; raises the same.
    """
    require_registrar(by, membership, unit, action="register")
    require_reporting(membership, unit)
    member = locked_member(membership.pk)
    require(policies.may_register(opted_out_on=member.opted_out_on, on=on))
    version = current_version(member.register_id)
    checked = check_entry(
        OperationEntry(
            group=group,
            performed_on=performed_on,
            diagnosis=diagnosis,
            side=side,
            levels=tuple(levels),
            procedures=tuple(procedures),
            details=details or {},
            complications=None if complications is None else tuple(complications),
            complications_assessed_on=complications_assessed_on,
            implants=tuple(implants),
            goals=tuple(goals),
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
        residence_region=region_of(member.patient_id, performed_on),
        definition=version,
        revises=revises,
        registered_by_id=by.user_id,
        performed_on=performed_on,
    )
    require_revisable(operation, revises, performed_on)
    require_free_day(operation, performed_on, "performed_on")
    store(operation, checked)
    _performed(by, operation, planned_on=None, on=on)
    mark(operation)
    drop_drafts(by, member.pk, None, "perform")
    return operation


def _performed(by: Viewer, operation: Operation, *, planned_on: date | None, on: date) -> None:
    join(by, operation, on=on)
    announce(
        OperationPerformed(
            operation.pk,
            operation.membership_id,
            operation.register_id,
            performed_on=operation.performed_on,
            planned_on=planned_on,
            on=on,
        )
    )
    if operation.revises_id is not None:
        announce(
            OperationRevised(
                operation.revises_id,
                revised_by_id=operation.pk,
                revised_on=operation.performed_on,
                on=on,
            )
        )


def _definition_to_perform_under(operation: Operation, group: str) -> DefinitionVersion:
    """The current version, unless what was planned no longer fits it; then that of the plan."""
    current = current_version(operation.register_id)
    if current.pk == operation.definition_id:
        return operation.definition
    definition = definition_of(current)
    if group not in definition.groups:
        return operation.definition
    asked = {v.key for v in definition.variables_for("plan", group)}
    if not operation.details.keys() <= asked:
        return operation.definition
    refused = validate_details(
        definition, operation.details, group=group, sections="plan", strict=False
    ).errors
    return operation.definition if refused else current


def _with_plan(
    entry: OperationEntry, planned: Mapping[str, Any], definition: RegisterDefinition
) -> OperationEntry:
    """The entry with those details of the plan that still apply to its group and procedures."""
    if entry.group not in definition.groups:
        return entry
    types = {kind for kind, _code in entry.procedures}
    asked = {v.key for v in definition.variables_for("plan", entry.group, procedure_types=types)}
    kept = {key: value for key, value in planned.items() if key in asked}
    return replace(entry, details={**kept, **entry.details})
