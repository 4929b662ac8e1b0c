"""Ending reminders on the wish of who got the mail."""

from datetime import datetime

from django.db import transaction

from proms.links import invitation_of_stop_token
from proms.models import Invitation, StoppedReminders


@transaction.atomic
def stop_reminders(*, token: str, now: datetime) -> None:
    """End reminders of the invitation that a token is about, also those queued already.

    The member gets no more pre-notices of later questions either: who wants fewer messages does
    not want one that asks nothing. Later questions and the reminders of those still go out; staff
    see it on the patient's page (``proms.selectors.stopped_reminders_of``).

    The questions may still be answered. Safe to call again; an unknown token changes nothing, and
    nobody is told whether it was one.
    """
    number = invitation_of_stop_token(token)
    if number is None or not Invitation.objects.filter(pk=number).exists():
        return
    StoppedReminders.objects.get_or_create(invitation_id=number, defaults={"at": now})
