"""The process that imports, so that its memory can be told: ``python -m bench.importer FILE``.

For each line ``import`` or ``copy`` it does that with the file and answers rows, seconds and its
peak memory so far (MB) as JSON. ``copy`` writes rows prepared before the clock starts.
"""

import csv
import json
import sys
import time
from datetime import date, timedelta
from pathlib import Path

from bench.framework import peak_megabytes

COLUMNS = (
    "registry_number", "operation_date", "unit", "group", "diagnosis", "procedure",
    "procedure_code", "levels", "complications", "asa_class", "previous_surgery_level",
    "implant_used", "operation_minutes", "blood_loss_ml", "microscope",
)  # fmt: skip
REGISTER = "danespine"


def write_file(path: Path) -> None:
    """Write one operation of every member of the database, on a day of 2023 or 2024."""
    from patients.models import Membership
    from registry.registers.selectors import units_of

    units = [unit.code for unit in units_of(REGISTER) if unit.active]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in Membership.objects.order_by("pk").values_list("registry_number", flat=True):
            writer.writerow(
                (
                    number,
                    date(2023, 1, 1) + timedelta(days=number % 700),
                    units[number % len(units)],
                    "lumbar_stenosis",
                    "M48.0",
                    "decompression",
                    "ABC36",
                    "L4-L5",
                    "dural_tear" if number % 20 == 0 else "none",
                    2,
                    "no",
                    "no",
                    60 + number % 90,
                    50 + number % 400,
                    "yes",
                )
            )


def import_rows(path: Path) -> int:
    """Import as ``manage.py import_cases`` does."""
    from registry.accounts.models import Role
    from registry.accounts.permissions import Grant, Viewer
    from registry.audit.middleware import unit_of_work
    from registry.core import clock
    from registry.jobs.imports import ImportContext, import_file

    viewer = Viewer(None, (Grant(Role.ADMINISTRATOR, REGISTER, None),), "bench")
    context = ImportContext(viewer=viewer, register_code=REGISTER, on=clock.today())
    with path.open("rb") as file, unit_of_work(actor_id=None, source="bench import"):
        return import_file(context=context, kind="operations", file=file, name=path.name)


def copy_rows(rows: list[tuple]) -> int:
    """COPY rows into the tracked table."""
    from django.db import connection, transaction

    from registry.audit.middleware import unit_of_work

    statement = (
        "COPY procedures_operation (membership_id, register_id, unit_id, unit_region_id,"
        ' "group", procedure_type, diagnosis, side, levels, performed_on, cancel_reason,'
        " complications_assessed_on, definition_id, details) FROM STDIN"
    )
    with (
        unit_of_work(actor_id=None, source="bench copy"),
        # The savepoint tells the triggers of history who acts. COPY alone does not, and each row
        # would look for it in vain, which takes longer with every row.
        transaction.atomic(),
        connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)
    return len(rows)


def prepared_rows(path: Path) -> list[tuple]:
    """Return the rows of the file as the operation table holds them."""
    from patients.models import Membership
    from registry.registers.models import Register
    from registry.registers.selectors import units_of

    members = dict(Membership.objects.values_list("registry_number", "pk"))
    units = {unit.code: unit for unit in units_of(REGISTER)}
    version = Register.objects.get(code=REGISTER).current_id
    with path.open(newline="", encoding="utf-8") as file:
        return [
            (
                members[int(row["registry_number"])],
                REGISTER,
                units[row["unit"]].pk,
                units[row["unit"]].site_region_id,
                row["group"],
                row["procedure"],
                row["diagnosis"],
                "",
                [row["levels"]],
                row["operation_date"],
                "",
                row["operation_date"],
                version,
                json.dumps(
                    {
                        "asa_class": row["asa_class"],
                        "previous_surgery_level": False,
                        "implant_used": False,
                        "operation_minutes": int(row["operation_minutes"]),
                        "blood_loss_ml": int(row["blood_loss_ml"]),
                        "microscope": True,
                    }
                ),
            )
            for row in csv.DictReader(file)
        ]


def main() -> None:
    """Answer each line."""
    import django

    django.setup()
    path = Path(sys.argv[1])
    for line in sys.stdin:
        # Made anew and dropped again: what the reference needs must not count as the import's.
        rows = prepared_rows(path) if line.strip() == "copy" else []
        began = time.perf_counter()
        done = copy_rows(rows) if rows else import_rows(path)
        seconds = time.perf_counter() - began
        print(
            json.dumps({"rows": done, "seconds": seconds, "megabytes": peak_megabytes()}),
            flush=True,
        )


if __name__ == "__main__":
    main()
