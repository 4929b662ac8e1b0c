"""Which operations a figure is about, and that as a condition of the database."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from registry.accounts.permissions import Permission, Viewer
from registry.registers.schema import RegisterDefinition

Condition = tuple[str, dict[str, Any]]
"""SQL that may be joined with AND, and its parameters."""


@dataclass(frozen=True, slots=True)
class Filters:
    """What narrows a figure beyond the summary's cells; None means no filter.

    ``age_from`` and ``age_to`` are whole years on the day of the operation, both included.
    ``region_id`` is the region that the register's tables use: of the unit or of the residence.
    The durations are the coded answers of the questionnaire before surgery.
    """

    sex: str | None = None
    age_from: int | None = None
    age_to: int | None = None
    symptom_duration_axial: int | None = None
    symptom_duration_limb: int | None = None
    smoking: int | None = None
    region_id: int | None = None

    def __bool__(self) -> bool:
        """Say whether anything is filtered."""
        return any(getattr(self, field.name) is not None for field in fields(self))


@dataclass(frozen=True, slots=True)
class Scope:
    """The operations a figure is about: groups, types (none: all), years (both included)."""

    register_code: str
    groups: tuple[str, ...]
    procedure_types: tuple[str, ...] = ()
    year_from: int = 0
    year_to: int = 9999
    filters: Filters = Filters()

    def cells(self) -> Condition:
        """Return the condition on a summary: rows by type, or those that join all types."""
        return (
            'register_id = %(register)s AND "group" = ANY(%(groups)s)'
            " AND procedure_type = ANY(%(types)s) AND year BETWEEN %(year_from)s AND %(year_to)s",
            {**self._parameters(), "types": list(self.procedure_types) or [""]},
        )

    def operations(self, definition: RegisterDefinition) -> Condition:
        """Return the condition on facts, filters included."""
        parts = ['register_id = %(register)s AND "group" = ANY(%(groups)s)']
        parameters = self._parameters()
        if self.procedure_types:
            parts.append("procedure_type = ANY(%(types)s)")
            parameters["types"] = list(self.procedure_types)
        by_residence = definition.about.region_basis == "residence"
        # Asked of every row in this order: first what leaves few and is cheap to compare.
        columns = {
            "symptom_duration_axial": "symptom_duration_axial = %(symptom_duration_axial)s",
            "symptom_duration_limb": "symptom_duration_limb = %(symptom_duration_limb)s",
            "age_from": "age >= %(age_from)s",
            "age_to": "age <= %(age_to)s",
            "smoking": "smoking = %(smoking)s",
            "region_id": f"{'residence_region' if by_residence else 'unit_region'}_id"
            " = %(region_id)s",
            "sex": "sex = %(sex)s",
        }
        for name, condition in columns.items():
            value = getattr(self.filters, name)
            if value is not None:
                parts.append(condition)
                parameters[name] = value
        parts.append("year BETWEEN %(year_from)s AND %(year_to)s")
        return " AND ".join(parts), parameters

    def _parameters(self) -> dict[str, Any]:
        return {
            "register": self.register_code,
            "groups": list(self.groups),
            "year_from": self.year_from,
            "year_to": self.year_to,
        }


def sees_all_patients(viewer: Viewer, register_code: str) -> bool:
    """Say whether nothing has to be withheld: the viewer may see every patient of the register."""
    return viewer.whole_register(Permission.SEE_PATIENTS, register_code)


def sees_patients_of(viewer: Viewer, register_code: str, unit_id: int) -> bool:
    """Say whether the figures of a unit are the viewer's own."""
    return viewer.may(Permission.SEE_PATIENTS, register_code, unit_id)


def first_year(definition: RegisterDefinition) -> int:
    """Return the year in which the register began."""
    return definition.about.start_date.year


def years_until(definition: RegisterDefinition, on: date) -> range:
    """Return the years a report may cover on a day."""
    return range(first_year(definition), on.year + 1)
