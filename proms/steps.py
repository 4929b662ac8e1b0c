"""How far a follow-up came: the steps of a response rate, as parts that add up.

Every follow-up is in exactly one part, so that the parts sum to all of them. Three parts are not
in the denominator and are counted apart: what is not yet due, what ended before it could be
answered or has no questions for the patient (see CensorReason), and what was never asked. The
others are *eligible*, each in the furthest part that it reached; a step counts all that reached it
or went further, so that who answered by telephone without opening a link has been asked, and
opened, and started.

One list of rules is read twice, as in proms.status: ``part_on`` in Python, ``part_expression`` in
the database. The first rule that holds names the part.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from django.db.models import Case, CharField, Q, TextChoices, Value, When
from django.utils.translation import gettext_lazy as _

from proms.status import NOT_EXPECTED, Dates, Happened, Status, status_on


class Part(TextChoices):
    """Where a follow-up stands. From NOT_REACHABLE on: the furthest that it came."""

    NOT_DUE = "not_due", _("Not yet due")
    CENSORED = "censored", _("No longer asked")
    NOT_ASKED = "not_asked", _("Never asked")
    NOT_REACHABLE = "not_reachable", _("Could not be reached")
    NOT_INVITED = "not_invited", _("Nothing sent yet")
    INVITED = "invited", _("Invited, not opened")
    OPENED = "opened", _("Opened, not started")
    STARTED = "started", _("Started, not sent")
    COMPLETED = "completed", _("Answered")


EXCLUDED = (Part.NOT_DUE, Part.CENSORED, Part.NOT_ASKED)
"""Parts outside the denominator."""


class Step(TextChoices):
    """The steps of a response rate, each within the one before."""

    ELIGIBLE = "eligible", _("Eligible")
    REACHABLE = "reachable", _("Reachable")
    INVITED = "invited", _("Invited")
    OPENED = "opened", _("Opened")
    STARTED = "started", _("Started")
    COMPLETED = "completed", _("Answered")


FURTHEST = (
    Part.NOT_REACHABLE,
    Part.NOT_INVITED,
    Part.INVITED,
    Part.OPENED,
    Part.STARTED,
    Part.COMPLETED,
)
"""The part whose follow-ups came as far as the step in the same place, and no further."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What decides the part: the status's dates, the due date and whether it was asked at all."""

    dates: Dates
    due_on: date
    asked: bool


def _has(*statuses: Status) -> Callable[[Asked, date], bool]:
    return lambda one, on: status_on(one.dates, on) in statuses


def _happened(event: str) -> Callable[[Asked, date], bool]:
    return lambda one, on: Happened(event).holds(one.dates, on)


# Part, its condition in Python, and the same in the database (where ``status`` is annotated).
RULES: tuple[tuple[Part, Callable[[Asked, date], bool], Callable[[date], Q]], ...] = (
    (Part.NOT_DUE, lambda one, on: one.due_on > on, lambda on: Q(due_on__gt=on)),
    (Part.CENSORED, _has(*NOT_EXPECTED), lambda _on: Q(status__in=NOT_EXPECTED)),
    (Part.COMPLETED, _has(Status.COMPLETED), lambda _on: Q(status=Status.COMPLETED)),
    (Part.NOT_ASKED, lambda one, _on: not one.asked, lambda _on: Q(invitation__isnull=True)),
    (Part.STARTED, _happened("started_at"), lambda on: Happened("started_at").query(on, "")),
    (Part.OPENED, _happened("opened_at"), lambda on: Happened("opened_at").query(on, "")),
    (Part.INVITED, _happened("invited_at"), lambda on: Happened("invited_at").query(on, "")),
    (
        Part.NOT_REACHABLE,
        _happened("unreachable_at"),
        lambda on: Happened("unreachable_at").query(on, ""),
    ),
)
OTHERWISE = Part.NOT_INVITED


def part_on(one: Asked, on: date) -> Part:
    """Return the part in which a follow-up is on a day."""
    return next((part for part, holds, _query in RULES if holds(one, on)), OTHERWISE)


def part_expression(on: date) -> Case:
    """Return the same for follow-ups annotated with their ``status`` on that day."""
    return Case(
        *(When(query(on), then=Value(part.value)) for part, _holds, query in RULES),
        default=Value(OTHERWISE.value),
        output_field=CharField(max_length=13),
    )


@dataclass(frozen=True, slots=True)
class Rate:
    """Follow-ups by part; steps and shares follow from them."""

    parts: Mapping[Part, int]

    @property
    def all(self) -> int:
        """All follow-ups, those outside the denominator included."""
        return sum(self.parts.values())

    def step(self, step: Step) -> int:
        """Return how many came to a step or further."""
        reached = FURTHEST[list(Step).index(step) :]
        return sum(self.parts.get(part, 0) for part in reached)

    @property
    def eligible(self) -> int:
        """The denominator."""
        return self.step(Step.ELIGIBLE)

    def share(self, step: Step) -> float | None:
        """Return the share of the eligible that came to a step; None where nobody is eligible."""
        return self.step(step) / self.eligible if self.eligible else None

    @property
    def largest_loss(self) -> tuple[Step, Step, int] | None:
        """The two steps between which most are lost, and how many; None where nobody is lost."""
        steps = list(Step)
        losses = [
            (before, after, self.step(before) - self.step(after))
            for before, after in pairwise(steps)
        ]
        worst = max(losses, key=lambda loss: loss[2])
        return worst if worst[2] else None

    def plus(self, other: "Rate") -> "Rate":
        """Return the rate over both."""
        return Rate({part: self.parts.get(part, 0) + other.parts.get(part, 0) for part in Part})
