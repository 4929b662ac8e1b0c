"""``manage.py follow_ups``: the follow-ups of a register with their status on a day, as CSV."""

import csv
from argparse import ArgumentParser
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proms.models import FollowUp
from proms.status import status_expression
from registry.core import clock
from registry.registers.models import Register

COLUMNS = {
    "operation_id": "operation_id",
    "unit": "operation__unit__code",
    "group": "operation__group",
    "operated_on": "operation__scheduled_on",
    "time_point": "time_point",
    "opens_on": "opens_on",
    "due_on": "due_on",
    "closes_on": "closes_on",
    "completed_on": "completed_on",
    "censored_on": "censored_on",
    "censor_reason": "censor_reason",
    "status": "status",
}


class Command(BaseCommand):
    """Writes one line for each follow-up, by operation and time; nothing identifies a patient."""

    help = "Write the follow-ups of a register with their status on a day, as CSV."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the register and the day."""
        parser.add_argument("--register", required=True, help="code of the register")
        parser.add_argument(
            "--on", type=date.fromisoformat, help="the day, as 2026-11-22; today when left out"
        )

    def handle(self, *, register: str, on: date | None, **_options: Any) -> None:
        """Write the file to standard output."""
        if not Register.objects.filter(pk=register).exists():
            known = ", ".join(Register.objects.values_list("pk", flat=True))
            raise CommandError(f"There is no register “{register}”; known are {known}.")
        rows = (
            FollowUp.objects.filter(operation__register_id=register)
            .annotate(status=status_expression(on or clock.today()))
            .order_by("operation_id", "opens_on")
            .values_list(*COLUMNS.values())
        )
        # Django's wrapper would add a line end of its own to every write.
        self.stdout.ending = ""
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows.iterator(chunk_size=5000))
