"""``manage.py check_registers [FILE…]``: exit 1 and one fault per line when something is wrong."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from registry.registers.loader import DefinitionError, definition_files, read_definition


class Command(BaseCommand):
    """Check definition files without loading them; needs no database."""

    help = "Check register definitions; prints one fault per line as file: key: reason."
    requires_migrations_checks = False
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE…: definition files; none means those that come with the program."""
        parser.add_argument("files", nargs="*", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every fault of every file."""
        faults = []
        files = options["files"] or definition_files()
        for file in files:
            try:
                read_definition(file)
            except DefinitionError as error:
                faults.extend(error.faults)
        for fault in faults:
            self.stderr.write(str(fault))
        if faults:
            sys.exit(1)
        self.stdout.write(f"{len(files)} definitions are right.")
