"""The yearly export: every operation of one year as CSV, against COPY … TO of the same rows.

The reference is the database writing the same file by itself: COPY (the query of the export) TO.
Both join, compute and sort the same; what is measured is what the registry puts on top. For
information the same against COPY of a table that holds the finished rows already.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from django.db import connection, transaction

from bench import data, database
from bench.database import BASE, TODAY
from bench.framework import Budget, Measured, medians, scale, timed
from registry.registers.selectors import definition_for
from reports.annual import trusted_viewer
from reports.exports import export_year
from reports.exports.resources import OperationResource, Scope

YEAR = 2022
FLAT = "bench_export_flat"
MEMORY = """
import sys
from pathlib import Path
import django
django.setup()
from django.db import transaction
from bench.database import TODAY
from bench.framework import peak_megabytes
from reports.annual import trusted_viewer
from reports.exports import export_year
code, year, folder = sys.argv[1:]
with transaction.atomic():
    export_year(
        trusted_viewer(code, "bench"), code, int(year),
        format="csv", folder=Path(folder), language="en", on=TODAY,
    )
print(peak_megabytes())
"""


def measurements() -> Iterator[Measured]:
    """Measure time against COPY, and the memory of a process that does nothing else."""
    with database.working_copy() as name, tempfile.TemporaryDirectory() as place:
        database.use(name, "owner")
        _fill_one_year(scale().rows)
        found = medians(
            scale().runs,
            {
                "value": timed(lambda: _export(Path(place) / "value")),
                "query": timed(_copy_query),
                "table": timed(_copy_table),
            },
        )
        yield Measured(
            "export_csv",
            found["value"],
            found["query"],
            Budget(4),
            against="COPY of the same query",
        )
        yield Measured(
            "export_csv_finished_rows",
            found["value"],
            found["table"],
            None,
            against="COPY of a table of the finished rows",
        )
        database.leave(name)
        yield Measured(
            "export_csv_memory",
            _memory(name, Path(place) / "memory"),
            None,
            Budget(200, of="value"),
            unit="MB",
        )


def _fill_one_year(operations: int) -> None:
    """Operations with scores, all of them performed in one year."""
    data.fill(operations, on=TODAY, first=date(YEAR, 1, 1), days=365)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE {FLAT} AS {_query()}")
        cursor.execute("ANALYZE")


def _query() -> str:
    """The query of the export, with values instead of parameters."""
    scope = Scope(data.REGISTER, YEAR, None, TODAY)
    held = OperationResource(definition_for(data.REGISTER), scope)
    columns = ", ".join(f'{column.sql} AS "{column.key}"' for column in held.columns)
    with connection.cursor() as cursor:
        return cursor.mogrify(f"SELECT {columns} {held.source()}", scope.parameters())


def _export(folder: Path) -> None:
    viewer = trusted_viewer(data.REGISTER, "bench")
    with transaction.atomic():
        export_year(
            viewer, data.REGISTER, YEAR, format="csv", folder=folder, language="en", on=TODAY
        )


def _copy_query() -> None:
    _copy(f"({_query()})")


def _copy_table() -> None:
    _copy(FLAT)


def _copy(source: str) -> None:
    with (
        tempfile.TemporaryFile() as file,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {source} TO STDOUT (FORMAT csv, HEADER, DELIMITER ';')") as rows,
    ):
        for portion in rows:
            file.write(portion)


def _memory(name: str, folder: Path) -> float:
    """Peak resident memory of a process that exports, in MB."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, data.REGISTER, str(YEAR), str(folder)],
        env=database.environment(name),
        cwd=BASE,
        check=True,
        capture_output=True,
        text=True,
    )
    return float(done.stdout.split()[-1])
