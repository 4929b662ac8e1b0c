"""Reference files in: CSV, read strictly, every fault with line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from registry.units.actions import (
    HospitalRow,
    LabelRow,
    PopulationRow,
    RegionRow,
    RowsRefused,
    UnitRow,
    Written,
    load_hospitals,
    load_populations,
    load_regions,
    load_unit_labels,
    load_units,
)

DATA_DIR = Path(__file__).resolve().parent / "data"
YES = frozenset({"yes", "1", "true", "ja"})
NO = frozenset({"no", "0", "false", "nei", "nej"})
YEARS = range(1900, 2101)
LARGEST_POPULATION = 100_000_000

Row = TypeVar("Row")


@dataclass(frozen=True)
class FileFault:
    """One thing that is wrong in a file; lines are counted from 1, the head line included."""

    file: str
    line: int
    column: str
    reason: str

    def __str__(self) -> str:
        place = _("line %(line)d") % {"line": self.line}
        if self.column:
            place += ", " + _("column %(column)s") % {"column": self.column}
        return f"{self.file}: {place}: {self.reason}"


class FileRefused(ValueError):
    """A file of which nothing was written, with every fault in it."""

    def __init__(self, faults: Sequence[FileFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in faults))


def import_file(path: Path, row_type: type[Row], write: Callable[..., Written]) -> Written:
    """Read `path` as rows of `row_type` and hand them to `write`; `FileRefused` on any fault."""
    lines, rows = _read(path, row_type)
    try:
        return write(rows=rows)
    except RowsRefused as refused:
        raise FileRefused(
            [
                FileFault(path.name, lines[fault.row], fault.column, fault.reason)
                for fault in refused.faults
            ]
        ) from None


def import_reference(folder: Path = DATA_DIR) -> Iterator[tuple[str, Written]]:
    """Import the files of `folder` in their order; yields each file's name and what was done.

    A folder of a register's own holds only the files that it adds to.
    """
    for name, row_type, write in (
        ("regions.csv", RegionRow, load_regions),
        ("hospitals.csv", HospitalRow, load_hospitals),
        ("units.csv", UnitRow, load_units),
        ("unit_labels.csv", LabelRow, load_unit_labels),
        ("populations.csv", PopulationRow, load_populations),
    ):
        if folder == DATA_DIR or (folder / name).exists():
            yield name, import_file(folder / name, row_type, write)


def import_populations(path: Path) -> Written:
    """Import a coordinator's file of populations."""
    return import_file(path, PopulationRow, load_populations)


def _read(path: Path, row_type: type[Row]) -> tuple[list[int], list[Row]]:
    """The rows of a file with the line each stands on."""
    columns = [field.name for field in fields(row_type)]  # type: ignore[arg-type]
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        reason = _("The file cannot be read: %(reason)s.") % {"reason": error.strerror}
        raise FileRefused([FileFault(path.name, 1, "", reason)]) from error
    except UnicodeDecodeError as error:
        reason = _("The file is not UTF-8 text. Save it as CSV UTF-8.")
        raise FileRefused([FileFault(path.name, 1, "", reason)]) from error
    head = text.partition("\n")[0]
    delimiter = ";" if ";" in head else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        table = [(reader.line_num, cells) for cells in reader]
    except csv.Error as error:
        reason = _("The line is not CSV: %(reason)s.") % {"reason": error}
        raise FileRefused([FileFault(path.name, reader.line_num, "", reason)]) from error
    given = [name.strip() for name in table[0][1]] if table else []
    faults = _head_faults(path.name, given, columns)
    if faults:
        raise FileRefused(faults)
    lines: list[int] = []
    rows: list[Row] = []
    for line, cells in table[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(given):
            message = _("There are %(found)d cells, but %(wanted)d columns.")
            reason = message % {"found": len(cells), "wanted": len(given)}
            faults.append(FileFault(path.name, line, "", reason))
            continue
        values: dict[str, Any] = {}
        for column, cell in zip(given, cells, strict=True):
            try:
                values[column] = READERS.get(column, str)(cell.strip())
            except ValueError as error:
                faults.append(FileFault(path.name, line, column, str(error)))
        if len(values) == len(given):
            lines.append(line)
            rows.append(row_type(**values))
    if faults:
        raise FileRefused(faults)
    return lines, rows


def _head_faults(file: str, given: list[str], columns: list[str]) -> list[FileFault]:
    wanted = ", ".join(columns)
    missing = _("The column is missing. The columns are: %(columns)s.") % {"columns": wanted}
    unknown = _("The column is not known. The columns are: %(columns)s.") % {"columns": wanted}
    twice = _("The column is there more than once.")
    return (
        [FileFault(file, 1, name, missing) for name in columns if name not in given]
        + [FileFault(file, 1, name, unknown) for name in given if name not in columns]
        + [FileFault(file, 1, name, twice) for name in columns if given.count(name) > 1]
    )


def _whole(cell: str, lowest: int, highest: int) -> int:
    # int() also takes digits of other scripts and underscores.
    if not (cell.isascii() and cell.isdigit()):
        raise ValueError(_("“%(value)s” is not a whole number.") % {"value": cell})
    number = int(cell) if len(cell) < 16 else highest + 1
    if not lowest <= number <= highest:
        message = _("%(value)s is outside the range %(low)d to %(high)d.")
        raise ValueError(message % {"value": cell, "low": lowest, "high": highest})
    return number


def _year(cell: str) -> int:
    return _whole(cell, YEARS.start, YEARS.stop - 1)


def _count(cell: str) -> int:
    return _whole(cell, 0, LARGEST_POPULATION)


def _position(cell: str) -> int:
    return _whole(cell, 0, 1000)


def _flag(cell: str) -> bool:
    if cell.lower() in YES:
        return True
    if cell.lower() in NO:
        return False
    raise ValueError(_("“%(value)s” is neither yes nor no.") % {"value": cell})


def _codes(cell: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in filter(None, cell.split("+")):
        system, colon, code = part.strip().partition(":")
        if not (system and colon and code):
            raise ValueError(_("“%(value)s” is not written SYSTEM:CODE.") % {"value": part})
        pairs.append((system, code))
    return tuple(pairs)


READERS: dict[str, Callable[[str], Any]] = {
    "year": _year,
    "count": _count,
    "position": _position,
    "rounded": _flag,
    "codes": _codes,
}
