"""Jobs: done once, whoever and however many try; sealed files; progress that others can see."""

import threading
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection, connections

from registry.accounts.selectors import viewer_for
from registry.core import clock
from registry.jobs import files, runners
from registry.jobs.actions import (
    confirm_job,
    forget_unconfirmed,
    run,
    start_job,
    withdraw_job,
)
from registry.jobs.models import Job, JobState
from registry.jobs.runners import JobRefused, Outcome, Runner
from registry.jobs.selectors import jobs_for, standing_of
from tests.conftest import TODAY

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(user_with):
    return viewer_for(user_with("coordinator", "danespine"), on=TODAY)


@pytest.fixture
def runner(monkeypatch):
    """``runner(function)``: let a function do the jobs of kind ``test``."""

    def install(function):
        monkeypatch.setitem(runners._runners, "test", Runner(lambda job: "Test", function))

    install(lambda job, viewer, progress: Outcome())
    return install


@pytest.fixture
def start(viewer, runner):
    return lambda **changes: start_job(
        **({"by": viewer, "kind": "test", "register_code": "danespine"} | changes)
    )


def test_a_job_runs_once_and_keeps_its_result(start, runner):
    calls = []

    def work(job, viewer, progress):
        calls.append(viewer.label)
        progress(5, 10)
        return Outcome({"rows": 7}, "a.csv", b"text")

    runner(work)
    job = start()
    run(job_id=str(job.pk))
    run(job_id=str(job.pk))
    job.refresh_from_db()
    assert len(calls) == 1
    assert (job.state, job.done, job.total) == (JobState.DONE, 5, 10)
    assert job.result == {"rows": 7, "file_name": "a.csv"}
    assert files.content_of(job) == b"text"
    assert job.ended_at >= job.started_at


def test_a_job_whose_worker_died_is_done_anew(start):
    job = start()
    Job.objects.update(state=JobState.RUNNING, started_at=clock.now() - timedelta(hours=1))
    run(job_id=str(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.DONE


def test_a_refused_job_keeps_its_errors_and_undoes_what_it_wrote(start, runner, user_with):
    from registry.accounts.models import User

    def work(job, viewer, progress):
        User.objects.filter(pk=viewer.user_id).update(first_name="Changed")
        raise JobRefused([{"line": 3, "column": "sex", "message": "No"}], 12)

    runner(work)
    job = start(content=b"rows")
    run(job_id=str(job.pk))
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert job.errors == [{"line": 3, "column": "sex", "message": "No"}]
    assert job.result == {"error_count": 12}
    assert not job.file
    assert job.requested_by.first_name == "Test"


def test_files_are_sealed_and_belong_to_one_job(start):
    one, other = start(content=b"Kari Nordmann"), start(content=b"Ola Nordmann")
    stored = one.file.open("rb").read()
    assert b"Kari" not in stored
    with open(one.file.path, "wb") as file, open(other.file.path, "rb") as foreign:
        file.write(foreign.read())
    with pytest.raises(files.FileGone):
        files.content_of(one)
    assert files.content_of(other) == b"Ola Nordmann"


def test_an_unconfirmed_job_waits_and_is_forgotten_after_half_a_day(start, viewer):
    job = start(confirmed=False, content=b"x")
    assert list(jobs_for(viewer, "danespine")) == []
    assert forget_unconfirmed(now=clock.now()) == 0
    kept = start(confirmed=False)
    confirm_job(job=kept)
    assert list(jobs_for(viewer, "danespine")) == [kept]
    assert forget_unconfirmed(now=clock.now() + timedelta(hours=13)) == 1
    assert not Job.objects.filter(pk=job.pk).exists()
    withdraw_job(job=kept)
    assert Job.objects.filter(pk=kept.pk).exists()


def test_time_left_follows_from_the_time_taken(start):
    job = start()
    job.state, job.started_at = JobState.RUNNING, clock.now()
    later = job.started_at + timedelta(seconds=30)
    assert standing_of(job, now=later).seconds_left is None
    cache.set(f"job:{job.pk}:progress", (250, 1000))
    standing = standing_of(job, now=later)
    assert (standing.percent, standing.seconds_left) == (25, 90)


def test_a_job_is_handed_over_when_its_transaction_has_ended(
    start, monkeypatch, django_capture_on_commit_callbacks
):
    from celery import current_app

    sent = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args: sent.append((name, args)))
    with django_capture_on_commit_callbacks(execute=True):
        job = start()
        start(confirmed=False)
        assert sent == []
    assert sent == [("jobs.run", [str(job.pk)])]


@pytest.mark.django_db(transaction=True)
def test_two_workers_do_a_job_once_and_progress_is_seen_meanwhile(start, runner):
    begun, go = threading.Event(), threading.Event()
    calls = []

    def work(job, viewer, progress):
        calls.append(threading.current_thread().name)
        progress(1, 4)
        begun.set()
        assert go.wait(20)
        return Outcome()

    runner(work)
    job = start()

    def in_thread():
        try:
            run(job_id=str(job.pk))
        finally:
            connections.close_all()

    first = threading.Thread(target=in_thread)
    first.start()
    assert begun.wait(20)
    second = threading.Thread(target=in_thread)
    second.start()
    second.join(20)
    assert not second.is_alive()
    seen = Job.objects.get(pk=job.pk)
    assert seen.state == JobState.RUNNING
    assert standing_of(seen, now=clock.now()).percent == 25
    go.set()
    first.join(20)
    assert len(calls) == 1
    assert Job.objects.get(pk=job.pk).state == JobState.DONE
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database"
            " WHERE locktype = 'advisory' AND d.datname = current_database()"
        )
        assert cursor.fetchone() == (0,)
