"""What following up will ask of a register's staff in the next twelve months.

Counted from what is registered: operations to come will add to it. Invitations are certain as far
as anything is; how many patients will still be silent when a reminder or a call is due is assumed:

- *published*: automatic mail alone is answered by 53 % at a year, so 47 % are silent at the end;
- *assumed*: those answers come in equal parts after the invitation and after each reminder.

A patient whom no message reaches is called at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import BooleanField, Case, Count, F, Q, Value, When
from django.db.models.functions import Coalesce, TruncDate

from proms.policies import CALL_BEFORE_CLOSING_DAYS
from proms.selectors import follow_ups_for
from proms.status import WAITING, Status, status_expression
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import require
from registry.registers.schema import RegisterDefinition, TimePoint
from registry.registers.selectors import definition_for

ANSWERED_BY_MAIL = 0.53
"""Share that answers mail without anybody calling, at a year. Published."""

DAYS_AHEAD = 365


@dataclass(frozen=True, slots=True)
class Load:
    """Work of some days: numbers expected, reminders and calls not whole."""

    invitations: float = 0.0
    reminders: float = 0.0
    calls: float = 0.0

    def plus(self, other: Load) -> Load:
        """Return the work of both."""
        return Load(
            self.invitations + other.invitations,
            self.reminders + other.reminders,
            self.calls + other.calls,
        )


@dataclass(frozen=True, slots=True)
class Calendar:
    """The expected work by (unit id, day), from ``on`` for a year."""

    on: date
    days: Mapping[tuple[int, date], Load]

    def by(self, period: Callable[[date], date]) -> dict[date, dict[int, Load]]:
        """Return the work by the first day of a period (``month_of``, ``week_of``) and unit.

        Every period of the year is there, in order.
        """
        periods: dict[date, dict[int, Load]] = {
            period(self.on + timedelta(days=number)): {} for number in range(DAYS_AHEAD)
        }
        for (unit, day), load in self.days.items():
            held = periods[period(day)]
            held[unit] = held.get(unit, Load()).plus(load)
        return periods


def month_of(day: date) -> date:
    """Return the first day of a day's month."""
    return day.replace(day=1)


def week_of(day: date) -> date:
    """Return the Monday of a day's week."""
    return day - timedelta(days=day.weekday())


def silent_share(reminders_sent: int, reminders: int) -> float:
    """Return which share has not answered by the time of the next reminder, or of the call."""
    return 1 - ANSWERED_BY_MAIL * (reminders_sent + 1) / (reminders + 1)


@dataclass(frozen=True, slots=True)
class Course:
    """Some follow-ups alike, from their invitation (``invited_on``: already sent) to the call."""

    point: TimePoint
    opens_on: date
    due_on: date
    closes_on: date
    invited_on: date | None
    reachable: bool
    call_after: int

    def events(self, on: date) -> Iterator[tuple[date, Load]]:
        """Yield what one follow-up is expected to bring from a day on."""
        asked_on = self.invited_on or max(self.opens_on, on)
        if not self.reachable:
            yield max(asked_on, on), Load(calls=1)
            return
        if self.invited_on is None:
            yield asked_on, Load(invitations=1)
        reminded = sorted(
            (asked_on if rule.after == "invitation" else self.due_on) + timedelta(days=rule.days)
            for rule in self.point.reminders
            if not rule.is_notice
        )
        reminded = [day for day in reminded if asked_on < day <= self.closes_on]
        past = sum(day < on for day in reminded)
        # Who is known to be silent today is certain; from here on the share shrinks.
        now = silent_share(past - 1, len(reminded)) if self.invited_on else 1.0
        for number, day in enumerate(reminded[past:], start=past):
            yield day, Load(reminders=silent_share(number, len(reminded)) / now)
        last = max(reminded[-1:], default=asked_on)
        call_on = min(
            last + timedelta(days=self.call_after),
            max(
                asked_on + timedelta(days=1),
                self.closes_on - timedelta(days=CALL_BEFORE_CLOSING_DAYS),
            ),
        )
        certain = call_on <= on
        yield max(call_on, on), Load(calls=1.0 if certain else (1 - ANSWERED_BY_MAIL) / now)


def calendar(
    viewer: Viewer, register_code: str, *, on: date, unit_id: int | None = None
) -> Calendar:
    """Return the work expected at the viewer's units in the year from ``on``, in one query."""
    require(viewer, Permission.FOLLOW_UP, register_code)
    definition = definition_for(register_code)
    until = on + timedelta(days=DAYS_AHEAD)
    days: dict[tuple[int, date], Load] = defaultdict(Load)
    for unit, course, n in _courses(viewer, definition, on=on, unit_id=unit_id):
        for day, load in course.events(on):
            if day < until:
                held = days[unit, day]
                days[unit, day] = Load(
                    held.invitations + n * load.invitations,
                    held.reminders + n * load.reminders,
                    held.calls + n * load.calls,
                )
    return Calendar(on, dict(days))


def _courses(
    viewer: Viewer, definition: RegisterDefinition, *, on: date, unit_id: int | None
) -> Iterator[tuple[int, Course, int]]:
    """Follow-ups to be asked or waiting, alike ones together: (unit id, course, how many)."""
    asked = (
        follow_ups_for(viewer, definition.code)
        .filter(
            operation__cancelled_on__isnull=True,
            opens_on__lt=on + timedelta(days=DAYS_AHEAD),
            closes_on__gte=on,
        )
        .annotate(status=status_expression(on))
        .filter(status__in=[*WAITING, Status.TO_INVITE, Status.UPCOMING, Status.UNREACHABLE])
    )
    if unit_id is not None:
        asked = asked.filter(operation__unit_id=unit_id)
    patient = "operation__membership__patient__"
    rows = (
        asked.annotate(
            reachable=Case(
                When(
                    Q(invitation__unreachable_at__isnull=True)
                    & ~Q(**{f"{patient}preferred_channel": "telephone"})
                    & Q(**{f"{patient}identity__has_email": True})
                    & Q(**{f"{patient}identity__email_refused_at__isnull": True}),
                    then=Value(True),
                ),
                default=Value(False),
                output_field=BooleanField(),
            ),
            invited_on=TruncDate("invitation__invited_at"),
        )
        .order_by()
        .values_list(
            F("operation__unit_id"),
            "time_point",
            "opens_on",
            "due_on",
            "closes_on",
            "invited_on",
            "reachable",
        )
        # One patient's operations that open on the same day are asked together.
        .annotate(n=Count(Coalesce("invitation_id", -F("operation__membership_id")), distinct=True))
    )
    points = definition.time_points
    for unit, point, opens_on, due_on, closes_on, invited_on, reachable, n in rows:
        if point in points:
            course = Course(
                points[point],
                opens_on,
                due_on,
                closes_on,
                invited_on,
                reachable,
                definition.proms.call_after_days,
            )
            yield unit, course, n
