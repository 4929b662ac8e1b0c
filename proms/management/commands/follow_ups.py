"""``manage.py follow_ups``: the follow-ups of a register with their status on a day, as CSV."""

import csv
from argparse import ArgumentParser
from datetime import date, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from proms.models import FollowUp
from proms.selectors import WHO_ANSWERED
from proms.status import Status, status_expression
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
    "invited_on": "invitation__invited_at",
    "reminded_on": "invitation__reminded_at",
    "completed_on": "completed_on",
    "answered_by": "answered_by",
    "censored_on": "censored_on",
    "censor_reason": "censor_reason",
    "status": "status",
}

WHAT = {
    Status.TO_INVITE: "due",
    Status.UNREACHABLE: "due",
    Status.INVITED: "sent",
    Status.REMINDED: "sent",
    Status.LETTER: "sent",
    Status.OPENED: "waiting",
    Status.STARTED: "waiting",
    Status.MISSED: "missed",
    Status.COMPLETED: "answered",
    Status.DECLINED: "declined",
    Status.CENSORED: "ended",
    Status.NOT_APPLICABLE: "not applicable",
    Status.UPCOMING: "upcoming",
}
"""The column ``what``: due to be asked, sent, opened and awaited, missed; ``status`` says more."""

HAPPENED = ("invited_on", "reminded_on", "completed_on", "censored_on")
"""What had not happened by the day is left out, so that a past day reads as it was."""


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
        day = on or clock.today()
        rows = (
            FollowUp.objects.filter(operation__register_id=register)
            .annotate(status=status_expression(day), answered_by=WHO_ANSWERED)
            .order_by("operation_id", "opens_on")
            .values_list(*COLUMNS.values())
        )
        # Django's wrapper would add a line end of its own to every write.
        self.stdout.ending = ""
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow([*COLUMNS, "what"])
        writer.writerows(_line(row, day) for row in rows.iterator(chunk_size=5000))


def _line(row: tuple[Any, ...], on: date) -> list[Any]:
    told = dict(zip(COLUMNS, row, strict=True))
    for name in HAPPENED:
        moment = told[name]
        when = clock.civil_date(moment) if isinstance(moment, datetime) else moment
        told[name] = when if when is not None and when <= on else None
    if told["completed_on"] is None:
        told["answered_by"] = ""
    if told["censored_on"] is None:
        told["censor_reason"] = ""
    return [*told.values(), WHAT[Status(told["status"])]]
