"""``manage.py data_dictionary [--check]``: write docs/data-dictionary.md from the definitions."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from registry.registers.dictionary import data_dictionary
from registry.registers.loader import definition_files, read_definition


class Command(BaseCommand):
    """Needs no database."""

    help = "Write the data dictionary; with --check, exit 1 when the file is out of date."
    requires_migrations_checks = False
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--check, and --output FILE for another place than docs/."""
        parser.add_argument("--check", action="store_true")
        parser.add_argument(
            "--output",
            type=Path,
            default=Path(settings.BASE_DIR) / "docs" / "data-dictionary.md",
            metavar="FILE",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the file, or compare it."""
        path: Path = options["output"]
        wanted = data_dictionary(read_definition(file) for file in definition_files())
        if not options["check"]:
            path.write_text(wanted, encoding="utf-8")
            self.stdout.write(f"{path} is written.")
        elif not path.exists() or path.read_text(encoding="utf-8") != wanted:
            self.stderr.write(f"{path} is out of date. Run manage.py data_dictionary.")
            sys.exit(1)
