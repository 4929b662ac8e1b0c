"""The registry's Celery application for the measurement with kills: the same tasks, quicker.

Beat looks every second instead of every minute, and a killed worker's messages are left to it for
seconds instead of minutes. Everything else is as it is served.
"""

from datetime import timedelta

import django

django.setup()

from registry.celery import app  # noqa: E402
from registry.messaging import actions, sending  # noqa: E402

LEASE_SECONDS = 8

actions.LEASE = timedelta(seconds=LEASE_SECONDS)
sending.SAFE_SECONDS = LEASE_SECONDS / 2

app.conf.beat_schedule = {
    "messaging.send_due": {
        "task": "messaging.send_due",
        "schedule": 1.0,
        "options": {"expires": 60},
    }
}
__all__ = ["app"]
