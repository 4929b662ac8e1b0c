"""``manage.py load_demo``: a freshly migrated database becomes the demo."""

from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from demo.danespine import SIZES
from demo.loading import REGISTERS, load
from registry.core import clock


class Command(BaseCommand):
    """Loads both registers, or one. A second run finds them and changes nothing."""

    help = "Load synthetic demo data that agrees with the published tables."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """--register CODE, --scale small|full, --on DATE."""
        parser.add_argument("--register", choices=REGISTERS, help="only this register")
        parser.add_argument(
            "--scale",
            choices=tuple(SIZES),
            default="small",
            help="about 2,000 spine operations, or all 98,000",
        )
        parser.add_argument("--on", metavar="DATE", help="the demo's day, default today")

    def handle(self, *args: Any, **options: Any) -> None:
        """Load, saying what is done."""
        try:
            on = date.fromisoformat(options["on"]) if options["on"] else clock.today()
        except ValueError:
            raise CommandError(
                f"--on: “{options['on']}” is not a date. Write it such as 2026-11-22."
            ) from None
        load(
            registers=(options["register"],) if options["register"] else REGISTERS,
            scale=options["scale"],
            on=on,
            now=clock.now(),
            say=self.stdout.write,
        )
