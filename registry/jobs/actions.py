"""Writes: start a job, run it once, note how it goes and how it ended."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.db import connection, transaction
from django.utils import translation
from django.utils.translation import gettext as _

from registry.accounts.permissions import Viewer
from registry.accounts.selectors import viewer_for
from registry.audit.middleware import unit_of_work
from registry.core import clock
from registry.jobs import files
from registry.jobs.models import Job, JobState
from registry.jobs.progress import note
from registry.jobs.runners import JobRefused, Outcome, runner_of

logger = logging.getLogger(__name__)
UNCONFIRMED_FOR = timedelta(hours=12)


@transaction.atomic
def start_job(
    *,
    by: Viewer,
    kind: str,
    register_code: str,
    parameters: dict[str, Any] | None = None,
    content: bytes | None = None,
    confirmed: bool = True,
) -> Job:
    """Let a worker do a job; return it at once.

    Who may start which job is checked by the caller, and again by the runner. ``content`` is kept
    sealed until the job has ended. A job that is not ``confirmed`` waits for `confirm_job`.
    """
    runner_of(kind)
    if by.user_id is None:
        raise ValueError("A job needs a user who asked for it.")
    job = Job(
        kind=kind,
        register_code=register_code,
        parameters={**(parameters or {}), "confirmed": confirmed},
        requested_by_id=by.user_id,
    )
    if content is not None:
        files.keep(job, content)
    job.save(force_insert=True)
    if confirmed:
        _hand_over(job)
    return job


@transaction.atomic
def confirm_job(*, job: Job) -> Job:
    """Let a job begin that was shown as a preview. Confirming twice begins it once."""
    job = Job.objects.select_for_update().get(pk=job.pk)
    if not job.parameters.get("confirmed"):
        job.parameters = {**job.parameters, "confirmed": True}
        job.save(update_fields=["parameters", "updated_at"])
        _hand_over(job)
    return job


@transaction.atomic
def withdraw_job(*, job: Job) -> None:
    """Throw a job away that was never confirmed, with its file."""
    job = Job.objects.select_for_update().get(pk=job.pk)
    if not job.parameters.get("confirmed"):
        files.discard(job)
        job.delete()


def forget_unconfirmed(*, now: datetime) -> int:
    """Throw away previews that nobody has confirmed for half a day; return how many."""
    old = list(
        Job.objects.filter(
            state=JobState.WAITING,
            parameters__confirmed=False,
            created_at__lt=now - UNCONFIRMED_FOR,
        )
    )
    for job in old:
        withdraw_job(job=job)
    return len(old)


def run(*, job_id: str) -> None:
    """Do a job, unless it is done or another worker is at it. Safe to call twice.

    A session lock in the database says who is at it; it falls when the worker or its connection
    dies, and whoever then gets the task again does the job anew.
    """
    with _alone(job_id) as mine:
        if not mine:
            return
        job = Job.objects.select_related("requested_by").filter(pk=job_id).first()
        if job is None or job.state in (JobState.DONE, JobState.FAILED):
            return
        job.state, job.started_at = JobState.RUNNING, clock.now()
        job.save(update_fields=["state", "started_at", "updated_at"])
        with translation.override(job.requested_by.language):
            _run(job)


def _run(job: Job) -> None:
    viewer = viewer_for(job.requested_by, on=clock.today())

    def progress(done: int, total: int) -> None:
        job.done, job.total = done, total
        note(job, done, total)

    try:
        with unit_of_work(actor_id=job.requested_by_id, source=f"job {job.kind}"):
            outcome = runner_of(job.kind).run(job, viewer, progress)
    except JobRefused as refused:
        fail(job=job, errors=refused.errors, count=refused.count, now=clock.now())
    except Exception:
        logger.exception("Job %s of kind %s failed", job.pk, job.kind)
        message = _(
            "Something went wrong that is not your fault. Nothing was changed. "
            "Try again; if it happens once more, tell the register's administrator."
        )
        error = {"line": 0, "column": "", "message": message}
        fail(job=job, errors=[error], count=1, now=clock.now())
    else:
        finish(job=job, outcome=outcome, now=clock.now())


@transaction.atomic
def finish(*, job: Job, outcome: Outcome, now: datetime) -> None:
    """Note that a job is done, and keep its file for whoever asked for it."""
    files.discard(job)
    if outcome.file_name:
        files.keep(job, outcome.content)
    job.state, job.ended_at = JobState.DONE, now
    job.result = {**outcome.values, "file_name": outcome.file_name}
    job.errors = []
    job.save()


@transaction.atomic
def fail(*, job: Job, errors: list[dict[str, object]], count: int, now: datetime) -> None:
    """Note that a job could not be done, and why."""
    files.discard(job)
    job.state, job.ended_at = JobState.FAILED, now
    job.errors, job.result = errors, {"error_count": count}
    job.save()


def _hand_over(job: Job) -> None:
    transaction.on_commit(lambda: current_app.send_task("jobs.run", args=[str(job.pk)]))


@contextmanager
def _alone(job_id: str) -> Iterator[bool]:
    """Hold the job's session lock; False when somebody else holds it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", [f"job:{job_id}"])
        mine = cursor.fetchone()[0]
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_advisory_unlock(hashtextextended(%s, 0))", [f"job:{job_id}"]
                )
