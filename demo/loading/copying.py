"""COPY into the tables of models: the quickest way in, past Django but not past the database.

Constraints, generated columns and the triggers that write history work as for any other insert.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db import connection, models
from psycopg import sql


def reserve_ids(model: type[models.Model], count: int) -> list[int]:
    """Take ``count`` primary keys from the sequence of a model, in rising order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def copy_rows(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Copy rows into a model's table. Columns left out take the database's defaults.

    ``rows`` must not ask the database anything while it is read: the connection is copying.
    """
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table),
        sql.SQL(", ").join(map(sql.Identifier, columns)),
    )
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)


def analyse(*models_copied: type[models.Model]) -> None:
    """Tell the planner what the tables hold now; after a COPY it would guess wrong."""
    with connection.cursor() as cursor:
        for model in models_copied:
            cursor.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(model._meta.db_table)))
