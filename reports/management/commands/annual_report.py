"""``manage.py annual_report REGISTER YEAR --format json|html --language nb --output FILE``."""

import sys
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry.audit.actions import record_access
from registry.audit.middleware import unit_of_work
from registry.core import clock
from registry.registers.schema.base import LANGUAGES
from registry.registers.selectors import UnknownRegister
from reports.annual import NoReport, annual_report, to_json, trusted_viewer
from reports.annual.writing import to_html

FORMATS = {"json": to_json, "html": to_html}


class Command(BaseCommand):
    """The same data give the same bytes; nothing is written when there is no such report."""

    help = "Compute the tables of a register's annual report."

    def add_arguments(self, parser: CommandParser) -> None:
        """Register, year, format, language, file and the last day that counts."""
        parser.add_argument("register", help="Code of the register, such as limb_no.")
        parser.add_argument("year", type=int)
        parser.add_argument("--format", choices=tuple(FORMATS), default="json")
        parser.add_argument("--language", choices=LANGUAGES, default="en")
        parser.add_argument("--output", type=Path, help="File to write; without it to the screen.")
        parser.add_argument(
            "--on",
            type=_day,
            metavar="YYYY-MM-DD",
            help="The last day that counts (cut-off); without it all that is known counts.",
        )

    def handle(self, *args: Any, register: str, year: int, **options: Any) -> None:
        """Compute, then write."""
        viewer = trusted_viewer(register, "annual_report")
        with unit_of_work(actor_id=None, source="annual_report"):
            try:
                report = annual_report(
                    viewer,
                    register,
                    year,
                    language=options["language"],
                    on=clock.today(),
                    cut_off=options["on"],
                )
            except (NoReport, UnknownRegister) as error:
                raise CommandError(str(error)) from error
            record_access(
                viewer, "read", "annual_report", year, register_code=register, detail="command"
            )
            text = FORMATS[options["format"]](report)
        output = options["output"]
        if output is None:
            sys.stdout.write(text)
            return
        try:
            output.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from error


def _day(text: str) -> date:
    """Read a date of the command line; argparse says what is wrong with another text."""
    return date.fromisoformat(text)
