"""Importing files of cases: apps register what they can take; all go through one path.

An app registers an ``ImportKind``: its columns, how rows are read into the entries of a set
action, and the set action that writes them. The path is the same for the page, the job and the
command line: every row is read and checked, and if one is wrong nothing of the file is written
and every fault is listed with line and column.

A preview walks the same path and takes back what it wrote.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from typing import Any, BinaryIO

from django.db import transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny, record_access
from registry.jobs.rows import RowError, RowsRefused
from registry.jobs.sheets import FileUnreadable, Line, read_lines
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for
from registry.units.models import Unit

BATCH = 2000
MOST_FAULTS = 1000
PREVIEW_ROWS = 1000

Row = Mapping[str, str]
"""One row of a file: column key to text; every known column is there, empty when left out."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an import file. ``key`` is its head in the file."""

    key: str
    label: str | Promise
    required: bool = False
    help: str | Promise = ""


@dataclass(frozen=True, slots=True)
class ImportContext:
    """Who imports into which register, for which unit where the file names none, on which day."""

    viewer: Viewer
    register_code: str
    on: date
    unit: Unit | None = None

    @property
    def definition(self) -> RegisterDefinition:
        """The definition that holds now."""
        return definition_for(self.register_code)


@dataclass(frozen=True, slots=True)
class ParsedRows:
    """Entries in the order of the rows (None where a row is wrong), and what is wrong."""

    entries: list[Any | None]
    errors: list[RowError]


@dataclass(frozen=True, slots=True)
class ImportKind:
    """What an app can take from a file.

    ``columns`` is told by the definition, as a register's own variables may be among them.
    ``parse_rows`` reads rows; its errors name columns. ``write_rows`` calls the set action and
    returns how many rows it wrote; it raises RowsRefused with indexes into the entries it was
    given, whose columns ``column_of`` turns into those of the file.
    """

    label: str | Promise
    columns: Callable[[RegisterDefinition], Sequence[Column]]
    parse_rows: Callable[[ImportContext, Sequence[Row]], ParsedRows]
    write_rows: Callable[[ImportContext, Sequence[Any]], int]
    column_of: Mapping[str, str] = field(default_factory=dict)
    offered: Callable[[RegisterDefinition], bool] = lambda _definition: True


