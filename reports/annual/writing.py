"""The report as a document of its own (HTML) and its tables as files (CSV)."""

from __future__ import annotations

import csv
import io

from django.template.loader import render_to_string
from django.utils import translation
from django.utils.formats import number_format

from reports.annual.report import AnnualReport
from reports.annual.tables import Cell, Column, Table
from reports.exports.neutral import BOM, neutral


def to_html(report: AnnualReport) -> str:
    """Return a complete document that needs nothing beside it."""
    with translation.override(report.language):
        return render_to_string(
            "reports/annual_document.html",
            {"report": report, "tables": [shown(t) for t in report.tables]},
        )


def to_csv(report: AnnualReport, table: Table) -> str:
    """Return a table as CSV with the register's delimiter; the head holds the labels."""
    file = io.StringIO(newline="")
    file.write(BOM)
    writer = csv.writer(file, delimiter=report.delimiter, lineterminator="\r\n")
    writer.writerow([neutral(column.label) for column in table.columns])
    for row in table.rows:
        writer.writerow([_written(cell, report.decimal) for cell in row])
    return file.getvalue()


def _written(cell: Cell, decimal: str) -> Cell:
    if isinstance(cell, str):
        return neutral(cell)
    if isinstance(cell, float):
        return f"{cell}".replace(".", decimal)
    return cell


def shown(table: Table) -> dict[str, object]:
    """Return what a template needs of a table: texts as the active language writes them."""
    rows = [
        {
            "label": cells[0],
            "total": table.has_total and place == len(table.rows) - 1,
            "cells": [
                {
                    "text": _text(cell, table.columns[column]),
                    "column": table.columns[column].label,
                    "withheld": (place, column) in table.withheld,
                }
                for column, cell in enumerate(cells)
            ][1:],
        }
        for place, cells in enumerate(table.rows)
    ]
    return {
        "id": table.id,
        "title": table.title,
        "columns": table.columns,
        "rows": rows,
        "notes": table.notes,
        "withheld": bool(table.withheld),
        "empty": not table.rows,
    }


def _text(cell: Cell, column: Column) -> str:
    """Print a number; figures with at least one decimal as print does, unless they say more.

    A column whose rows are all of one measure has its decimals in every row.
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, float):
        if column.one_measure:
            return number_format(cell, decimal_pos=column.decimals)
        decimals = max(1, len(f"{cell}".partition(".")[2]))
        return number_format(cell, decimal_pos=min(decimals, max(column.decimals, 1)))
    return number_format(cell, decimal_pos=0, force_grouping=True)
