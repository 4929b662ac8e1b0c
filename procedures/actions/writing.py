"""What the verbs share: who may, the locks, the rows of an operation and its parts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from patients.actions import join_unit, known_since
from patients.models import Membership, UnitRelation
from procedures import policies
from procedures.entries import CheckedEntry, OperationEntry
from procedures.models import (
    Complication,
    Implant,
    Operation,
    OperationDraft,
    Procedure,
    TreatmentGoal,
)
from procedures.policies import Lifetime, Verdict
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny
from registry.core.errors import RuleBroken
from registry.registers.actions import mark_slices_stale
from registry.registers.selectors import units_of
from registry.units.models import Unit

Given = ParamSpec("Given")
Done = TypeVar("Done")


def require(verdict: Verdict, name: str = "__all__") -> None:
    """Raise RuleBroken with the reason under ``name`` unless the verdict is favourable."""
    if not verdict:
        raise RuleBroken({name: verdict.reason})


class Denied(Exception):
    """The viewer may not: raised inside a verb's transaction, noted once that is undone."""

    def __init__(
        self, by: Viewer, action: str, register_code: str, unit: Unit, patient_id: int | None
    ) -> None:
        super().__init__(action)
        self.by = by
        self.note = {
            "action": action,
            "register_code": register_code,
            "detail": unit.code,
            "patient_id": patient_id,
        }


def verb(function: Callable[Given, Done]) -> Callable[Given, Done]:
    """Make a function one transaction; a refusal undoes it and still leaves its trace.

    A note written inside would be undone with the rest, so it is written after.
    """

    @wraps(function)
    def in_transaction(*args: Given.args, **kwargs: Given.kwargs) -> Done:
        try:
            with transaction.atomic():
                return function(*args, **kwargs)
        except Denied as denied:
            deny(denied.by, object_type="operation", **denied.note)

    return in_transaction


def require_registrar(by: Viewer, membership: Membership, unit: Unit, *, action: str) -> None:
    """Go on only if ``by`` may register at the unit."""
    if not by.may(Permission.REGISTER, membership.register_id, unit.pk):
        raise Denied(by, action, membership.register_id, unit, membership.patient_id)


def require_reporting(membership: Membership, unit: Unit) -> None:
    """A unit registers operations only in registers it reports to, while it is active."""
    if not unit.active or unit not in units_of(membership.register_id):
        raise RuleBroken({"unit": _("This unit does not report to the register.")})


def locked_member(membership_id: int) -> Membership:
    """The membership with its patient, locked, so that two registrations of one patient take
    turns. FOR NO KEY UPDATE, which foreign keys do not wait for."""
    return (
        Membership.objects.select_for_update(no_key=True, of=("self",))
        .select_related("patient")
        .get(pk=membership_id)
    )


def locked_operation(by: Viewer, operation: Operation, *, action: str) -> Operation:
    """The operation as it is now, after its member, both locked; only for who may register."""
    member = locked_member(operation.membership_id)
    current = (
        Operation.objects.select_for_update(no_key=True, of=("self",))
        .select_related("unit", "definition")
        .get(pk=operation.pk)
    )
    current.membership = member
    require_registrar(by, member, current.unit, action=action)
    return current


def lifetime(membership: Membership) -> Lifetime:
    """The dates between which the member can be operated on."""
    return Lifetime(born=membership.patient.birth_date, died=membership.patient.died_on)


def require_free_day(operation: Operation, day: date, name: str) -> None:
    """No other operation of the patient at the unit, planned or performed, counts on ``day``."""
    taken = (
        Operation.objects.filter(
            membership_id=operation.membership_id,
            unit_id=operation.unit_id,
            cancelled_on__isnull=True,
            scheduled_on=day,
        )
        .exclude(pk=operation.pk)
        .values_list("scheduled_on", flat=True)
    )
    require(policies.is_only_session(day, taken=set(taken)), name)


def require_revisable(operation: Operation, earlier: Operation | None, day: date) -> None:
    """``earlier`` can be what ``operation`` revises on ``day``."""
    if earlier is None:
        return
    if earlier.pk == operation.pk:
        raise RuleBroken({"revises": _("An operation cannot revise itself.")})
    require(
        policies.may_revise(
            earlier_membership=earlier.membership_id,
            membership=operation.membership_id,
            earlier_performed=earlier.performed_on,
            day=day,
        ),
        "revises",
    )


