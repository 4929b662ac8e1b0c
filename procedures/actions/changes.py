"""Changes to what is registered: corrections, complications, goals and results."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import fields, replace
from datetime import date
from enum import Enum
from typing import Any, Literal

import pghistory
from django.utils.translation import gettext as _

from patients.selectors import region_of
from procedures import policies
from procedures.actions.writing import (
    drop_drafts,
    join,
    lifetime,
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
    CheckedEntry,
    ComplicationEntry,
    GoalEntry,
    OperationEntry,
    check_entry,
    stop_on_errors,
)
from procedures.events import OperationCorrected, OperationRevised, RevisionWithdrawn
from procedures.models import Operation
from procedures.selectors import entry_of
from registry.accounts.permissions import Viewer
from registry.core.errors import RuleBroken
from registry.core.events import announce
from registry.registers.selectors import definition_of
from registry.units.models import Unit


class Unchanged(Enum):
    """Says that an argument was not given, where None has a meaning."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED


@verb
def correct_operation(
    *,
    by: Viewer,
    operation: Operation,
    entry: OperationEntry,
    reason: str,
    on: date,
    unit: Unit | None = None,
    revises: Operation | Literal[Unchanged.UNCHANGED] | None = UNCHANGED,
    confirmed_warnings: Collection[str] = (),
) -> Operation:
    """Correct a planned or performed operation to ``entry``; announces OperationCorrected.

    ``entry`` states the whole operation (``dataclasses.replace(entry_of(operation), …)``); it is
    judged by the definition the record was made under. The reason is kept in history. Both the
    old and the new slice become stale when the unit or the year changes. A correction that
    changes nothing writes nothing. Raises RuleBroken by field, ConfirmationNeeded, NotAllowed.
    """
    current = locked_operation(by, operation, action="correct")
    member = current.membership
    require(policies.may_correct(current.state))
    require(policies.reason_is_given(reason), "reason")
    old_entry, old_unit, old_day = entry_of(current), current.unit_id, current.counts_on
    old_revises = current.revises_id
    if (entry.performed_on is None) != (old_entry.performed_on is None):
        raise RuleBroken(
            {"performed_on": _("A correction cannot change whether the operation was performed.")}
        )
    if unit is not None and unit.pk != current.unit_id:
        require_registrar(by, member, unit, action="correct")
        require_reporting(member, unit)
        current.unit, current.unit_region_id = unit, unit.site_region_id
    checked = check_entry(
        entry,
        definition=definition_of(current.definition),
        life=lifetime(member),
        on=on,
        dates_are_new=entry.planned_on != old_entry.planned_on,
    )
    stop_on_errors(checked, confirmed_warnings=frozenset(confirmed_warnings))
    day = checked.entry.performed_on or checked.entry.planned_on
    if revises is not UNCHANGED:
        current.revises = revises
    require_revisable(current, current.revises, day)
    changed = _changed(old_entry, checked.entry)
    changed |= {"unit"} if current.unit_id != old_unit else set()
    changed |= {"revises"} if current.revises_id != old_revises else set()
    if not changed:
        return current
    if day != old_day or current.unit_id != old_unit:
        require_free_day(current, day, "performed_on" if entry.performed_on else "planned_on")
    current.residence_region = region_of(member.patient_id, day)
    with pghistory.context(reason=reason.strip()):
        store(current, checked)
        join(by, current, on=on)
        mark(current, (old_unit, old_day))
        drop_drafts(by, member.pk, current.pk, "correct")
        _tell_of_revision(current, old_revises, old_day, on=on)
        announce(
            OperationCorrected(
                current.pk,
                member.pk,
                current.register_id,
                changed=frozenset(changed),
                old_date=old_day,
                new_date=day,
                old_group=old_entry.group,
                on=on,
            )
        )
    return current


