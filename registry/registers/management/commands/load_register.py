"""``manage.py load_register FILE…``: make definitions the current ones of their registers."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from registry.core.clock import now
from registry.registers.actions import load_register
from registry.registers.loader import DefinitionError, read_definition
from registry.registers.models import Register
from registry.registers.selectors import units_of


class Command(BaseCommand):
    """All files are checked before the first is loaded: one faulty file and nothing changes."""

    help = "Load register definitions; a changed one gets a new version."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """FILE…: the definition files."""
        parser.add_argument("files", nargs="+", metavar="FILE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load the files; on faults print them and exit 1."""
        faults = []
        definitions = []
        for file in options["files"]:
            try:
                definitions.append(read_definition(file))
            except DefinitionError as error:
                faults.extend(error.faults)
        for fault in faults:
            self.stderr.write(str(fault))
        if faults:
            self.stderr.write("Nothing was loaded.")
            sys.exit(1)
        with transaction.atomic():
            for definition in definitions:
                self._load(definition)

    def _load(self, definition: Any) -> None:
        before = (
            Register.objects.filter(pk=definition.code)
            .values_list("current__version", flat=True)
            .first()
        )
        version = load_register(definition=definition, now=now())
        said = "unchanged" if before == version.version else "loaded"
        self.stdout.write(
            f"{definition.code}: version {version.sequence} ({version.version}) {said}"
        )
        held = {unit.code for unit in units_of(definition.code)}
        unknown = [code for code in definition.about.units if code not in held]
        if unknown:
            self.stderr.write(
                f"{definition.code}: these units are not loaded: {', '.join(unknown)}. "
                "Run manage.py load_reference, then this command again."
            )
