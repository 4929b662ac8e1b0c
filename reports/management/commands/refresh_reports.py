"""Recompute facts and summaries of whole registers."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.core import clock
from registry.registers.selectors import registers
from reports.actions import refresh_register


class Command(BaseCommand):
    """``manage.py refresh_reports [--register CODE]``."""

    help = "Recompute facts and summaries of all registers, or of one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the register."""
        parser.add_argument("--register", help="Only this register.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Recompute; nothing is lost when it is interrupted."""
        codes = [register.code for register in registers()]
        if options["register"]:
            if options["register"] not in codes:
                raise CommandError(
                    f"There is no register “{options['register']}”. Known: {', '.join(codes)}."
                )
            codes = [options["register"]]
        for code in codes:
            began = time.monotonic()
            operations = refresh_register(code, on=clock.today())
            if options["verbosity"]:
                seconds = time.monotonic() - began
                self.stdout.write(f"{code}: {operations} operations in {seconds:.1f} s")
