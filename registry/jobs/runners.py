"""Who does which kind of job: apps register runners, the task finds them.

A runner works inside one transaction attributed to who asked for the job, in that person's
language. It may be run again after a worker has died: the transaction of the first run is undone
by then, so a runner need not ask what was done before.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.functional import Promise

from registry.accounts.permissions import Viewer
from registry.jobs.models import Job

Progress = Callable[[int, int], None]
"""Told the steps done and the steps in all (0 while that is unknown)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a job ended with: a few values for its page, and a file to be fetched.

    The page shows the values ``rows`` (how many were imported) and ``notes`` (sentences).
    """

    values: dict[str, Any] = field(default_factory=dict)
    file_name: str = ""
    content: bytes = b""


class JobRefused(Exception):
    """The job cannot be done as asked; nothing was written. Each error tells what is wrong.

    Errors are dicts of ``line``, ``column`` and ``message``; ``count`` says how many there are
    where not all are listed.
    """

    def __init__(self, errors: Sequence[dict[str, object]], count: int | None = None) -> None:
        self.errors = list(errors)
        self.count = len(self.errors) if count is None else count
        super().__init__(f"{self.count} errors")


@dataclass(frozen=True, slots=True)
class Runner:
    """How a kind of job is called and done. ``label`` may use the job's parameters."""

    label: Callable[[Job], str | Promise]
    run: Callable[[Job, Viewer, Progress], Outcome]


_runners: dict[str, Runner] = {}


def register_runner(kind: str, runner: Runner) -> None:
    """Let ``runner`` do the jobs of a kind. Called in ``AppConfig.ready()``."""
    _runners[kind] = runner


def runner_of(kind: str) -> Runner:
    """Return who does a kind of job. Raises KeyError for a kind nobody does."""
    return _runners[kind]


def label_of(job: Job) -> str:
    """Return what a job is called on pages, in the active language."""
    runner = _runners.get(job.kind)
    return str(runner.label(job)) if runner else job.kind
