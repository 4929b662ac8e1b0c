"""PostgreSQL as Django knows it; whether a kept connection still lives is seen on its socket.

Django asks the server ("SELECT 1") before the first query of every request, which costs a light
page a quarter of its time. A server that has gone, or has ended the session, has closed the socket
or written to it; an idle connection has nothing to say otherwise. What a socket cannot tell (a
network cut in two) is left to TCP keep-alive and to CONN_MAX_AGE.
"""

import select

from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection to PostgreSQL."""

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
