"""Reading tables from files: CSV (UTF-8, comma, semicolon or tab) and XLSX, row by row.

Cells come as text: a date as ISO (``2023-04-18``), a whole number without a decimal point. What a
spreadsheet shows is not what it stores; the importers read text, whatever the file was.
"""

import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import BinaryIO

from django.utils.translation import gettext as _
from openpyxl import load_workbook

MOST_BYTES = 100 * 1024 * 1024
# A small XLSX may unpack to gigabytes; what it says it holds is checked before it is opened.
MOST_UNPACKED_BYTES = 300 * 1024 * 1024
MOST_CELL_CHARACTERS = 5000

csv.field_size_limit(1024 * 1024)


class FileUnreadable(Exception):
    """The file is not a table that can be read; the message is for the user."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the file: the line (or spreadsheet row) where it begins, and its cells."""

    number: int
    cells: tuple[str, ...]


def read_lines(file: BinaryIO, name: str) -> Iterator[Line]:
    """Yield the rows of a CSV or XLSX file, the head first; rows that are all empty are skipped.

    Raises FileUnreadable.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(0)
    if size > MOST_BYTES:
        raise FileUnreadable(_("The file is larger than 100 MB. Split it and load the parts."))
    if name.lower().endswith(".xlsx"):
        rows = _xlsx(file)
    elif name.lower().endswith((".csv", ".txt")):
        rows = _csv(file)
    else:
        raise FileUnreadable(_("Only files that end in .csv or .xlsx can be read."))
    with closing(rows):
        for number, cells in rows:
            if any(cells):
                for cell in cells:
                    if len(cell) > MOST_CELL_CHARACTERS:
                        raise FileUnreadable(
                            _("Line %(line)s has a cell of more than %(most)s characters.")
                            % {"line": number, "most": MOST_CELL_CHARACTERS}
                        )
                yield Line(number, tuple(cells))


def _csv(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    try:
        delimiter = _delimiter(text.readline())
        text.seek(0)
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        begins = 1
        for cells in reader:
            yield begins, [cell.strip() for cell in cells]
            begins = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise FileUnreadable(
            _("The file is not written in UTF-8. Save it as “CSV UTF-8” or as XLSX.")
        ) from error
    except csv.Error as error:
        raise FileUnreadable(
            _(
                "The file cannot be read as CSV near line %(line)s. Look for a quotation mark "
                "that is not closed."
            )
            % {"line": reader.line_num}
        ) from error
    finally:
        # The file belongs to the caller.
        text.detach()


def _delimiter(head: str) -> str:
    """The delimiter is the one that stands most often in the head."""
    return max(",;\t", key=head.count)


def _xlsx(file: BinaryIO) -> Iterator[tuple[int, list[str]]]:
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise FileUnreadable(_("The file is not a spreadsheet in XLSX format.")) from error
    if unpacked > MOST_UNPACKED_BYTES:
        raise FileUnreadable(
            _("The spreadsheet unpacks to more than 300 MB. Save it as CSV and load that.")
        )
    file.seek(0)
    try:
        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        # Some programs write a wrong size of the sheet.
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(values_only=True), start=1):
            yield number, [_text(cell) for cell in cells]
    except FileUnreadable:
        raise
    except Exception as error:  # openpyxl fails in many ways on a broken file
        raise FileUnreadable(
            _("The spreadsheet is damaged. Open it, save it again as XLSX, and try once more.")
        ) from error


def _text(cell: object) -> str:
    match cell:
        case None:
            return ""
        case datetime() if cell.time() == time():
            return cell.date().isoformat()
        case datetime() | date():
            return cell.isoformat()
        case float() if cell.is_integer():
            return str(int(cell))
        case _:
            return str(cell).strip()
