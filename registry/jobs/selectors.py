"""Reads about jobs: everybody sees the jobs they have asked for, and nobody else's."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from registry.accounts.permissions import Viewer
from registry.audit.actions import deny
from registry.jobs.models import Job, JobState
from registry.jobs.progress import noted


def jobs_for(viewer: Viewer, register_code: str) -> QuerySet[Job]:
    """Return the viewer's jobs in a register, the newest first; previews are not jobs yet."""
    if viewer.user_id is None:
        return Job.objects.none()
    return (
        Job.objects.filter(requested_by_id=viewer.user_id, register_code=register_code)
        .exclude(state=JobState.WAITING, parameters__confirmed=False)
        .order_by("-created_at")
    )


def job_for(viewer: Viewer, register_code: str, job_id: UUID) -> Job:
    """Return one of the viewer's jobs, previews too; NotAllowed with a trace for others."""
    job = Job.objects.filter(
        pk=job_id, register_code=register_code, requested_by_id=viewer.user_id or 0
    ).first()
    if job is None:
        deny(viewer, "see", "job", job_id, register_code=register_code)
    return job


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a job has come. ``seconds_left`` is None while nothing can be said."""

    done: int
    total: int
    seconds_left: int | None

    @property
    def percent(self) -> int:
        """Share done, 0 to 100."""
        return min(100, 100 * self.done // self.total) if self.total else 0


def standing_of(job: Job, *, now: datetime) -> Standing:
    """Return how far a job has come, and about how long it still takes."""
    done, total = job.done, job.total
    if job.state == JobState.RUNNING:
        done, total = noted(job)
    left = None
    if job.state == JobState.RUNNING and job.started_at and 0 < done <= total:
        elapsed = (now - job.started_at).total_seconds()
        left = round(elapsed / done * (total - done))
    return Standing(done, total, left)
