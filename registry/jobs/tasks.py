"""What workers do for jobs."""

from celery import shared_task

from registry.jobs.actions import run


@shared_task(name="jobs.run")
def run_job(job_id: str) -> None:
    """Do one job. Safe to run twice."""
    run(job_id=job_id)
