"""What somebody states about an operation, and whether it can be so.

One check serves the form, the API and files: ``check_entry`` reads an entry by the definition of
its register and touches no database, so that a file of 100,000 rows passes the same rules as one
form. Errors and warnings are keyed by field; the key of a register-specific variable is
``details-<variable>``, of a procedure ``procedures-<row>-code``, of a complication
``complications-<kind>``, of a goal ``goals-<goal>`` and of its date ``goals-<goal>-on``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from procedures import policies
from procedures.models import GoalOutcome
from procedures.policies import Lifetime
from registry.core.choices import Side
from registry.core.errors import RuleBroken
from registry.registers.schema import (
    Goal,
    Group,
    RegisterDefinition,
    icd10_matches,
    validate_details,
)

ICD10 = re.compile(r"[A-Z][0-9][0-9AB][0-9A-Z]{0,3}")
NCSP = re.compile(r"[A-Z]{3}[0-9]{2}[A-Z]?")
DANISH_ICD10 = re.compile(r"D[A-Z][0-9]")
DANISH_NCSP = re.compile(r"K[A-Z]{3}[0-9]{2}")
NAME_LENGTH = 120
MOST_PROCEDURES = 20
MOST_IMPLANTS = 40


@dataclass(frozen=True, slots=True)
class ComplicationEntry:
    """A complication, and the day it occurred if known."""

    kind: str
    occurred_on: date | None = None


@dataclass(frozen=True, slots=True)
class ImplantEntry:
    """What was put in."""

    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class GoalEntry:
    """What became of a goal. Planned and achieved values stand in the details."""

    goal: str
    outcome: str = GoalOutcome.NOT_ASSESSED
    assessed_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEntry:
    """An operation as somebody states it: planned without ``performed_on``, else performed.

    ``complications`` None says that nobody has looked; empty says that there were none.
    ``details`` holds register-specific values, of their own type or as text.
    """

    group: str
    planned_on: date | None = None
    performed_on: date | None = None
    diagnosis: str = ""
    side: str = ""
    levels: tuple[str, ...] = ()
    procedures: tuple[tuple[str, str], ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    complications: tuple[ComplicationEntry, ...] | None = None
    complications_assessed_on: date | None = None
    implants: tuple[ImplantEntry, ...] = ()
    goals: tuple[GoalEntry, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedEntry:
    """An entry as it will be stored, what stops it, and what asks to be confirmed."""

    entry: OperationEntry
    errors: dict[str, str]
    warnings: dict[str, str]
    goals: tuple["StoredGoal", ...] = ()

    @property
    def procedure_type(self) -> str:
        """The type that the first procedure gives a performed operation."""
        entry = self.entry
        return entry.procedures[0][0] if entry.performed_on and entry.procedures else ""


@dataclass(frozen=True, slots=True)
class StoredGoal:
    """A goal with the values that the details give it."""

    goal: str
    planned_value: Decimal | None
    achieved_value: Decimal | None
    outcome: str
    assessed_on: date | None


class ConfirmationNeeded(RuleBroken):
    """The values are possible but unusual: nothing was changed until each is confirmed.

    ``warnings`` maps field to question; give the fields as ``confirmed_warnings`` to go on.
    """

    def __init__(self, warnings: Mapping[str, str]) -> None:
        super().__init__(dict(warnings), code="confirm")
        self.warnings = dict(warnings)


def check_entry(
    entry: OperationEntry,
    *,
    definition: RegisterDefinition,
    life: Lifetime,
    on: date,
    dates_are_new: bool = True,
) -> CheckedEntry:
    """Read ``entry`` by the definition: cleaned, with errors and warnings by field.

    ``dates_are_new`` False leaves a planned date alone that lies in the past by now, as when a
    planned operation is corrected.
    """
    errors: dict[str, str] = {}
    warnings: dict[str, str] = {}
    performed = entry.performed_on is not None
    if performed:
        _judge(
            errors,
            "performed_on",
            policies.may_be_performed_on(entry.performed_on, on=on, life=life),
        )
    elif entry.planned_on is None:
        errors["planned_on"] = _("Give the planned date.")
    elif dates_are_new:
        _judge(errors, "planned_on", policies.may_be_planned_on(entry.planned_on, on=on, life=life))
    group = definition.groups.get(entry.group)
    if group is None:
        errors["group"] = (
            _("“%(value)s” is not a group of this register.") % {"value": entry.group}
            if entry.group
            else _("Choose the group.")
        )
        return CheckedEntry(entry, errors, warnings)
    dated = not errors
    procedures = _procedures(entry, definition, errors, warnings)
    types = {kind for kind, _code in procedures}
    # What follows from a fault is not told beside it: a procedure that is none asks for no
    # variables, and nothing can be before or after a date that is wrong.
    known = types <= definition.procedure_types.keys()
    details = _details(entry, definition, types, errors, warnings) if known else entry.details
    clean = replace(
        entry,
        diagnosis=_diagnosis(entry, group, errors, warnings),
        side=_side(entry, group, errors),
        levels=_levels(entry, definition, group, errors),
        procedures=procedures,
        details=details,
        complications=_complications(entry, definition, life, on, errors)
        if dated
        else entry.complications,
        implants=_implants(entry, errors),
    )
    goals = _goals(clean, definition, on, errors) if performed and dated and known else ()
    return CheckedEntry(clean, errors, warnings, goals)


def stop_on_errors(checked: CheckedEntry, *, confirmed_warnings: frozenset[str]) -> None:
    """Raise RuleBroken with the errors, or ConfirmationNeeded with what was not confirmed."""
    if checked.errors:
        raise RuleBroken(checked.errors)
    open_questions = {
        name: text for name, text in checked.warnings.items() if name not in confirmed_warnings
    }
    if open_questions:
        raise ConfirmationNeeded(open_questions)


def written_diagnosis(text: str) -> str:
    """The ICD-10 code in ``text`` as it is stored: capitals, one dot, no Danish leading D.

    Raises ValidationError when there is no such code.
    """
    code = "".join(text.split()).upper().replace(".", "")
    if DANISH_ICD10.match(code):
        code = code[1:]
    if not ICD10.fullmatch(code):
        raise ValidationError(
            _("“%(value)s” is not an ICD-10 code. Write it such as M48.0.") % {"value": text}
        )
    return f"{code[:3]}.{code[3:]}" if len(code) > 3 else code


def written_procedure_code(text: str) -> str:
    """The NCSP code in ``text`` as it is stored: capitals, no Danish leading K.

    Raises ValidationError when there is no such code.
    """
    code = "".join(text.split()).upper()
    if DANISH_NCSP.match(code):
        code = code[1:]
    if not NCSP.fullmatch(code):
        raise ValidationError(
            _("“%(value)s” is not a procedure code. Write it such as ABC56.") % {"value": text}
        )
    return code


def sections_of(entry: OperationEntry, definition: RegisterDefinition) -> tuple[str, ...]:
    """The sections of variables that an entry must answer: the plan; then the operation too.

    The result joins when something of it is stated: it comes months later.
    """
    if entry.performed_on is None:
        return ("plan",)
    stated = definition.variables.keys() & entry.details.keys()
    if any(definition.variables[key].section == "result" for key in stated):
        return ("plan", "operation", "result")
    return ("plan", "operation")


def goals_asked(
    definition: RegisterDefinition, procedure_type: str, details: Mapping[str, Any]
) -> list[Goal]:
    """The goals of an operation: those of its type; a goal with a value only if one was planned."""
    return [
        goal
        for goal in definition.goals_for(procedure_type)
        if goal.planned_variable is None or goal.planned_variable in details
    ]


def _judge(errors: dict[str, str], name: str, verdict: policies.Verdict) -> None:
    if not verdict:
        errors.setdefault(name, verdict.reason)


def _diagnosis(
    entry: OperationEntry, group: Group, errors: dict[str, str], warnings: dict[str, str]
) -> str:
    if not entry.diagnosis.strip():
        if group.diagnosis == "required" and entry.performed_on:
            errors["diagnosis"] = _("Give the diagnosis (ICD-10).")
        return ""
    try:
        code = written_diagnosis(entry.diagnosis)
    except ValidationError as error:
        errors["diagnosis"] = error.messages[0]
        return entry.diagnosis
    if group.icd10 and not any(icd10_matches(pattern, code) for pattern in group.icd10):
        warnings["diagnosis"] = _(
            "%(code)s is unusual in the group “%(group)s”. Confirm that both are right."
        ) % {"code": code, "group": group.labels}
    return code


def _side(entry: OperationEntry, group: Group, errors: dict[str, str]) -> str:
    if not entry.side:
        if group.side == "required" and entry.performed_on:
            errors["side"] = _("Choose the side.")
    elif group.side == "none":
        errors["side"] = _("Side does not apply in this group. Leave it empty.")
    elif entry.side not in Side.values:
        errors["side"] = _("“%(value)s” is not a side: left, right or both.") % {
            "value": entry.side
        }
    return entry.side


def _levels(
    entry: OperationEntry, definition: RegisterDefinition, group: Group, errors: dict[str, str]
) -> tuple[str, ...]:
    if not entry.levels:
        if group.levels == "required" and entry.performed_on:
            errors["levels"] = _("Choose the level.")
        return ()
    offered = definition.levels_for(group.key)
    if group.levels == "none":
        errors["levels"] = _("Levels do not apply in this group. Leave them empty.")
    elif unknown := [level for level in entry.levels if level not in offered]:
        errors["levels"] = _("“%(value)s” is not one of the levels: %(levels)s.") % {
            "value": unknown[0],
            "levels": ", ".join(offered),
        }
    return tuple(level for level in offered if level in entry.levels) or entry.levels


def _procedures(
    entry: OperationEntry,
    definition: RegisterDefinition,
    errors: dict[str, str],
    warnings: dict[str, str],
) -> tuple[tuple[str, str], ...]:
    if not entry.procedures:
        if entry.performed_on:
            errors["procedures"] = _("Give at least one procedure; the first decides the type.")
        return ()
    if len(entry.procedures) > MOST_PROCEDURES:
        errors["procedures"] = _("An operation holds at most %(most)d procedures.") % {
            "most": MOST_PROCEDURES
        }
    offered = {kind.key: kind for kind in definition.procedure_types_for(entry.group)}
    clean: list[tuple[str, str]] = []
    for row, (kind, code) in enumerate(entry.procedures):
        if kind not in offered:
            errors[f"procedures-{row}-type"] = (
                _("“%(value)s” is not a procedure of this group.") % {"value": kind}
                if kind
                else _("Choose the procedure.")
            )
        if code:
            try:
                code = written_procedure_code(code)
            except ValidationError as error:
                errors[f"procedures-{row}-code"] = error.messages[0]
            else:
                usual = offered[kind].ncsp if kind in offered else ()
                if usual and code not in usual:
                    warnings[f"procedures-{row}-code"] = _(
                        "%(code)s is unusual for “%(procedure)s”. Confirm that both are right."
                    ) % {"code": code, "procedure": offered[kind].labels}
        if (kind, code) in clean:
            errors[f"procedures-{row}-type"] = _("This procedure is there already. Remove one.")
        clean.append((kind, code))
    return tuple(clean)


def _details(
    entry: OperationEntry,
    definition: RegisterDefinition,
    types: set[str],
    errors: dict[str, str],
    warnings: dict[str, str],
) -> dict[str, Any]:
    result = validate_details(
        definition,
        dict(entry.details),
        group=entry.group,
        sections=sections_of(entry, definition),
        strict=True,
        procedure_types=types,
    )
    errors.update({f"details-{key}": text for key, text in result.errors.items()})
    warnings.update({f"details-{key}": text for key, text in result.warnings.items()})
    return result.clean


def _complications(
    entry: OperationEntry,
    definition: RegisterDefinition,
    life: Lifetime,
    on: date,
    errors: dict[str, str],
) -> tuple[ComplicationEntry, ...] | None:
    assessed_on, performed_on = entry.complications_assessed_on, entry.performed_on
    if entry.complications is None:
        if assessed_on is not None:
            errors["complications"] = _("Say whether there were complications.")
        return None
    if performed_on is None:
        errors["complications"] = policies.may_record_result("planned").reason
        return entry.complications
    if assessed_on is None:
        errors["complications_assessed_on"] = _("Give the date of the assessment.")
    else:
        _judge(
            errors,
            "complications_assessed_on",
            policies.may_be_assessed_on(assessed_on, performed_on=performed_on, on=on),
        )
    offered = {c.key: c for c in definition.complications_for(entry.group)}
    seen: set[str] = set()
    for given in entry.complications:
        kind = offered.get(given.kind)
        name = f"complications-{given.kind}"
        if kind is None:
            errors["complications"] = _("“%(value)s” is not a complication of this group.") % {
                "value": given.kind
            }
        elif given.kind in seen:
            errors["complications"] = _("“%(value)s” is there twice.") % {"value": kind.labels}
        elif given.occurred_on is not None:
            _judge(
                errors,
                name,
                policies.may_occur_on(
                    given.occurred_on,
                    performed_on=performed_on,
                    on=on,
                    died=life.died,
                    during=kind.phase == "during",
                    within_days=kind.within_days,
                ),
            )
        seen.add(given.kind)
    return entry.complications


def _implants(entry: OperationEntry, errors: dict[str, str]) -> tuple[ImplantEntry, ...]:
    if len(entry.implants) > MOST_IMPLANTS:
        errors["implants"] = _("An operation holds at most %(most)d implants.") % {
            "most": MOST_IMPLANTS
        }
    clean: list[ImplantEntry] = []
    for row, implant in enumerate(entry.implants):
        kind, name = implant.kind.strip(), implant.name.strip()
        if not kind:
            errors[f"implants-{row}-kind"] = _("Say what kind of implant it is.")
        if len(kind) > 60 or len(name) > NAME_LENGTH:
            errors[f"implants-{row}-name"] = _(
                "The text is too long: at most %(most)d letters."
            ) % {"most": NAME_LENGTH if len(name) > NAME_LENGTH else 60}
        clean.append(ImplantEntry(kind, name))
    return tuple(clean)


def _goals(
    entry: OperationEntry, definition: RegisterDefinition, on: date, errors: dict[str, str]
) -> tuple[StoredGoal, ...]:
    """Every goal that is asked, and every other of the type that was assessed all the same."""
    if not entry.procedures:
        return ()
    offered = {goal.key: goal for goal in definition.goals_for(entry.procedures[0][0])}
    stated = {given.goal: given for given in entry.goals}
    for given in entry.goals:
        name = f"goals-{given.goal}"
        if given.goal not in offered:
            if given.outcome == GoalOutcome.NOT_ASSESSED:
                continue
            errors[name] = _("“%(value)s” is not a goal of this procedure.") % {"value": given.goal}
        elif given.outcome not in GoalOutcome.values:
            errors[name] = _("“%(value)s” is not an outcome.") % {"value": given.outcome}
        elif given.outcome == GoalOutcome.NOT_ASSESSED:
            if given.assessed_on is not None:
                errors[name] = _("Choose the outcome, or remove the date.")
        elif given.assessed_on is None:
            errors[f"{name}-on"] = _("Give the date of the assessment.")
        else:
            _judge(
                errors,
                f"{name}-on",
                policies.may_be_assessed_on(
                    given.assessed_on, performed_on=entry.performed_on, on=on
                ),
            )
    asked = {g.key for g in goals_asked(definition, entry.procedures[0][0], entry.details)}
    assessed = {g.goal for g in entry.goals if g.outcome != GoalOutcome.NOT_ASSESSED}
    return tuple(
        StoredGoal(
            goal=key,
            planned_value=_number(entry.details, goal.planned_variable),
            achieved_value=_number(entry.details, goal.achieved_variable),
            outcome=stated[key].outcome if key in stated else GoalOutcome.NOT_ASSESSED,
            assessed_on=stated[key].assessed_on if key in stated else None,
        )
        for key, goal in offered.items()
        if key in asked or key in assessed
    )


def _number(details: Mapping[str, Any], variable: str | None) -> Decimal | None:
    value = details.get(variable) if variable else None
    return None if value is None else Decimal(str(value))
