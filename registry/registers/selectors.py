"""Reads about registers: their definitions, their units, their stale slices.

Definitions are not personal data; every viewer may read them. Which unit a viewer may act for is
decided by `registry.accounts`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from django.db import connection

from registry.registers.models import DefinitionVersion, Register, RegisterUnit
from registry.registers.schema import RegisterDefinition
from registry.units.models import Unit


class UnknownRegister(LookupError):
    """No register of that code, or no such version of it, has been loaded."""


class Slice(NamedTuple):
    """Register × unit × year, the smallest thing that is recomputed."""

    register_code: str
    unit_id: int
    year: int


def registers() -> list[Register]:
    """All registers that have a definition, by code."""
    return list(
        Register.objects.filter(current__isnull=False).select_related("current").order_by("code")
    )


def current_version(register_code: str) -> DefinitionVersion:
    """The version that holds now; `UnknownRegister` when none is loaded."""
    version = DefinitionVersion.objects.filter(
        pk__in=Register.objects.filter(pk=register_code).values("current")
    ).first()
    if version is None:
        raise UnknownRegister(
            f"The register “{register_code}” is not loaded. Run manage.py load_register."
        )
    return version


def current_versions(codes: Iterable[str]) -> list[tuple[str, str]]:
    """Code and version that holds now of those registers that are loaded; without the document."""
    return list(
        Register.objects.filter(pk__in=codes, current__isnull=False).values_list(
            "code", "current__version"
        )
    )


def definition_for(register_code: str, version: str | None = None) -> RegisterDefinition:
    """The definition of a register: the current one, or the one with hash `version`.

    Parsed once per version and process. Reading the current one costs one small query.
    """
    if version is None:
        version = _current(register_code)
    return _definition(register_code, version)


def definition_of(version: DefinitionVersion) -> RegisterDefinition:
    """The definition that `version` (as held by a record) stands for."""
    return _definition(version.register_id, version.version)


def _current(register_code: str) -> str:
    # By hand and planned once: a page asks this several times, and through models it takes five
    # times as long.
    with connection.planned_once() as cursor:
        cursor.execute(
            "SELECT v.version FROM registers_register r"
            " JOIN registers_definitionversion v ON v.id = r.current_id WHERE r.code = %s",
            [register_code],
        )
        row = cursor.fetchone()
    if row is None:
        raise UnknownRegister(
            f"The register “{register_code}” is not loaded. Run manage.py load_register."
        )
    return row[0]


@lru_cache(maxsize=256)
def _definition(register_code: str, version: str) -> RegisterDefinition:
    """Cached without an end: a version's name is the hash of its content and cannot go stale."""
    data = (
        DefinitionVersion.objects.filter(register_id=register_code, version=version)
        .values_list("definition", flat=True)
        .first()
    )
    if data is None:
        raise UnknownRegister(f"The register “{register_code}” has no version {version}.")
    return RegisterDefinition.model_validate(data)


def units_of(register_code: str) -> list[Unit]:
    """The units that report to a register, by code."""
    return list(
        Unit.objects.filter(
            pk__in=RegisterUnit.objects.filter(register_id=register_code).values("unit")
        ).order_by("code")
    )


def stale_slices(register_code: str | None = None) -> list[Slice]:
    """The slices marked stale by committed changes, each once, in a fixed order."""
    # By hand and planned once: every report asks this first, and nearly always there is none.
    with connection.planned_once() as cursor:
        cursor.execute(
            "SELECT DISTINCT register_id, unit_id, year FROM registers_staleslice"
            " WHERE %s::text IS NULL OR register_id = %s ORDER BY 1, 2, 3",
            [register_code, register_code],
        )
        return [Slice(*row) for row in cursor.fetchall()]
