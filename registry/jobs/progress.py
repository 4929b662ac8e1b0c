"""How far a job has come, kept in the cache.

Not in the database: a runner works in one transaction, and what it writes is seen by others only
when it has ended.
"""

from django.core.cache import cache

from registry.jobs.models import Job

KEPT_SECONDS = 24 * 3600


def note(job: Job, done: int, total: int) -> None:
    """Note steps done and steps in all (0 while unknown)."""
    cache.set(f"job:{job.pk}:progress", (done, total), KEPT_SECONDS)


def noted(job: Job) -> tuple[int, int]:
    """Return steps done and steps in all, as last noted."""
    return cache.get(f"job:{job.pk}:progress") or (0, 0)
