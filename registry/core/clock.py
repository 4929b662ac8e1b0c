"""The one place where the clock is read.

Rules take ``on`` or ``now`` as an argument; only edges (views, tasks, commands) call this module.
Outside production the clock can be moved: ``CLOCK_FILE`` names a file holding a number of days,
which every process reads, so that a demonstration or a browser test can live a year in a minute.
"""

from datetime import date, datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone


def now() -> datetime:
    """Return the current moment, timezone-aware."""
    return timezone.now() + _shift()


def today() -> date:
    """Return today's civil date in the registry's time zone."""
    return timezone.localdate(now())


def civil_date(moment: datetime) -> date:
    """Return the civil date of a moment in the registry's time zone."""
    return timezone.localdate(moment)


def move_clock(days: int) -> None:
    """Move the clock of every process of this installation by ``days`` from the real time.

    Raises RuntimeError where no CLOCK_FILE is set, as in production.
    """
    if not settings.CLOCK_FILE:
        raise RuntimeError("The clock can be moved only where CLOCK_FILE is set.")
    Path(settings.CLOCK_FILE).write_text(str(days), encoding="ascii")


def _shift() -> timedelta:
    if not settings.CLOCK_FILE:
        return timedelta(0)
    try:
        return timedelta(days=int(Path(settings.CLOCK_FILE).read_text(encoding="ascii")))
    except FileNotFoundError:
        return timedelta(0)