@dataclass(frozen=True, slots=True)
class FileFault:
    """One thing that is wrong in a file. Line 0: the file as a whole."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        place = f"{_('line')} {self.line}" if self.line else _("file")
        return f"{place}{', ' + self.column if self.column else ''}: {self.message}"

    def as_json(self) -> dict[str, object]:
        """Return what a job keeps."""
        return {"line": self.line, "column": self.column, "message": self.message}


class FileRefused(Exception):
    """Nothing of a file was written. ``faults`` lists up to a thousand; ``count`` says how many."""

    def __init__(self, faults: Sequence[FileFault], count: int | None = None) -> None:
        self.faults = tuple(faults)
        self.count = len(self.faults) if count is None else count
        super().__init__("\n".join(map(str, self.faults)))


Progress = Callable[[int], None]
_kinds: dict[str, ImportKind] = {}


def register_import(key: str, kind: ImportKind) -> None:
    """Offer a kind of import file. Called in ``AppConfig.ready()``."""
    _kinds[key] = kind


def import_kinds(definition: RegisterDefinition | None = None) -> dict[str, ImportKind]:
    """Return the kinds there are, or those that a register offers, in order of registration."""
    return {
        key: kind for key, kind in _kinds.items() if definition is None or kind.offered(definition)
    }


def require_import(context: ImportContext) -> None:
    """Go on only if the viewer may import here; otherwise note the refusal, raise NotAllowed."""
    unit_id = context.unit.pk if context.unit else None
    if not context.viewer.may(Permission.IMPORT, context.register_code, unit_id):
        deny(
            context.viewer,
            "import",
            "register",
            context.register_code,
            register_code=context.register_code,
        )


def import_file(
    *,
    context: ImportContext,
    kind: str,
    file: BinaryIO,
    name: str,
    progress: Progress = lambda _rows: None,
) -> int:
    """Import a whole file in one transaction; return how many rows it had.

    ``progress`` is told the number of rows done after each batch. Raises FileRefused.
    """
    require_import(context)
    with transaction.atomic():
        rows = _walk(context, _kinds[kind], file, name, progress=progress)
        record_access(
            context.viewer,
            "import",
            kind,
            register_code=context.register_code,
            detail=f"{rows} rows",
        )
    return rows


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file as it was understood, and what would be refused."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    checked: int
    faults: tuple[FileFault, ...]


def preview_file(
    *, context: ImportContext, kind: str, file: BinaryIO, name: str, shown: int = 10
) -> Preview:
    """Check the first thousand rows by the path of the import, and write nothing."""
    require_import(context)
    held = _kinds[kind]
    faults: tuple[FileFault, ...] = ()
    kept: list[tuple[int, dict[str, str]]] = []
    checked = 0
    try:
        with transaction.atomic():
            checked = _walk(context, held, file, name, most=PREVIEW_ROWS, keep=(kept, shown))
            transaction.set_rollback(True)
    except FileRefused as refused:
        faults = refused.faults
    used = [c for c in held.columns(context.definition) if any(row.get(c.key) for _n, row in kept)]
    return Preview(
        columns=tuple(used),
        rows=tuple((number, tuple(row.get(c.key, "") for c in used)) for number, row in kept),
        checked=checked,
        faults=faults,
    )


# --- The path ---------------------------------------------------------------------------------


class _Faults(list[FileFault]):
    """Faults found so far: the first thousand, and how many in all."""

    count = 0

    def add(self, fault: FileFault) -> None:
        self.count += 1
        if len(self) < MOST_FAULTS:
            self.append(fault)


def _walk(
    context: ImportContext,
    kind: ImportKind,
    file: BinaryIO,
    name: str,
    *,
    progress: Progress = lambda _rows: None,
    most: int | None = None,
    keep: tuple[list, int] | None = None,
) -> int:
    """Read, check and write batch by batch; raise FileRefused after the last if one was wrong."""
    faults = _Faults()
    done = 0
    try:
        # Closed before the caller closes the file, also when a fault ends the walk.
        with closing(read_lines(file, name)) as lines:
            columns = _head(next(lines, None), kind.columns(context.definition))
            batch: list[tuple[int, dict[str, str]]] = []
            for line in lines:
                if any(line.cells[len(columns) :]):
                    faults.add(
                        FileFault(line.number, "", _("This line has more cells than the head."))
                    )
                batch.append((line.number, _row(columns, line)))
                if keep is not None and len(keep[0]) < keep[1]:
                    keep[0].append(batch[-1])
                if len(batch) == BATCH:
                    _write(context, kind, batch, faults)
                    done += len(batch)
                    progress(done)
                    batch = []
                if most is not None and done + len(batch) >= most:
                    break
            if batch:
                _write(context, kind, batch, faults)
                done += len(batch)
                progress(done)
    except FileUnreadable as error:
        raise FileRefused([*faults, FileFault(0, "", str(error))]) from error
    if not done and not faults:
        raise FileRefused([FileFault(0, "", _("The file has no rows below its head."))])
    if faults:
        raise FileRefused(sorted(faults, key=lambda fault: fault.line), faults.count)
    return done


def _head(line: Line | None, known: Sequence[Column]) -> list[str | None]:
    """The column keys of the head; raises FileRefused for unknown, double and missing ones."""
    if line is None:
        raise FileRefused([FileFault(0, "", _("The file is empty."))])
    keys = {column.key: column for column in known}
    heads = [cell.strip().casefold() for cell in line.cells]
    faults = [
        FileFault(
            line.number,
            cell,
            _("This column is not known. Known are: %(columns)s.") % {"columns": ", ".join(keys)},
        )
        for cell, head in zip(line.cells, heads, strict=True)
        if head and head not in keys
    ]
    faults += [
        FileFault(line.number, key, _("This column stands twice in the file."))
        for key in keys
        if heads.count(key) > 1
    ]
    faults += [
        FileFault(line.number, key, _("This column is missing."))
        for key, column in keys.items()
        if column.required and key not in heads
    ]
    if faults:
        raise FileRefused(faults)
    return [head or None for head in heads]


def _row(columns: Sequence[str | None], line: Line) -> dict[str, str]:
    cells = (*line.cells, *("",) * (len(columns) - len(line.cells)))
    return {key: cell for key, cell in zip(columns, cells, strict=False) if key}


def _write(
    context: ImportContext,
    kind: ImportKind,
    batch: Sequence[tuple[int, dict[str, str]]],
    faults: _Faults,
) -> None:
    """Write one batch; what is wrong is added to ``faults``, and the caller takes all back."""
    known = kind.columns(context.definition)
    rows = [{column.key: row.get(column.key, "") for column in known} for _number, row in batch]
    missing = [
        RowError(index, column.key, _("This cell must be filled in."))
        for column in known
        if column.required
        for index, row in enumerate(rows)
        if not row[column.key]
    ]
    parsed = kind.parse_rows(context, rows)
    empty = {(error.row, error.column) for error in missing}
    errors = missing + [e for e in parsed.errors if (e.row, e.column) not in empty]
    wrong = {error.row for error in errors}
    good = [index for index, entry in enumerate(parsed.entries) if index not in wrong]
    try:
        # A savepoint: what a refused set has written must not disturb the batches after it.
        with transaction.atomic():
            kind.write_rows(context, [parsed.entries[index] for index in good])
    except RowsRefused as refused:
        errors += [
            RowError(good[e.row], kind.column_of.get(e.column, e.column), e.message)
            for e in refused.errors
        ]
    for error in sorted(errors, key=lambda error: error.row):
        faults.add(FileFault(batch[error.row][0], error.column, error.message))
