"""PostgreSQL as Django knows it, with two shortcuts for pages that are asked very often.

Whether a kept connection still lives is seen on its socket, and statements may be planned once.

Django asks the server ("SELECT 1") before the first query of every request, which costs a light
page a quarter of its time. A server that has gone, or has ended the session, has closed the socket
or written to it; an idle connection has nothing to say otherwise. What a socket cannot tell (a
network cut in two) is left to TCP keep-alive and to CONN_MAX_AGE.
"""

import select

from django.db.backends.postgresql import base, operations
from django.db.backends.utils import CursorWrapper


class PlannedOnce(base.ServerBindingCursor):
    """Sends statements as prepared ones: parsed and planned at their first use by a connection."""

    name = "planned once"
    """Before the statements of a cursor without a name pghistory puts one of its own, and two
    together cannot be prepared. `registry.audit.history.TELL_HISTORY` is sent instead."""


class DatabaseOperations(operations.DatabaseOperations):
    """Django's, which can also tell what a statement planned once was."""

    def last_executed_query(self, cursor: base.Cursor, sql: str, params: object) -> str | None:
        """Return the statement last sent, as logs and tests show it."""
        if isinstance(cursor, PlannedOnce):
            return self.compose_sql(sql, params)
        return super().last_executed_query(cursor, sql, params)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to PostgreSQL."""

    ops_class = DatabaseOperations

    def planned_once(self) -> CursorWrapper:
        """Return a cursor for statements by hand that are sent so often that planning them tells.

        One statement at a time, with parameters whose types PostgreSQL can tell (cast where it
        cannot). One that changes rows with history needs TELL_HISTORY (registry.audit.history)
        before it in its transaction.
        """
        self.ensure_connection()
        with self.wrap_database_errors:
            return self._prepare_cursor(PlannedOnce(self.connection))

    def close_if_health_check_failed(self) -> None:
        """Drop a kept connection that the server has ended; the next query opens a new one."""
        if self.connection is None or not self.health_check_enabled or self.health_check_done:
            return
        if self.connection.closed or _has_word_from_server(self.connection.fileno()):
            self.close()
        self.health_check_done = True


def _has_word_from_server(socket: int) -> bool:
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))
