"""The embedded servers from the command line, without loading Django.

python -m registry.embedded start | stop | status | url
python -m registry.embedded run [--stop-always] -- COMMAND …
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from registry.embedded.control import ensure_running, running, stop
from registry.embedded.run import run
from registry.embedded.state import EmbeddedServicesError, Services

NOTHING_RAN = "Nothing to stop: no server is running. A demo and the tests stop their own."


def main(arguments: list[str] | None = None) -> int:
    """Run one command on the servers of a data directory; return the exit code."""
    chosen = _parser().parse_args(arguments)
    try:
        if chosen.command == "run":
            return run(chosen.data_dir, chosen.program, stop_always=chosen.stop_always)
        if chosen.command == "stop":
            stopped = stop(chosen.data_dir)
            print("PostgreSQL and Valkey stopped." if stopped else NOTHING_RAN)
            return 0
        if chosen.command == "start":
            ensure_running(chosen.data_dir)
        services = running(chosen.data_dir)
    except EmbeddedServicesError as error:
        print(error, file=sys.stderr)
        return 1
    if services is None:
        print("No server is running.")
        return 3
    print(services.owner_database_url if chosen.command == "url" else _describe(services))
    return 0


def _describe(services: Services) -> str:
    return (
        f"PostgreSQL on port {services.postgres.port} (process {services.postgres.pid}), "
        f"Valkey on port {services.valkey.port} (process {services.valkey.pid})."
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="registry.embedded",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(os.environ.get("DATA_DIR") or Path(__file__).resolve().parents[2] / ".data"),
        help="where the servers keep their data (default: DATA_DIR or .data)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("start", help="start the servers unless they run")
    commands.add_parser("stop", help="stop whatever runs on this data directory")
    commands.add_parser("status", help="say where the servers are")
    commands.add_parser("url", help="print the owner's database address")
    running_command = commands.add_parser("run", help="run a command, then stop the servers")
    running_command.add_argument(
        "--stop-always", action="store_true", help="stop the servers even if they ran before"
    )
    running_command.add_argument("program", nargs="+")
    return parser


if __name__ == "__main__":
    sys.exit(main())
