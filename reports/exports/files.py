"""The files of a year: rows as CSV or XLSX, and the codebook that explains their columns."""

from __future__ import annotations

import csv
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from django.utils import translation
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import record_access, require
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for
from reports.actions.refresh import ensure_fresh
from reports.exports.neutral import BOM, neutral
from reports.exports.resources import Scope, YearResource, resources_for
from reports.selectors.scope import first_year

Format = Literal["csv", "xlsx"]
FORMATS: tuple[Format, ...] = ("csv", "xlsx")
CODEBOOK = "codebook.csv"
CODEBOOK_COLUMNS = (
    "file",
    "column",
    "label",
    "type",
    "unit",
    "values",
    "instrument",
    "classification",
)
Progress = Callable[[int, int], None]


class NoExport(ValueError):
    """There is nothing to export for that year; the message says which years there are."""


@dataclass(frozen=True, slots=True)
class Written:
    """What was written: rows by file name, without the codebook."""

    rows: dict[str, int]

    @property
    def total(self) -> int:
        """Rows of all files."""
        return sum(self.rows.values())


def export_year(
    viewer: Viewer,
    register_code: str,
    year: int,
    *,
    format: Format,
    folder: Path,
    language: str,
    on: date,
    progress: Progress = lambda _done, _total: None,
) -> Written:
    """Write the files of a year into ``folder``, as far as the viewer's rights go.

    Works inside one transaction, notes the export in the access log, and replaces files only when
    all are written. Raises NotAllowed, UnknownRegister, NoExport, OSError.
    """
    require(viewer, Permission.EXPORT, register_code)
    definition = definition_for(register_code)
    years = export_years(definition, on)
    if year not in years:
        raise NoExport(
            _("There is no export of %(year)s; there are exports of %(first)s to %(last)s.")
            % {"year": year, "first": years.start, "last": years[-1]}
        )
    ensure_fresh(register_code, on=on, years=[year])
    folder.mkdir(parents=True, exist_ok=True)
    with (
        translation.override(language),
        tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as place,
    ):
        scope = Scope.of(viewer, register_code, year, on=on)
        held = resources_for(definition, scope)
        total = sum(resource.count() for resource in held)
        rows: dict[str, int] = {}
        done = 0
        for resource in held:
            name = f"{resource.name}.{format}"
            before = done

            def told(written: int, before: int = before) -> None:
                progress(before + written, total)

            rows[name] = WRITERS[format](resource, Path(place) / name, definition, told)
            done += rows[name]
        _write_codebook(held, Path(place) / CODEBOOK, definition)
        written = Written(rows)
        counts = ", ".join(f"{n} {name}" for name, n in rows.items())
        record_access(
            viewer,
            "export",
            "year",
            year,
            register_code=register_code,
            detail=f"{counts}{'' if scope.units is None else ' of own units'}",
        )
        for file in sorted(Path(place).iterdir()):
            file.replace(folder / file.name)
    return written


def export_years(definition: RegisterDefinition, on: date) -> range:
    """Return the years of which there are exports, from the first one recorded."""
    started = [t.first_year for t in definition.reports.tables if t.first_year is not None]
    return range(min([first_year(definition), *started]), on.year + 1)


def zipped(folder: Path, target: Path) -> Path:
    """Pack the files of a folder, for one download."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.iterdir()):
            archive.write(file, file.name)
    return target


def _write_csv(
    resource: YearResource,
    path: Path,
    definition: RegisterDefinition,
    told: Callable[[int], None],
) -> int:
    """UTF-8 with its mark, delimiter and decimal mark of the definition."""
    told_of = definition.about.export
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM)
        writer = csv.writer(file, delimiter=told_of.delimiter, lineterminator="\r\n")
        writer.writerow(resource.get_export_headers())
        for portion in resource.rows(decimal=told_of.decimal):
            writer.writerows(portion)
            rows += len(portion)
            told(rows)
    return rows


def _write_xlsx(
    resource: YearResource,
    path: Path,
    definition: RegisterDefinition,
    told: Callable[[int], None],
) -> int:
    """One sheet, written row by row: nothing of it is kept in memory."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(resource.name)
    sheet.freeze_panes = "A2"
    sheet.append(resource.get_export_headers())
    rows = 0
    for portion in resource.rows():
        for row in portion:
            sheet.append(
                [
                    (ILLEGAL_CHARACTERS_RE.sub("", cell) or None) if isinstance(cell, str) else cell
                    for cell in row
                ]
            )
        rows += len(portion)
        told(rows)
    book.save(path)
    return rows


WRITERS: dict[str, Callable[..., int]] = {"csv": _write_csv, "xlsx": _write_xlsx}


def _write_codebook(
    held: Sequence[YearResource], path: Path, definition: RegisterDefinition
) -> None:
    """What each column means, in the active language."""
    types = {
        "text": _("text"),
        "integer": _("whole number"),
        "decimal": _("number"),
        "date": _("date"),
    }
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(BOM)
        delimiter = definition.about.export.delimiter
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow(CODEBOOK_COLUMNS)
        for resource in held:
            for column in resource.columns:
                writer.writerow(
                    neutral(text)
                    for text in (
                        resource.name,
                        column.key,
                        column.label,
                        types[column.kind],
                        column.unit,
                        " | ".join(f"{key} = {label}" for key, label in column.values),
                        column.instrument,
                        column.classification,
                    )
                )
