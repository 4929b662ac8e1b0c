"""Answer files in, score files out.

In: CSV in UTF-8 with commas, a header, one row per response. An optional first column `id`
passes through; every other column is an item code of the instrument, in any order. An empty
cell is a missing answer; an item whose column is left out is unanswered for everybody.

Out: `id` when there was one, then for each scale its score and the number of items answered,
in the order of the rows. Scores are unrounded; no score is an empty cell.

Everything is read and checked before anything is written.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from proms.instruments.schema import Instrument, Item
from proms.scoring.arrays import FloatArray
from proms.scoring.engine import ScaleScores

ID = "id"
MOST_ERRORS_SHOWN = 20
_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?", re.ASCII)


class AnswerFileError(ValueError):
    """The file cannot be scored; the message has one line per error, with line and column."""


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """What an answer file holds."""

    ids: list[str] | None
    answers: FloatArray
    """Shape (n_responses, n_items), in the order of `instrument.item_codes`; NaN missing."""
    left_out: tuple[str, ...]
    """Items that have no column."""


def read_answers(path: Path, instrument: Instrument) -> AnswerFile:
    """Read and check `path`. Raises AnswerFileError that says where and what is wrong."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise AnswerFileError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise AnswerFileError(
            f"{path}: is not text in UTF-8 (byte {error.start + 1}). Save it as CSV UTF-8."
        ) from error
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(rows, [])]
        columns = _Columns.of(header, instrument, path)
        return columns.read(rows)
    except csv.Error as error:
        raise AnswerFileError(f"{path}, line {rows.line_num}: {error}") from error


@dataclass(frozen=True, slots=True)
class _Columns:
    """The header, understood."""

    path: Path
    instrument: Instrument
    header: list[str]
    has_id: bool

    @classmethod
    def of(cls, header: list[str], instrument: Instrument, path: Path) -> _Columns:
        items = header[1:] if header[:1] == [ID] else header
        expected = (
            f"Expected are an optional first column id and {', '.join(instrument.item_codes)}."
        )
        if not any(header):
            raise AnswerFileError(f"{path}, line 1: there is no header. {expected}")
        for separator, name in ((";", "semicolons"), ("\t", "tabs")):
            if len(header) == 1 and separator in header[0]:
                raise AnswerFileError(
                    f"{path}, line 1: columns are separated by {name}. "
                    "Save the file with commas between the columns."
                )
        errors = []
        for position, code in enumerate(header, start=1):
            where = f"{path}, line 1, column {position}"
            if header.index(code) != position - 1:
                errors.append(f"{where}: “{code}” is there twice.")
            elif code == ID and position > 1:
                errors.append(f"{where}: “id” must be the first column.")
            elif code != ID and code not in instrument.items_by_code:
                errors.append(f"{where}: unknown column “{code}”. {expected}")
        if not errors and not items:
            errors.append(f"{path}, line 1: there is no column with answers. {expected}")
        _raise(errors)
        return cls(path, instrument, header, header[:1] == [ID])

    def read(self, rows: csv.reader) -> AnswerFile:  # type: ignore[valid-type]
        """All rows as numbers. Each different text of a column is parsed only once."""
        codes = self.header[1:] if self.has_id else self.header
        readers = [_Cells(self.instrument.item(code)) for code in codes]
        lookups: list[Callable[[str], float]] = [reader.__getitem__ for reader in readers]
        ids: list[str] | None = [] if self.has_id else None
        width = len(self.header)
        numbers: list[list[float]] = []
        errors: list[str] = []
        empty_line = 0
        for row in rows:
            if not row and width > 1:
                empty_line = empty_line or rows.line_num  # type: ignore[attr-defined]
                continue
            row = row or [""]
            if empty_line:
                errors.append(f"{self.path}, line {empty_line}: the line is empty. Delete it.")
                empty_line = 0
            if len(row) != width:
                errors.append(
                    f"{self.path}, line {rows.line_num}: {len(row)} cells, "  # type: ignore[attr-defined]
                    f"but the header has {width} columns."
                )
                continue
            cells = row
            if ids is not None:
                ids.append(row[0])
                cells = row[1:]
            try:
                numbers.append([look(cell) for look, cell in zip(lookups, cells, strict=True)])
            except ValueError:
                errors += self._wrong_cells(rows.line_num, readers, cells)  # type: ignore[attr-defined]
            if len(errors) > MOST_ERRORS_SHOWN:
                break
        _raise(errors)
        return AnswerFile(ids, self._in_order(codes, numbers), self._left_out(codes))

    def _wrong_cells(self, line: int, readers: list[_Cells], cells: list[str]) -> list[str]:
        errors = []
        for reader, cell in zip(readers, cells, strict=True):
            try:
                reader[cell]
            except ValueError as error:
                errors.append(f"{self.path}, line {line}, column {reader.item.code}: {error}")
        return errors

    def _in_order(self, codes: list[str], numbers: list[list[float]]) -> FloatArray:
        wanted = self.instrument.item_codes
        answers = np.full((len(numbers), len(wanted)), np.nan)
        if numbers:
            answers[:, [wanted.index(code) for code in codes]] = np.array(numbers)
        return answers

    def _left_out(self, codes: list[str]) -> tuple[str, ...]:
        return tuple(code for code in self.instrument.item_codes if code not in codes)