@contextmanager
def one_session(operation: Operation, name: str) -> Iterator[None]:
    """Turn the database's own refusal of a second session into a message.

    The lock on the member makes this rare: somebody would have to write past it.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
        if constraint != "one_session_a_day_at_a_unit":
            raise
        day = operation.counts_on
        require(policies.is_only_session(day, taken={day}), name)


def store(operation: Operation, checked: CheckedEntry) -> None:
    """Write the operation and its parts as checked; rows that stay the same are not touched."""
    entry = checked.entry
    operation.group = entry.group
    operation.procedure_type = checked.procedure_type
    operation.diagnosis = entry.diagnosis
    operation.side = entry.side
    operation.levels = list(entry.levels)
    operation.planned_on = entry.planned_on
    operation.performed_on = entry.performed_on
    operation.complications_assessed_on = entry.complications_assessed_on
    operation.details = dict(entry.details)
    with one_session(operation, "performed_on" if entry.performed_on else "planned_on"):
        operation.save()
    store_parts(operation, checked)


def store_parts(operation: Operation, checked: CheckedEntry) -> None:
    """Write procedures, complications, implants and goals as checked."""
    entry = checked.entry
    _sync(
        Procedure,
        operation,
        ("position",),
        {
            (position,): {"procedure_type": kind, "code": code}
            for position, (kind, code) in enumerate(entry.procedures, start=1)
        },
    )
    _sync(
        Complication,
        operation,
        ("kind",),
        {(c.kind,): {"occurred_on": c.occurred_on} for c in entry.complications or ()},
    )
    _sync_implants(operation, entry)
    _sync(
        TreatmentGoal,
        operation,
        ("goal",),
        {
            (goal.goal,): {
                "planned_value": goal.planned_value,
                "achieved_value": goal.achieved_value,
                "outcome": goal.outcome,
                "assessed_on": goal.assessed_on,
            }
            for goal in checked.goals
        },
    )


def _sync(
    model: type[models.Model],
    operation: Operation,
    key_names: tuple[str, ...],
    wanted: Mapping[tuple[Any, ...], Mapping[str, Any]],
) -> None:
    """Make the operation's rows of ``model`` those wanted: history shows only real changes."""
    held = {
        tuple(getattr(row, name) for name in key_names): row
        for row in model.objects.filter(operation=operation)
    }
    for key, row in held.items():
        values = wanted.get(key)
        if values is None:
            row.delete()
        elif changed := [name for name, value in values.items() if getattr(row, name) != value]:
            for name in changed:
                setattr(row, name, values[name])
            row.save(update_fields=[*changed, "updated_at"])
    model.objects.bulk_create(
        [
            model(operation=operation, **dict(zip(key_names, key, strict=True)), **values)
            for key, values in wanted.items()
            if key not in held
        ]
    )


def _sync_implants(operation: Operation, entry: OperationEntry) -> None:
    """Implants have no key: the same one may be put in twice."""
    missing = [(implant.kind, implant.name) for implant in entry.implants]
    for row in Implant.objects.filter(operation=operation):
        if (row.kind, row.name) in missing:
            missing.remove((row.kind, row.name))
        else:
            row.delete()
    Implant.objects.bulk_create(
        [Implant(operation=operation, kind=kind, name=name) for kind, name in missing]
    )


def join(by: Viewer, operation: Operation, *, on: date) -> None:
    """Let the unit see the patient it operates on, from the first event it has with them."""
    member = operation.membership
    if not UnitRelation.objects.filter(membership=member, unit=operation.unit).exists():
        join_unit(by=by, membership=member, unit=operation.unit, on=on)
    if operation.performed_on and operation.performed_on < member.joined_on:
        known_since({member.pk: operation.performed_on})


def mark(operation: Operation, *also: tuple[int, date]) -> None:
    """Mark the slice of an operation stale, and those of the (unit id, date) it had before."""
    places = [(operation.unit_id, operation.counts_on), *also]
    mark_slices_stale((operation.register_id, unit, day.year) for unit, day in places)


def drop_drafts(by: Viewer, membership_id: int, operation_id: int | None, purpose: str) -> None:
    """Remove the author's draft of what has now been submitted."""
    OperationDraft.objects.filter(
        author_id=by.user_id,
        membership_id=membership_id,
        operation_id=operation_id,
        purpose=purpose,
    ).delete()
