"""``manage.py check_wording [FOLDER]``: are licensed wording packs right, what do they cover?

Exit code 2 and one fault per line when something is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from proms.instruments import InstrumentError, WordingPacks, instruments, wording, wording_state
from registry.registers.schema.base import LANGUAGES


class Command(BaseCommand):
    """Reads files only, and nothing that a running process has kept."""

    help = (
        "Check a folder of licensed wording: prints one fault per line as file: key: reason, or "
        "in which words every questionnaire is asked in every language."
    )
    requires_migrations_checks = False
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """FOLDER: without it WORDING_PACKS_DIR."""
        parser.add_argument("folder", nargs="?", type=Path, metavar="FOLDER")

    def handle(self, *args: Any, **options: Any) -> None:
        """Print every fault, or the table."""
        try:
            packs = WordingPacks.load(options["folder"] or settings.WORDING_PACKS_DIR)
        except InstrumentError as error:
            raise CommandError(str(error), returncode=2) from error
        require = settings.REQUIRE_LICENSED_WORDING
        for asked in instruments().values():
            if asked.respondent != "patient" or asked.parts:
                continue
            for language in LANGUAGES:
                state = wording_state(asked, language, require_licensed=require, packs=packs)
                version = wording(asked.code, language, packs=packs).version
                shown = "" if state == "not_sent" else f" ({version})"
                self.stdout.write(f"{asked.code} {asked.version} {language}: {state}{shown}")
        self.stdout.write(f"{len(packs.packs)} licensed packs are right.")
