"""Wrap every patient's key anew with the current master key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from patients.actions import rewrap_keys
from patients.vault import MasterKeyMissing
from registry.audit.middleware import unit_of_work


class Command(BaseCommand):
    """Runs in batches; may be interrupted and run again while the registry is in use."""

    help = (
        "Wrap patients' keys with IDENTITY_MASTER_KEY. Put the key used so far into "
        "IDENTITY_OLD_MASTER_KEYS first; when this has ended, it can be removed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--batch", type=int, default=1000, help="Keys per transaction.")

    def handle(self, *args: Any, batch: int, **options: Any) -> None:
        done = 0
        while True:
            try:
                with unit_of_work(actor_id=None, source="rotate_master_key"):
                    count = rewrap_keys(batch=batch)
            except MasterKeyMissing as error:
                raise CommandError(f"{error} {done} keys were wrapped before.") from error
            if not count:
                break
            done += count
            self.stdout.write(f"{done} keys wrapped anew")
        self.stdout.write(self.style.SUCCESS(f"Ready: {done} keys were wrapped anew."))
