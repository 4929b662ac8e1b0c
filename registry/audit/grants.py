"""What the application role may do in the database; applied by the owner after each migration."""

from typing import TYPE_CHECKING

import pghistory.models
from django.apps import apps
from django.conf import settings
from psycopg import sql

from registry.audit.models import AccessLog

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

SCHEMAS = ("public", "identity_keys")


def append_only_tables() -> list[str]:
    """Return the tables that may only be added to: the access log and every history table."""
    tables = [
        model._meta.db_table
        for model in apps.get_models(include_auto_created=True)
        if issubclass(model, pghistory.models.Event)
        and not model._meta.abstract
        # An aggregate view over all events has no table of its own.
        and model._meta.managed
    ]
    return sorted({AccessLog._meta.db_table, *tables})


def grant_application_role(connection: "BaseDatabaseWrapper") -> None:
    """Give the application role its rights: rows yes, schema no; history and log only added to.

    What is not there is passed over: whoever migrated one app alone, or backwards, lacks tables
    of models that this program has.
    """
    role = sql.Identifier(settings.APPLICATION_DATABASE_USER)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s)", [list(SCHEMAS)])
        schemas = [sql.Identifier(name) for (name,) in cursor.fetchall()]
        for schema in schemas:
            cursor.execute(sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, role))
            cursor.execute(
                sql.SQL(
                    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}"
                ).format(schema, role)
            )
            cursor.execute(
                sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}").format(
                    schema, role
                )
            )
        there = set(connection.introspection.table_names(cursor))
        for table in append_only_tables():
            if table not in there:
                continue
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(
                    sql.Identifier(table), role
                )
            )
        # Context rows are written by pghistory's function, which runs with its owner's rights.
        if "pghistory_context" in there:
            revoke = sql.SQL("REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON pghistory_context FROM {}")
            cursor.execute(revoke.format(role))
