"""``manage.py rescore INSTRUMENT --register R``: score stored answers anew, dry unless --apply."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from proms.actions.rescoring import Rescoring, rescore
from proms.instruments import UnknownInstrument
from registry.audit.middleware import unit_of_work
from registry.registers.models import Register
from registry.registers.selectors import definition_for


class Command(BaseCommand):
    """Says first what would change; scores change only with --apply, and history keeps them."""

    help = (
        "Score a register's stored answers to an instrument with the instrument's current version "
        "and the register's current settings. Nothing is written without --apply. The answers "
        "themselves, the version they were given to and their wording stay as they are."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """INSTRUMENT --register R [--from-version V] [--apply]."""
        parser.add_argument("instrument", metavar="INSTRUMENT")
        parser.add_argument("--register", required=True, help="code of the register")
        parser.add_argument(
            "--from-version",
            metavar="V",
            help="only answers scored with this version; without it all of them",
        )
        parser.add_argument("--apply", action="store_true", help="write the new scores")

    def handle(self, *args: Any, **options: Any) -> None:
        """Score, and print a line for each scale."""
        register = options["register"]
        if not Register.objects.filter(pk=register).exists():
            known = ", ".join(Register.objects.order_by("pk").values_list("pk", flat=True))
            raise CommandError(f"There is no register “{register}”; known are {known}.")
        try:
            with unit_of_work(actor_id=None, source="rescore"):
                done = rescore(
                    definition=definition_for(register),
                    instrument_code=options["instrument"],
                    from_version=options["from_version"],
                    apply=options["apply"],
                )
        except UnknownInstrument as error:
            raise CommandError(str(error)) from error
        self._say(done)

    def _say(self, done: Rescoring) -> None:
        self.stdout.write(f"{done.instrument} {done.version}: {done.responses} responses")
        for version, number in sorted(done.from_versions.items()):
            self.stdout.write(f"  scored with version {version} until now: {number}")
        for one in done.scales:
            text = f"  {one.scale}: {one.changed} of {one.responses} change"
            if one.mean_difference is not None and one.largest_difference is not None:
                text += (
                    f", by {one.mean_difference:+.2f} on average"
                    f" and {one.largest_difference:+.2f} at most"
                )
            if one.gained:
                text += f"; {one.gained} get a score that had none"
            if one.lost:
                text += f"; {one.lost} lose their score"
            self.stdout.write(text)
        if not done.responses:
            self.stdout.write("There is nothing to score.")
        elif done.applied:
            self.stdout.write("Written. The earlier scores are in the history.")
        else:
            self.stdout.write("Nothing was written. Run it again with --apply to write.")