@verb
def record_result(
    *,
    by: Viewer,
    operation: Operation,
    on: date,
    details: Mapping[str, Any] | None = None,
    goals: Sequence[GoalEntry] = (),
    complications: Sequence[ComplicationEntry] | Literal[Unchanged.UNCHANGED] | None = UNCHANGED,
    complications_assessed_on: date | None = None,
    confirmed_warnings: Collection[str] = (),
) -> Operation:
    """Record what became of an operation: result variables, goals, complications.

    ``details`` are variables of the section ``result``; an empty one is taken away. ``goals``
    left out stay as they were; each has its own date and may be reached before the treatment
    ends. ``complications`` UNCHANGED leaves them, None says that nobody has looked after all.
    Only what is given is judged, by the definition the record was made under; a fault left in
    another part by an older file stops nothing here. Announces OperationCorrected when something
    changed. Raises RuleBroken by field, ConfirmationNeeded, NotAllowed.
    """
    current = locked_operation(by, operation, action="record_result")
    require(policies.may_record_result(current.state))
    definition = definition_of(current.definition)
    old_entry = entry_of(current)
    given = dict(details or {})
    if strangers := {
        key
        for key in given
        if key in definition.variables and definition.variables[key].section != "result"
    }:
        raise RuleBroken(
            {
                f"details-{key}": _(
                    "This is not part of the result. Correct the operation instead."
                )
                for key in strangers
            }
        )
    entry = replace(
        old_entry,
        details={**old_entry.details, **given},
        goals=(
            *(g for g in old_entry.goals if g.goal not in {new.goal for new in goals}),
            *goals,
        ),
    )
    about = {f"details-{key}" for key in given} | {
        name for goal in goals for name in (f"goals-{goal.goal}", f"goals-{goal.goal}-on")
    }
    if complications is not UNCHANGED:
        entry = replace(
            entry,
            complications=None if complications is None else tuple(complications),
            complications_assessed_on=complications_assessed_on,
        )
        about |= {"complications", "complications_assessed_on"}
        about |= {f"complications-{c.kind}" for c in complications or ()}
    if given:
        about |= {
            f"details-{v.key}" for v in definition.procedures.variables if v.section == "result"
        }
    checked = check_entry(
        entry, definition=definition, life=lifetime(current.membership), on=on, dates_are_new=False
    )
    checked = _only_about(checked, about, old_entry)
    stop_on_errors(checked, confirmed_warnings=frozenset(confirmed_warnings))
    changed = _changed(old_entry, checked.entry)
    if not changed:
        return current
    store(current, checked)
    mark(current)
    drop_drafts(by, current.membership_id, current.pk, "result")
    announce(
        OperationCorrected(
            current.pk,
            current.membership_id,
            current.register_id,
            changed=frozenset(changed),
            old_date=current.counts_on,
            new_date=current.counts_on,
            old_group=current.group,
            on=on,
        )
    )
    return current


def record_complications(
    *,
    by: Viewer,
    operation: Operation,
    complications: Sequence[ComplicationEntry] | None,
    assessed_on: date | None,
    on: date,
) -> Operation:
    """Say which complications there were: an empty list says none, None that nobody has looked.

    Raises as record_result.
    """
    return record_result(
        by=by,
        operation=operation,
        on=on,
        complications=complications,
        complications_assessed_on=assessed_on,
    )


def set_goal_outcome(
    *,
    by: Viewer,
    operation: Operation,
    goal: str,
    outcome: str,
    assessed_on: date | None,
    on: date,
) -> Operation:
    """Say what became of one goal and when it was assessed. Raises as record_result."""
    return record_result(
        by=by, operation=operation, on=on, goals=[GoalEntry(goal, outcome, assessed_on)]
    )


def _only_about(checked: CheckedEntry, about: set[str], old_entry: OperationEntry) -> CheckedEntry:
    """Faults and questions about what was given; the other parts stay as they were stored."""
    clean = replace(
        checked.entry,
        group=old_entry.group,
        diagnosis=old_entry.diagnosis,
        side=old_entry.side,
        levels=old_entry.levels,
        procedures=old_entry.procedures,
        implants=old_entry.implants,
        details={
            **{k: v for k, v in old_entry.details.items() if f"details-{k}" not in about},
            **{k: v for k, v in checked.entry.details.items() if f"details-{k}" in about},
        },
    )
    return CheckedEntry(
        clean,
        {name: text for name, text in checked.errors.items() if name in about},
        {name: text for name, text in checked.warnings.items() if name in about},
        checked.goals,
    )


def _changed(old: OperationEntry, new: OperationEntry) -> set[str]:
    """The fields that differ; goals that were never assessed are no difference."""

    def plain(entry: OperationEntry, name: str) -> object:
        value = getattr(entry, name)
        if name == "goals":
            return {g for g in value if g.assessed_on is not None}
        if name == "complications":
            return None if value is None else set(value)
        return sorted(value, key=repr) if name == "implants" else value

    return {f.name for f in fields(OperationEntry) if plain(old, f.name) != plain(new, f.name)}


def _tell_of_revision(
    operation: Operation, old_revises: int | None, old_day: date, *, on: date
) -> None:
    """Announce that another operation is revised now, or the same one on another day."""
    if operation.performed_on is None:
        return
    if old_revises is not None and operation.revises_id != old_revises:
        announce(RevisionWithdrawn(old_revises, revised_by_id=operation.pk, on=on))
    if operation.revises_id is not None and (operation.revises_id, operation.performed_on) != (
        old_revises,
        old_day,
    ):
        announce(
            OperationRevised(
                operation.revises_id,
                revised_by_id=operation.pk,
                revised_on=operation.performed_on,
                on=on,
            )
        )
