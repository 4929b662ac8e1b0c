"""What happened to an operation: who, when, what, and why if a reason was typed.

Read from the rows that triggers write beside each table. Changes of one transaction by one person
are told together.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from procedures.models import (
    Complication,
    GoalOutcome,
    Implant,
    Operation,
    Procedure,
    TreatmentGoal,
)
from registry.accounts.models import User
from registry.core.choices import Side
from registry.registers.schema import RegisterDefinition
from registry.units.models import Unit

# Columns told of, in this order, with their names for the reader.
COLUMNS = {
    "unit_id": gettext_lazy("Unit"),
    "group": gettext_lazy("Group"),
    "diagnosis": gettext_lazy("Diagnosis (ICD-10)"),
    "side": gettext_lazy("Side"),
    "levels": gettext_lazy("Levels"),
    "planned_on": gettext_lazy("Planned date"),
    "performed_on": gettext_lazy("Date of operation"),
    "cancelled_on": gettext_lazy("Cancelled"),
    "cancel_reason": gettext_lazy("Reason for cancelling"),
    "withdrawn": gettext_lazy("Withdrawn"),
    "revises_id": gettext_lazy("Revises"),
    "complications_assessed_on": gettext_lazy("Complications assessed"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that changed; ``old`` or ``new`` is empty when it came or went."""

    what: str
    old: str
    new: str


@dataclass(slots=True)
class ChangeSet:
    """What one person changed at one time."""

    at: datetime
    who: str
    reason: str
    changes: list[Change] = field(default_factory=list)


def history_of(operation: Operation, definition: RegisterDefinition) -> list[ChangeSet]:
    """The changes of an operation and its parts, the newest first.

    The caller has fetched the operation through ``operation_for`` and so may see it.
    """
    words = _Words(definition)
    sets: dict[tuple[Any, datetime], ChangeSet] = {}
    actors: dict[tuple[Any, datetime], int | None] = {}
    for event, changes in _all_changes(operation, words):
        key = (event.pgh_context_id, event.pgh_created_at)
        metadata = event.pgh_context.metadata if event.pgh_context else {}
        if key not in sets:
            sets[key] = ChangeSet(event.pgh_created_at, "", metadata.get("reason", ""))
            actors[key] = metadata.get("actor")
        sets[key].changes.extend(changes)
    names = {
        user.pk: str(user)
        for user in User.objects.filter(pk__in={a for a in actors.values() if a is not None})
    }
    for key, one in sets.items():
        one.who = names.get(actors[key], "") or _("the system")
    told = [one for one in sets.values() if one.changes]
    return sorted(told, key=lambda one: one.at, reverse=True)


def _all_changes(operation: Operation, words: "_Words") -> Iterator[tuple[Any, list[Change]]]:
    for event, before, after in _steps(Operation, {"pgh_obj_id": operation.pk}):
        yield event, list(words.of_operation(before, after))
    for model, name, text in (
        (Procedure, gettext_lazy("Procedure"), words.procedure),
        (Complication, gettext_lazy("Complication"), words.complication),
        (Implant, gettext_lazy("Implant"), words.implant),
        (TreatmentGoal, gettext_lazy("Goal"), words.goal),
    ):
        for event, before, after in _steps(model, {"operation_id": operation.pk}):
            old, new = text(before) if before else "", text(after) if after else ""
            if old != new:
                yield event, [Change(str(name), old, new)]


def _steps(
    model: type[models.Model], of: dict[str, Any]
) -> Iterator[tuple[Any, dict[str, Any] | None, dict[str, Any] | None]]:
    """Each history row with the state before and after it."""
    events = (
        model.pgh_event_model.objects.filter(**of)
        .select_related("pgh_context")
        .order_by("pgh_obj_id", "pgh_id")
    )
    names = [f.attname for f in model.pgh_event_model._meta.fields if not f.name.startswith("pgh_")]
    last: dict[int, dict[str, Any]] = {}
    for event in events:
        state = {name: getattr(event, name) for name in names}
        before = last.get(event.pgh_obj_id)
        if event.pgh_label == "delete":
            yield event, state, None
            last.pop(event.pgh_obj_id, None)
        else:
            # An update's row holds the state after the change.
            yield event, before, state
            last[event.pgh_obj_id] = state


class _Words:
    """Turns stored values into what a reader of the page knows them as."""

    def __init__(self, definition: RegisterDefinition) -> None:
        self.definition = definition
        self.units: dict[int, str] = {}

    def of_operation(
        self, before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> Iterator[Change]:
        old_row, new_row = before or {}, after or {}
        for column, label in COLUMNS.items():
            old, new = (
                self.value(column, old_row.get(column)),
                self.value(column, new_row.get(column)),
            )
            if old != new:
                yield Change(str(label), old, new)
        old_details, new_details = old_row.get("details") or {}, new_row.get("details") or {}
        for key in [*new_details, *(k for k in old_details if k not in new_details)]:
            old, new = (
                self.detail(key, old_details.get(key)),
                self.detail(key, new_details.get(key)),
            )
            if old != new:
                variable = self.definition.variables.get(key)
                yield Change(str(variable.labels) if variable else key, old, new)

    def value(self, column: str, value: Any) -> str:
        if value in (None, "", [], False):
            return ""
        match column:
            case "unit_id":
                if value not in self.units:
                    self.units[value] = str(Unit.objects.filter(pk=value).first() or value)
                return self.units[value]
            case "group":
                group = self.definition.groups.get(value)
                return str(group.labels) if group else value
            case "side":
                return str(Side(value).label) if value in Side.values else value
            case "levels":
                return ", ".join(value)
            case "planned_on" | "performed_on" | "cancelled_on" | "complications_assessed_on":
                return date_format(value, "SHORT_DATE_FORMAT")
            case "withdrawn":
                return _("Yes")
            case "revises_id":
                return _("operation %(number)d") % {"number": value}
        return str(value)

    def detail(self, key: str, value: Any) -> str:
        """A register-specific value in words."""
        return written_detail(self.definition, key, value)

    def procedure(self, row: dict[str, Any]) -> str:
        kind = self.definition.procedure_types.get(row["procedure_type"])
        name = str(kind.labels) if kind else row["procedure_type"]
        return f"{row['position']}. {name} {row['code']}".strip()

    def complication(self, row: dict[str, Any]) -> str:
        kind = self.definition.complications.get(row["kind"])
        name = str(kind.labels) if kind else row["kind"]
        day = row["occurred_on"]
        return f"{name}, {date_format(day, 'SHORT_DATE_FORMAT')}" if day else name

    def implant(self, row: dict[str, Any]) -> str:
        return f"{row['kind']} {row['name']}".strip()

    def goal(self, row: dict[str, Any]) -> str:
        goal = self.definition.goals.get(row["goal"])
        name = str(goal.labels) if goal else row["goal"]
        text = f"{name}: {GoalOutcome(row['outcome']).label}"
        day = row["assessed_on"]
        return f"{text}, {date_format(day, 'SHORT_DATE_FORMAT')}" if day else text


def written_detail(definition: RegisterDefinition, key: str, value: Any) -> str:
    """A register-specific value as the reader knows it: labels, yes or no, its unit."""
    if value in (None, "", []):
        return ""
    variable = definition.variables.get(key)
    if variable is None:
        return str(value)
    if variable.type == "boolean":
        return _("Yes") if value else _("No")
    if variable.options:
        labels = {option.key: str(option.labels) for option in variable.options}
        values = value if isinstance(value, list) else [value]
        return ", ".join(labels.get(str(one), str(one)) for one in values)
    return f"{value} {variable.unit}" if variable.unit else str(value)
