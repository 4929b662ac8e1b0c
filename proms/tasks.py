"""Background work of following up."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial

from celery import shared_task
from django.db import connection

from proms import actions
from registry.audit.middleware import unit_of_work
from registry.core import clock

PATIENTS_A_RUN = 20_000


@shared_task(name="proms.invite_due")
def invite_due() -> None:
    """Queue invitations, reminders and pre-notices that are due.

    Invitations in several sessions, each for its share of the patients; reminders when all are
    done, for nobody is to get both. Safe to run twice and at the same time.
    """
    now = clock.now()
    with ThreadPoolExecutor(actions.SHARES) as sessions:
        list(sessions.map(partial(_invite_share, now), range(actions.SHARES)))
    with unit_of_work(actor_id=None, source="task proms.invite_due"):
        actions.queue_reminders(now=now, limit=PATIENTS_A_RUN)
    with unit_of_work(actor_id=None, source="task proms.invite_due"):
        actions.queue_notices(now=now, limit=PATIENTS_A_RUN)


def _invite_share(now: datetime, share: int) -> None:
    try:
        with unit_of_work(actor_id=None, source="task proms.invite_due"):
            actions.invite_due(now=now, share=share, limit=PATIENTS_A_RUN // actions.SHARES)
    finally:
        connection.close()  # it is this thread's own
