"""COPY into the tables of models: the quickest way in, past Django but not past the database.

Constraints and generated columns work as for any other insert; foreign keys may be checked for all
rows together at the end. History that a trigger would write row by row is written by one statement
after the rows: the same entries, in a tenth of the time. That takes the owner of the tables, as
whom ``load_demo`` runs.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connection, models
from psycopg import sql

PER_ROW = 1  # the bit of pg_trigger.tgtype that tells row triggers from statement triggers


def reserve_ids(model: type[models.Model], count: int) -> range:
    """Take ``count`` primary keys from the sequence of a model, in rising order.

    Nobody else may be taking from it meanwhile: a demo is loaded before anybody works with it.
    """
    if not count:
        return range(0)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval(held, nextval(held) + %s)"
            " FROM pg_get_serial_sequence(%s, 'id') AS named,"
            " LATERAL (SELECT named::regclass AS held) AS sequence",
            [count - 1, model._meta.db_table],
        )
        last = cursor.fetchone()[0]
    return range(last - count + 1, last + 1)


@contextmanager
def checked_at_the_end(*filled: type[models.Model]) -> Iterator[None]:
    """Take foreign keys and plain indexes off tables and their history; put them back afterwards.

    Put back, a foreign key is checked by one join over all rows and an index is built by one sort,
    which costs a third of doing both row by row. Primary keys, unique and other constraints stay
    in force all the time. Everything happens in the caller's transaction, which holds the tables.
    """
    tables = [model._meta.db_table for model in filled]
    tables += [
        event._meta.db_table
        for model in filled
        for event in getattr(model, "pgh_event_models", {}).values()
    ]
    with connection.cursor() as cursor:
        cursor.execute(_TAKEN_OFF, {"tables": sorted(set(tables))})
        steps = cursor.fetchall()
        for take_off, _put_back in steps:
            cursor.execute(take_off)
    yield
    with connection.cursor() as cursor:
        for _take_off, put_back in steps:
            cursor.execute(put_back)


_TAKEN_OFF = """
    WITH held AS (
        SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relname = ANY(%(tables)s) AND c.relkind = 'r'
    )
    SELECT format('ALTER TABLE %%s DROP CONSTRAINT %%I', conrelid::regclass, conname),
           format('ALTER TABLE %%s ADD CONSTRAINT %%I %%s', conrelid::regclass, conname,
                  pg_get_constraintdef(c.oid))
    FROM pg_constraint c WHERE contype = 'f' AND conrelid IN (SELECT oid FROM held)
    UNION ALL
    SELECT format('DROP INDEX %%s', indexrelid::regclass), pg_get_indexdef(indexrelid)
    FROM pg_index i WHERE indrelid IN (SELECT oid FROM held) AND NOT indisunique
      AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""


def copy_rows(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Copy rows into a model's table. Columns left out take the database's defaults.

    Primary keys must rise above those that are there, as keys of a sequence do. ``rows`` must not
    ask the database anything while it is read: the connection is copying.
    """
    table = sql.Identifier(model._meta.db_table)
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        table, sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    triggers = _row_triggers_of_history(model)
    last = model._base_manager.aggregate(last=models.Max("pk"))["last"] or 0
    _switch(table, triggers, "DISABLE")
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
    if triggers:
        _write_history(model, above=last)
    _switch(table, triggers, "ENABLE")


def analyse(*models_copied: type[models.Model]) -> None:
    """Tell the planner what the tables hold now; after a COPY it would guess wrong."""
    for model in models_copied:
        _execute(sql.SQL("ANALYZE {}").format(sql.Identifier(model._meta.db_table)))


def _row_triggers_of_history(model: type[models.Model]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass"
            " AND tgname LIKE 'pgtrigger_insert_insert_%%' AND tgtype & %s = %s",
            [model._meta.db_table, PER_ROW, PER_ROW],
        )
        return [name for (name,) in cursor.fetchall()]


def _switch(table: sql.Identifier, triggers: list[str], how: str) -> None:
    for name in triggers:
        _execute(
            sql.SQL("ALTER TABLE {} {} TRIGGER {}").format(
                table, sql.SQL(how), sql.Identifier(name)
            )
        )


def _write_history(model: type[models.Model], *, above: int) -> None:
    """Write what the trigger would have written for the rows whose key is higher than ``above``."""
    event = model.pgh_event_models["insert"]
    tracked = [f.column for f in event._meta.concrete_fields if not f.column.startswith("pgh_")]
    table = model._meta.db_table
    _execute(
        sql.SQL(
            "INSERT INTO {event} ({names}, pgh_created_at, pgh_label, pgh_obj_id, pgh_context_id)"
            " SELECT {values}, now(), 'insert', {key}, context.pgh_id FROM {table},"
            " (SELECT _pgh_attach_context() AS pgh_id OFFSET 0) AS context"
            " WHERE {key} > {above} ORDER BY {key}"
        ).format(
            event=sql.Identifier(event._meta.db_table),
            names=sql.SQL(", ").join(sql.Identifier(name) for name in tracked),
            values=sql.SQL(", ").join(sql.Identifier(table, name) for name in tracked),
            key=sql.Identifier(table, model._meta.pk.column),
            table=sql.Identifier(table),
            above=sql.Literal(above),
        )
    )


def _execute(statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.connection))
