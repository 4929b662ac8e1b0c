"""Writes: load a definition, say which units report, mark slices stale and take the marks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from django.db import connection, transaction

from registry.core.errors import RuleBroken
from registry.core.events import announce
from registry.registers.events import DefinitionChanged
from registry.registers.loader import canonical, check_definition, read_definition, version_of
from registry.registers.models import DefinitionVersion, Register, RegisterUnit
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import Slice
from registry.units.models import Unit


@transaction.atomic
def load_register(
    *, definition: RegisterDefinition | str | Path, now: datetime
) -> DefinitionVersion:
    """Make `definition` (or the one in the file of that path) the current one of its register.

    A content that was loaded before keeps its version; a changed one gets a new version, and
    records made under the old one keep the old. Units that the definition names, and that are
    loaded, report to the register from now on. Raises `DefinitionError` when it is faulty.
    """
    if isinstance(definition, RegisterDefinition):
        check_definition(definition, file=f"{definition.code}.toml")
    else:
        definition = read_definition(definition)
    content = canonical(definition)
    Register.objects.get_or_create(
        code=definition.code,
        defaults={"names": content["register"]["names"], "country": definition.about.country},
    )
    # Two loaders of one register take turns.
    register = Register.objects.select_for_update().get(pk=definition.code)
    wanted = version_of(definition)
    version = register.versions.filter(version=wanted).first()
    if version is None:
        version = DefinitionVersion.objects.create(
            register=register,
            version=wanted,
            sequence=register.versions.count() + 1,
            definition=content,
            loaded_at=now,
        )
    if register.current_id != version.pk:
        previous = register.current.version if register.current else None
        register.names = content["register"]["names"]
        register.country = definition.about.country
        register.current = version
        register.save(update_fields=["names", "country", "current", "updated_at"])
        announce(DefinitionChanged(definition.code, version.version, previous))
    units = Unit.objects.filter(code__in=definition.about.units).values_list("pk", flat=True)
    assign_units(register_code=definition.code, unit_ids=units)
    return version


@transaction.atomic
def assign_units(*, register_code: str, unit_ids: Iterable[int]) -> int:
    """Let units report to a register; those that do so already are left. Returns how many came."""
    wanted = set(unit_ids)
    held = set(
        RegisterUnit.objects.filter(register_id=register_code).values_list("unit_id", flat=True)
    )
    RegisterUnit.objects.bulk_create(
        [
            RegisterUnit(register_id=register_code, unit_id=unit_id)
            for unit_id in sorted(wanted - held)
        ],
        ignore_conflicts=True,
    )
    return len(wanted - held)


def mark_stale(*, register_code: str, unit_id: int, years: Iterable[int]) -> None:
    """Mark the slices of one unit as stale, in the caller's transaction.

    Give every year a change touches: that of the old date and that of the new one.
    """
    mark_slices_stale((register_code, unit_id, year) for year in years)


MARK_STALE = """
    INSERT INTO registers_staleslice (register_id, unit_id, year)
    SELECT DISTINCT register_id, unit_id, year FROM {changed}
"""
"""Marks slices as stale; ``changed`` names them, as a part of the statement that changes them."""
_MARK_THESE = MARK_STALE.format(
    changed="unnest(%s::text[], %s::bigint[], %s::int[]) AS one (register_id, unit_id, year)"
)


def mark_slices_stale(slices: Iterable[tuple[str, int, int]]) -> None:
    """Mark slices (register code, unit id, year) as stale, in the caller's transaction."""
    wanted = set(slices)
    if not wanted:
        return
    with connection.cursor() as cursor:
        cursor.execute(_MARK_THESE, [list(column) for column in zip(*wanted, strict=True)])


def take_stale_slices(slices: Iterable[tuple[str, int, int]]) -> list[Slice]:
    """Delete the visible marks of `slices`; return those that had one and must be recomputed now.

    To be called in the transaction that recomputes, before it reads: what is committed later
    leaves a mark of its own. A second sweeper waits here for the first and then gets nothing.
    """
    if not connection.in_atomic_block:
        raise RuleBroken("Marks are taken in the transaction that recomputes the slices.")
    wanted = sorted(set(slices))
    if not wanted:
        return []
    codes, units, years = (list(column) for column in zip(*wanted, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH taken AS (
                DELETE FROM registers_staleslice mark
                USING unnest(%s::text[], %s::bigint[], %s::int[]) AS slice (code, unit, year)
                WHERE mark.register_id = slice.code
                  AND mark.unit_id = slice.unit
                  AND mark.year = slice.year
                RETURNING mark.register_id, mark.unit_id, mark.year
            )
            SELECT DISTINCT register_id, unit_id, year FROM taken ORDER BY 1, 2, 3
            """,
            [codes, units, years],
        )
        return [Slice(*row) for row in cursor.fetchall()]
