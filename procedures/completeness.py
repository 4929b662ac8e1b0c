"""How much of a registration is there: filled against expected fields, section by section.

The denominator follows what is stated: a group that needs no side expects none, a variable that
is required only with an implant is expected once there is one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from procedures.entries import OperationEntry
from registry.registers.schema import RegisterDefinition, Variable


@dataclass(frozen=True, slots=True)
class Progress:
    """Filled and expected fields of one section, and the fields still missing."""

    section: str
    done: int
    expected: int
    missing: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether nothing expected is missing."""
        return self.done == self.expected


def progress(
    entry: OperationEntry,
    *,
    definition: RegisterDefinition,
    has_unit: bool,
    performing: bool,
) -> list[Progress]:
    """The progress of each section of a registration that is being planned or performed."""
    group = definition.groups.get(entry.group)
    session = {
        "unit": has_unit,
        "performed_on" if performing else "planned_on": bool(
            entry.performed_on if performing else entry.planned_on
        ),
    }
    diagnosis = {"group": group is not None}
    if performing and group is not None:
        if group.diagnosis == "required":
            diagnosis["diagnosis"] = bool(entry.diagnosis.strip())
        if group.side == "required":
            diagnosis["side"] = bool(entry.side)
        if group.levels == "required":
            diagnosis["levels"] = bool(entry.levels)
    sections = [_counted("session", session), _counted("diagnosis", diagnosis)]
    if performing:
        sections.append(
            _counted("procedures", {"procedures": any(kind for kind, _c in entry.procedures)})
        )
    if group is None:
        return sections
    types = {kind for kind, _code in entry.procedures if kind}
    for section in ("plan", "operation") if performing else ("plan",):
        asked = definition.variables_for(section, group.key, procedure_types=types)
        if asked:
            sections.append(_counted(section, _variables(asked, entry.details)))
    return sections


def _variables(asked: list[Variable], details: Mapping[str, Any]) -> dict[str, bool]:
    return {
        f"details-{variable.key}": _filled(details.get(variable.key))
        for variable in asked
        if _expected(variable, details)
    }


def _expected(variable: Variable, details: Mapping[str, Any]) -> bool:
    when = variable.required_when
    if when is None:
        return variable.required == "submit"
    given = details.get(when.variable)
    if isinstance(given, list | tuple):
        return when.equals in given
    return given == when.equals and isinstance(given, bool) == isinstance(when.equals, bool)


def _filled(value: Any) -> bool:
    return value not in (None, "", [], ())


def _counted(section: str, fields: Mapping[str, bool]) -> Progress:
    missing = tuple(name for name, filled in fields.items() if not filled)
    return Progress(section, len(fields) - len(missing), len(fields), missing)
