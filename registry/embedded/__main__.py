"""`python -m registry.embedded start|stop|status|url [--data-dir DIR]`, without loading Django."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from registry.embedded.control import ensure_running, running, stop
from registry.embedded.state import EmbeddedServicesError


def main(arguments: list[str] | None = None) -> int:
    """Run one command on the servers of a data directory; return the exit code."""
    parser = argparse.ArgumentParser(prog="registry.embedded", description=__doc__)
    parser.add_argument("command", choices=["start", "stop", "status", "url"])
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("DATA_DIR") or Path(__file__).resolve().parents[2] / ".data"),
        help="where the servers keep their data (default: DATA_DIR or .data)",
    )
    chosen = parser.parse_args(arguments)
    try:
        if chosen.command == "start":
            ensure_running(chosen.data_dir)
        elif chosen.command == "stop":
            stopped = stop(chosen.data_dir)
            print("PostgreSQL and Valkey stopped." if stopped else "No server was running.")
            return 0
        services = running(chosen.data_dir)
    except EmbeddedServicesError as error:
        print(error, file=sys.stderr)
        return 1
    if services is None:
        print("No server is running.")
        return 3
    if chosen.command == "url":
        print(services.owner_database_url)
    else:
        print(
            f"PostgreSQL on port {services.postgres.port} (process {services.postgres.pid}), "
            f"Valkey on port {services.valkey.port} (process {services.valkey.pid})."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
