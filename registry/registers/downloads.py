"""Tables as files, in the notation that a register's readers expect."""

import csv
from collections.abc import Iterable

from django.http import HttpResponse

from registry.registers.schema import RegisterDefinition


def csv_response(
    header: Iterable[object],
    rows: Iterable[Iterable[object]],
    *,
    definition: RegisterDefinition,
    name: str,
) -> HttpResponse:
    """Return a table as a CSV file; spreadsheets know its encoding by the mark in front.

    Numbers with decimals are written with the register's decimal sign and six decimals at most.
    """
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response.write("\ufeff")
    decimal = definition.about.export.decimal
    writer = csv.writer(response, delimiter=definition.about.export.delimiter)
    writer.writerow(header)
    for row in rows:
        writer.writerow(
            str(round(value, 6)).replace(".", decimal) if isinstance(value, float) else value
            for value in row
        )
    return response
