"""Celery: worker and beat.

Beat only says "look now": what is due is decided in the database, each time anew. So no task
carries a time (no ETA, no countdown), a lost tick does no harm, and a task is safe to run twice.
"""

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

from django.conf import settings


def beat_schedule() -> dict[str, dict[str, object]]:
    """Which task beat calls how often (seconds)."""
    every = {
        "messaging.send_due": 20 if settings.DEMO else 60,
        "proms.invite_due": 60 if settings.DEMO else 3600,
        "reports.refresh_stale": 20,
        **({"messaging.read_bounces": 300} if settings.BOUNCE_IMAP_URL else {}),
    }
    return {
        # A tick that no worker has taken by the next one is dropped: ticks do not pile up.
        task: {"task": task, "schedule": float(seconds), "options": {"expires": seconds}}
        for task, seconds in every.items()
    }


app = Celery("registry")
app.conf.update(
    broker_url=settings.REDIS_URL,
    broker_connection_retry_on_startup=True,
    task_default_queue="registry",
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    # A task whose worker dies is given to another one.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    # Django's logging scrubs patients' links; Celery must not put its own in its place.
    worker_hijack_root_logger=False,
    timezone=settings.TIME_ZONE,
    beat_schedule=beat_schedule(),
    beat_schedule_filename=str(settings.DATA_DIR / "celerybeat-schedule"),
)
app.autodiscover_tasks()


@setup_logging.connect
def use_django_logging(**_: object) -> None:
    """Keep the logging of settings.py in worker and beat."""
