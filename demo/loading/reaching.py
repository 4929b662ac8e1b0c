"""Some recent patients whom no message reaches: on the telephone list from the start."""

from datetime import date, datetime, time

from django.utils import timezone

from demo.danespine.recent import DEMO_UNIT
from patients.models import Patient
from patients.vault import change_identity
from proms.actions import invite_due
from proms.models import FollowUp
from registry.core.choices import ContactChannel

BY_TELEPHONE = 3
NUMBER = "+45 00 00 00 0%d"
"""No subscriber has such a number: Danish ones do not begin with 0."""


def leave_some_to_call(*, register: str, on: date) -> None:
    """Let a few of the demo unit's patients, asked a year after, have a telephone number only.

    The last of them has an e-mail address as well, and would rather be called.
    """
    asked = FollowUp.objects.filter(
        operation__register_id=register,
        operation__unit__codes__code=DEMO_UNIT,
        operation__performed_on__isnull=False,
        time_point="y1",
        opens_on__lte=on,
        closes_on__gte=on,
        invitation__isnull=True,
        completed_on__isnull=True,
        censored_on__isnull=True,
    ).select_related("operation__membership__patient")
    chosen = {one.operation.membership_id: one.operation.membership for one in asked.order_by("pk")}
    members = list(chosen.values())[:BY_TELEPHONE]
    for number, member in enumerate(members, start=1):
        wishes_calls = number == BY_TELEPHONE
        change_identity(
            member.patient_id,
            birth_date=member.patient.birth_date,
            telephone=NUMBER % number,
            **({} if wishes_calls else {"email": ""}),
        )
        if wishes_calls:
            Patient.objects.filter(pk=member.patient_id).update(
                preferred_channel=ContactChannel.TELEPHONE
            )
    invite_due(
        now=timezone.make_aware(datetime.combine(on, time(9))),
        membership_ids=[member.pk for member in members],
    )
