"""``manage.py load_reference [--populations FILE]``: regions, hospitals, units, populations."""

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from registry.units.resources import FileRefused, import_populations, import_reference


class Command(BaseCommand):
    """All or nothing, and a second run changes nothing."""

    help = "Load reference data; with --populations, a coordinator's file of populations as well."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--populations FILE: columns region, year, count, rounded, source."""
        parser.add_argument("--populations", type=Path, metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the files; on faults print them and exit 1."""
        try:
            with transaction.atomic():
                done = list(import_reference())
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
