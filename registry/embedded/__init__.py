"""A real PostgreSQL and a real Valkey for demo, development and tests.

Both come from wheels, so that a machine with nothing but Python runs the same engines as
production. One supervisor process per data directory owns them; every command that needs them
calls `ensure_running` and shares what is there.

Nothing in this package imports Django: settings are read after the servers' addresses are known.
"""

from registry.embedded.control import ensure_running, running, stop
from registry.embedded.state import EmbeddedServicesError, Services

__all__ = ["EmbeddedServicesError", "Services", "ensure_running", "running", "stop"]
