"""After a restore: destroy again the keys of everybody who was erased."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patients.actions import replay_erasures
from patients.models import Erasure
from registry.audit.middleware import unit_of_work
from registry.core import clock


class Command(BaseCommand):
    """Also writes the list, so that it can be kept apart from the backups it is replayed on."""

    help = "Replay the erasure list after a restore, or save it with --save FILE."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--save", type=Path, help="Write the patient ids to FILE, one a line.")
        parser.add_argument("--list", type=Path, help="Also erase the patient ids of this file.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["save"]:
            ids = Erasure.objects.order_by("patient_id").values_list("patient_id", flat=True)
            options["save"].write_text("".join(f"{pk}\n" for pk in ids), encoding="ascii")
            self.stdout.write(f"{len(ids)} erasures written to {options['save']}.")
            return
        listed: list[int] = []
        if options["list"]:
            try:
                listed = [int(line) for line in options["list"].read_text().split()]
            except (OSError, ValueError) as error:
                raise CommandError(f"{options['list']} cannot be read: {error}") from error
        with unit_of_work(actor_id=None, source="replay_erasures"):
            destroyed = replay_erasures(listed, now=clock.now())
        self.stdout.write(self.style.SUCCESS(f"{destroyed} keys destroyed again."))
