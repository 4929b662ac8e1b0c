"""Writes of reference data: whole sets at a time, safe to repeat, nothing ever deleted.

Each verb takes all rows of a file, checks them against what is stored and writes what is new or
different. A fault in one row and nothing is written: `RowsRefused` names every row and column.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils.translation import gettext as _

from registry.core.errors import RuleBroken
from registry.units.models import (
    HealthRegion,
    Hospital,
    Population,
    Unit,
    UnitCode,
    UnitLabel,
)


@dataclass(frozen=True)
class RegionRow:
    """A health region."""

    code: str
    country: str
    name: str
    report_label: str
    position: int


@dataclass(frozen=True)
class HospitalRow:
    """A hospital; `region` is a region's code or empty."""

    code: str
    name: str
    region: str


@dataclass(frozen=True)
class UnitRow:
    """A unit; `codes` are (system, code) pairs, `hospital` and `site_region` codes or empty."""

    code: str
    name: str
    short_name: str
    hospital: str
    sector: str
    site_region: str
    codes: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class LabelRow:
    """How a report table prints a unit."""

    unit: str
    table: str
    label: str


@dataclass(frozen=True)
class PopulationRow:
    """Inhabitants of a region in a year."""

    region: str
    year: int
    count: int
    rounded: bool
    source: str


class RowFault(NamedTuple):
    """What is wrong in a row (counted from 0) and column."""

    row: int
    column: str
    reason: str


class RowsRefused(RuleBroken):
    """Rows that were not written, with every fault in them."""

    def __init__(self, faults: Iterable[RowFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(f"{fault.column}: {fault.reason}" for fault in self.faults))


@dataclass(frozen=True)
class Written:
    """How many rows were new, were changed, or were there already."""

    created: int
    changed: int
    unchanged: int


@transaction.atomic
def load_regions(*, rows: Sequence[RegionRow]) -> Written:
    """Write health regions by code."""
    return _write(HealthRegion, [asdict(row) for row in rows], key=("code",))


@transaction.atomic
def load_hospitals(*, rows: Sequence[HospitalRow]) -> Written:
    """Write hospitals by code; a region must be known."""
    regions = _by_code(HealthRegion)
    _refuse(_unknown(rows, {"region": regions}, optional={"region"}))
    return _write(
        Hospital,
        [
            {"code": row.code, "name": row.name, "region_id": regions.get(row.region)}
            for row in rows
        ],
        key=("code",),
    )


@transaction.atomic
def load_units(*, rows: Sequence[UnitRow]) -> Written:
    """Write units by code, and add their official codes; codes they have already stay."""
    regions, hospitals = _by_code(HealthRegion), _by_code(Hospital)
    known = {"hospital": hospitals, "site_region": regions}
    _refuse(_unknown(rows, known, optional=known.keys()))
    written = _write(
        Unit,
        [
            {
                "code": row.code,
                "name": row.name,
                "short_name": row.short_name,
                "hospital_id": hospitals.get(row.hospital),
                "sector": row.sector,
                "site_region_id": regions.get(row.site_region),
            }
            for row in rows
        ],
        key=("code",),
    )
    _add_codes(rows, _by_code(Unit))
    return written


@transaction.atomic
def load_unit_labels(*, rows: Sequence[LabelRow]) -> Written:
    """Write how report tables print units."""
    units = _by_code(Unit)
    _refuse(_unknown(rows, {"unit": units}))
    return _write(
        UnitLabel,
        [{"unit_id": units[row.unit], "table": row.table, "label": row.label} for row in rows],
        key=("unit_id", "table"),
    )


@transaction.atomic
def load_populations(*, rows: Sequence[PopulationRow]) -> Written:
    """Write populations by region and year; a newer figure replaces the one stored."""
    regions = _by_code(HealthRegion)
    _refuse(_unknown(rows, {"region": regions}))
    return _write(
        Population,
        [
            {
                "region_id": regions[row.region],
                "year": row.year,
                "count": row.count,
                "rounded": row.rounded,
                "source": row.source,
            }
            for row in rows
        ],
        key=("region_id", "year"),
    )


def _by_code(model: type[models.Model]) -> dict[str, int]:
    return dict(model._default_manager.values_list("code", "pk"))


def _unknown(
    rows: Sequence[object], known: Mapping[str, Mapping[str, int]], optional: Collection[str] = ()
) -> list[RowFault]:
    """Cells that name something that is not stored."""
    return [
        RowFault(number, column, _("“%(code)s” is not known.") % {"code": code})
        for number, row in enumerate(rows)
        for column, codes in known.items()
        if (code := getattr(row, column)) not in codes and (code or column not in optional)
    ]


def _refuse(faults: list[RowFault]) -> None:
    if faults:
        raise RowsRefused(faults)


def _write(
    model: type[models.Model], rows: list[dict[str, object]], *, key: tuple[str, ...]
) -> Written:
    """Insert or update `rows`, found by `key`; every row is validated before the first write."""
    stored = {
        tuple(getattr(item, name) for name in key): item for item in model._default_manager.all()
    }
    faults: list[RowFault] = []
    seen: dict[tuple[object, ...], int] = {}
    new, changed = [], []
    for number, row in enumerate(rows):
        identity = tuple(row[name] for name in key)
        if identity in seen:
            reason = _("The same is in row %(row)d already.") % {"row": seen[identity] + 1}
            faults.append(RowFault(number, key[-1].removesuffix("_id"), reason))
            continue
        seen[identity] = number
        item = stored.get(identity)
        if item is None:
            item = model(**row)
            new.append(item)
        elif any(getattr(item, name) != value for name, value in row.items()):
            for name, value in row.items():
                setattr(item, name, value)
            changed.append(item)
        else:
            continue
        faults += _invalid(item, number)
    _refuse(faults)
    model._default_manager.bulk_create(new)
    for item in changed:
        item.save()
    return Written(len(new), len(changed), len(rows) - len(new) - len(changed))


def _invalid(item: models.Model, number: int) -> list[RowFault]:
    try:
        item.clean_fields(exclude={"created_at", "updated_at"})
    except ValidationError as error:
        return [
            RowFault(number, field.removesuffix("_id"), " ".join(messages))
            for field, messages in error.message_dict.items()
        ]
    return []


def _add_codes(rows: Sequence[UnitRow], units: Mapping[str, int]) -> None:
    """Add the codes a unit does not have; a code that another unit has now is refused."""
    held: dict[tuple[str, str], set[int]] = {}
    for unit_id, system, code in UnitCode.objects.values_list("unit_id", "system", "code"):
        held.setdefault((system, code), set()).add(unit_id)
    faults, new = [], []
    for number, row in enumerate(rows):
        for system, code in row.codes:
            owners = held.setdefault((system, code), set())
            if units[row.code] in owners:
                continue
            if owners:
                message = _("%(code)s belongs to another unit already.")
                faults.append(RowFault(number, "codes", message % {"code": f"{system}:{code}"}))
                continue
            owners.add(units[row.code])
            new.append(UnitCode(unit_id=units[row.code], system=system, code=code))
    _refuse(faults)
    UnitCode.objects.bulk_create(new)
