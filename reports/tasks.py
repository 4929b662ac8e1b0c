"""Background work of reports."""

from celery import shared_task

from registry.core import clock
from reports.actions import refresh_stale


@shared_task(name="reports.refresh_stale")
def refresh_stale_slices() -> int:
    """Recompute what edits have marked; safe to run twice and beside another worker."""
    return refresh_stale(on=clock.today())