class _Cells(dict[str, float]):
    """Text of a cell to the answer, filled as texts are met."""

    def __init__(self, item: Item) -> None:
        super().__init__({"": np.nan})
        self.item = item
        self.codes = {option.code: option.value for option in item.options if option.code}

    def __missing__(self, cell: str) -> float:
        text = cell.strip()
        if not text:
            value = np.nan
        elif self.codes:
            if text not in self.codes:
                raise ValueError(f"“{_shown(text)}” is not {self.item.expected()}.")
            value = float(self.codes[text])
        else:
            if not _NUMBER.fullmatch(text):
                raise ValueError(
                    f"“{_shown(text)}” is not a number. Expected is {self.item.expected()}, "
                    "or an empty cell for a missing answer."
                )
            value = float(text)
            if not self.item.accepts(value):
                raise ValueError(
                    f"{_shown(text)} is out of range. Expected is {self.item.expected()}."
                )
        self[cell] = value
        return value


def _shown(text: str) -> str:
    return text if len(text) <= 40 else text[:39] + "…"


def _raise(errors: list[str]) -> None:
    if not errors:
        return
    shown = errors[:MOST_ERRORS_SHOWN]
    if len(errors) > MOST_ERRORS_SHOWN:
        shown.append("There are more errors; correct these and run it again.")
    raise AnswerFileError("\n".join(shown))


def write_scores(
    path: Path,
    instrument: Instrument,
    scores: Mapping[str, ScaleScores],
    ids: list[str] | None,
) -> None:
    """Write the score file: to a temporary file beside `path`, then renamed over it.

    Raises AnswerFileError when it cannot be written; `path` is then as it was.
    """
    header = [ID] if ids is not None else []
    columns: list[list[str]] = [ids] if ids is not None else []
    for scale in instrument.scales:
        scored = scores[scale.code]
        header.append(scale.output)
        columns.append(_printed(scored))
        if scale.count_column:
            header.append(f"{scale.output}_n")
            columns.append([str(n) for n in scored.answered.tolist()])
        if scale.reason_column:
            header.append(f"{scale.output}_reason")
            columns.append([str(reason) for reason in scored.reasons.tolist()])
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(zip(*columns, strict=True))
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp makes it private
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        raise AnswerFileError(f"{path}: cannot be written ({error.strerror})") from error


def _printed(scored: ScaleScores) -> list[str]:
    missing = (scored.reason_codes != 0).tolist()
    values = scored.values.tolist()
    return [
        "" if none else value if isinstance(value, str) else repr(value)
        for value, none in zip(values, missing, strict=True)
    ]


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current
