"""Background work of the outbox."""

from celery import shared_task
from django.conf import settings

from registry.core import clock
from registry.messaging import bounces
from registry.messaging.sending import send_due as send

MESSAGES_A_RUN = 100


@shared_task(name="messaging.send_due")
def send_due() -> None:
    """Send what is due now. Safe to run twice and at the same time."""
    # The clock is read anew for each run of some batches, because leases count from it.
    while send(now=clock.now(), limit=MESSAGES_A_RUN).claimed == MESSAGES_A_RUN:
        pass


@shared_task(name="messaging.read_bounces")
def read_bounces() -> None:
    """Read the mailbox of delivery reports, where there is one. Safe to run twice."""
    if settings.BOUNCE_IMAP_URL:
        bounces.read_mailbox(settings.BOUNCE_IMAP_URL, now=clock.now())
