"""``manage.py load_reference [--folder DIR] [--populations FILE]``: regions, units and more."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from registry.units.resources import FileRefused, import_populations, import_reference


class Command(BaseCommand):
    """All or nothing, and a second run changes nothing."""

    help = "Load reference data: what comes with the program, then files of your own."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--folder DIR: own files, named and built as in registry/units/data (README there).
        --populations FILE: columns region, year, count, rounded, source.
        """
        parser.add_argument("--folder", type=Path, metavar="DIR")
        parser.add_argument("--populations", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the files; on faults print them and exit 1."""
        try:
            with transaction.atomic():
                done = list(import_reference())
                if options["folder"]:
                    if not options["folder"].is_dir():
                        raise CommandError(f"There is no folder {options['folder']}.")
                    done.extend(import_reference(options["folder"]))
                if options["populations"]:
                    path = options["populations"]
                    done.append((path.name, import_populations(path)))
        except FileRefused as refused:
            for fault in refused.faults:
                self.stderr.write(str(fault))
            self.stderr.write("Nothing was loaded.")
            sys.exit(1)
        for name, written in done:
            self.stdout.write(
                f"{name}: {written.created} new, {written.changed} changed, "
                f"{written.unchanged} unchanged"
            )
