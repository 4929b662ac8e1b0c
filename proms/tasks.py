"""Background work of following up."""

from celery import shared_task

from proms import actions
from registry.audit.middleware import unit_of_work
from registry.core import clock

PATIENTS_A_RUN = 20_000


@shared_task(name="proms.invite_due")
def invite_due() -> None:
    """Queue invitations, reminders and pre-notices that are due.

    Safe to run twice and at the same time.
    """
    now = clock.now()
    with unit_of_work(actor_id=None, source="task proms.invite_due"):
        actions.invite_due(now=now, limit=PATIENTS_A_RUN)
    with unit_of_work(actor_id=None, source="task proms.invite_due"):
        actions.queue_reminders(now=now, limit=PATIENTS_A_RUN)
    with unit_of_work(actor_id=None, source="task proms.invite_due"):
        actions.queue_notices(now=now, limit=PATIENTS_A_RUN)
