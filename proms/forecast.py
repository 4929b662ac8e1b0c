"""What following up will ask of a register's staff in the next twelve months.

Counted from what is registered: operations to come will add to it. Invitations are certain as far
as anything is; how many patients will still be silent when a reminder or a call is due is assumed:

- *published*: automatic mail alone is answered by 53 % at a year, so 47 % are silent at the end;
- *assumed*: those answers come in equal parts after the invitation and after each reminder, and
  as many answer a letter.

Each goes by the channel that reaches the patient (patients.reach), reminders by that of their rule
where it does. A patient whom no message reaches gets a letter or a call at once: a letter who wants
one or has no telephone number. Whoever has a number is called when the letter goes unanswered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import F

from patients.reach import Reach, age_sql, reach_sql, sms_available
from proms.plans import answerer_at
from proms.policies import CALL_BEFORE_CLOSING_DAYS, DAYS_FOR_A_LETTER
from proms.selectors import follow_ups_for
from proms.selectors.telephone import as_sql
from proms.status import WAITING, Status, status_expression
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import require
from registry.core.choices import ContactChannel
from registry.registers.schema import RegisterDefinition, TimePoint
from registry.registers.selectors import definition_for

ANSWERED_BY_MAIL = 0.53
"""Share that answers mail without anybody calling, at a year. Published."""


def year_after(on: date) -> date:
    """Return the first day after the year that begins on a day."""
    is_leap_day = (on.month, on.day) == (2, 29)
    return on.replace(year=on.year + 1, day=28 if is_leap_day else on.day)


@dataclass(frozen=True, slots=True)
class Load:
    """Work of some days: numbers expected, by what is sent and by channel.

    ``invitations`` and ``reminders`` go by themselves, as ``emails`` or ``texts``; letters and
    calls are made by people. Reminders and calls are not whole numbers.
    """

    invitations: float = 0.0
    reminders: float = 0.0
    emails: float = 0.0
    texts: float = 0.0
    letters: float = 0.0
    calls: float = 0.0

    def plus(self, other: Load, times: float = 1) -> Load:
        """Return the work of both, the other one counted so many times."""
        return Load(
            **{
                one.name: getattr(self, one.name) + times * getattr(other, one.name)
                for one in fields(self)
            }
        )


@dataclass(frozen=True, slots=True)
class Calendar:
    """The expected work by (unit id, day), from ``on`` for a year."""

    on: date
    days: Mapping[tuple[int, date], Load]

    def by(self, period: Callable[[date], date]) -> dict[date, dict[int, Load]]:
        """Return the work by the first day of a period (``month_of``, ``week_of``) and unit.

        Twelve months, or 52 or 53 weeks, in order, the present one first. The last days of the
        year may lie in one more, which would be shown only in part: they are left out.
        """
        end = year_after(self.on)
        periods: dict[date, dict[int, Load]] = {
            period(self.on + timedelta(days=number)): {} for number in range((end - self.on).days)
        }
        periods.pop(period(end), None)
        for (unit, day), load in self.days.items():
            if (held := periods.get(period(day))) is not None:
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
    """Some follow-ups alike, from their invitation (``invited_on``: already sent) to the call.

    ``channel``: how the patients are reached; ``others`` what else works, for reminders whose rule
    names it and for a call after a letter. ``letter_on``: when one was printed, if it was.
    """

    point: TimePoint
    opens_on: date
    due_on: date
    closes_on: date
    invited_on: date | None
    letter_on: date | None
    channel: ContactChannel
    others: frozenset[str]
    call_after: int

    def events(self, on: date) -> Iterator[tuple[date, Load]]:
        """Yield what one follow-up is expected to bring from a day on."""
        asked_on = self.invited_on or max(self.opens_on, on)
        if self.channel == ContactChannel.LETTER or self.letter_on:
            yield from self._by_letter(asked_on, on)
            return
        if self.channel == ContactChannel.TELEPHONE:
            yield max(asked_on, on), Load(calls=1)
            return
        if self.invited_on is None:
            yield asked_on, Load(invitations=1, **{_COUNTED[self.channel]: 1})
        reminded = sorted(
            (
                (asked_on if rule.after == "invitation" else self.due_on)
                + timedelta(days=rule.days),
                rule.channel if rule.channel in {"letter", *self.others} else self.channel,
            )
            for rule in self.point.reminders
            if not rule.is_notice
        )
        reminded = [one for one in reminded if asked_on < one[0] <= self.closes_on]
        past = sum(day < on for day, _channel in reminded)
        # Who is known to be silent today is certain; from here on the share shrinks.
        now = silent_share(past - 1, len(reminded)) if self.invited_on else 1.0
        for number, (day, channel) in enumerate(reminded[past:], start=past):
            silent = silent_share(number, len(reminded)) / now
            if channel == ContactChannel.LETTER:
                yield day, Load(letters=silent)
            else:
                yield day, Load(reminders=silent, **{_COUNTED[channel]: silent})
        last = reminded[-1][0] if reminded else asked_on
        call_on = self._call_on(last + timedelta(days=self.call_after), asked_on)
        certain = call_on <= on
        yield max(call_on, on), Load(calls=1.0 if certain else (1 - ANSWERED_BY_MAIL) / now)

    def _by_letter(self, asked_on: date, on: date) -> Iterator[tuple[date, Load]]:
        """A letter, unless one was printed; then a call, if a number is known."""
        letter_on = self.letter_on or max(asked_on, on)
        if self.letter_on is None:
            yield letter_on, Load(letters=1)
        if ContactChannel.TELEPHONE in self.others:
            call_on = self._call_on(letter_on + timedelta(days=DAYS_FOR_A_LETTER), letter_on)
            yield max(call_on, on), Load(calls=1.0 if call_on <= on else 1 - ANSWERED_BY_MAIL)

    def _call_on(self, wanted: date, asked_on: date) -> date:
        """The day wanted for a call, but some days before closing, and never with the message."""
        before_closing = self.closes_on - timedelta(days=CALL_BEFORE_CLOSING_DAYS)
        return min(wanted, max(asked_on + timedelta(days=1), before_closing))


_COUNTED = {"email": "emails", "sms": "texts"}


def calendar(
    viewer: Viewer, register_code: str, *, on: date, unit_id: int | None = None
) -> Calendar:
    """Return the work expected at the viewer's units in the year from ``on``, in one query."""
    require(viewer, Permission.FOLLOW_UP, register_code)
    definition = definition_for(register_code)
    until = year_after(on)
    days: dict[tuple[int, date], Load] = defaultdict(Load)
    for unit, course, n in _courses(viewer, definition, on=on, unit_id=unit_id):
        for day, load in course.events(on):
            if day < until:
                days[unit, day] = days[unit, day].plus(load, n)
    return Calendar(on, dict(days))


# One patient's operations that open on the same day are asked together. A follow-up is reached as
# on the day it opens; ``message``: whether one may be sent, for what is asked already.
_COURSES = """
    WITH asked AS ({asked}),
    alone AS (
        SELECT * FROM unnest(%(groups)s::text[], %(points)s::text[], %(ages)s::text[])
            AS a ("group", time_point, ages)
    )
    SELECT asked.unit_id, asked."group", asked.time_point, asked.opens_on, asked.due_on,
           asked.closes_on, (asked.invited_at AT TIME ZONE %(zone)s)::date AS invited_on,
           {reach} AS reach, asked.unreachable_at IS NOT NULL AS unreachable,
           (asked.letter_printed_at AT TIME ZONE %(zone)s)::date AS letter_on,
           {email} AS email, {sms} AS sms, {telephone} AS telephone,
           count(DISTINCT COALESCE(asked.invitation_id, -asked.membership_id)) AS n
    FROM asked
    JOIN patients_membership m ON m.id = asked.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN patients_patientidentity identity ON identity.patient_id = p.id
    LEFT JOIN alone ON alone."group" = asked."group" AND alone.time_point = asked.time_point
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13
"""


def _courses(
    viewer: Viewer, definition: RegisterDefinition, *, on: date, unit_id: int | None
) -> Iterator[tuple[int, Course, int]]:
    """Follow-ups to be asked or waiting, alike ones together: (unit id, course, how many)."""
    asked = (
        follow_ups_for(viewer, definition.code)
        .filter(
            operation__cancelled_on__isnull=True,
            opens_on__lt=year_after(on),
            closes_on__gte=on,
        )
        .annotate(status=status_expression(on))
        .filter(status__in=[*WAITING, Status.TO_INVITE, Status.UPCOMING, Status.UNREACHABLE])
    )
    if unit_id is not None:
        asked = asked.filter(operation__unit_id=unit_id)
    sql, parameters = as_sql(
        asked.order_by().values(
            "invitation_id",
            "time_point",
            "opens_on",
            "due_on",
            "closes_on",
            unit_id=F("operation__unit_id"),
            group=F("operation__group"),
            membership_id=F("operation__membership_id"),
            invited_at=F("invitation__invited_at"),
            unreachable_at=F("invitation__unreachable_at"),
            letter_printed_at=F("invitation__letter_printed_at"),
        )
    )
    day = "GREATEST(asked.opens_on, %(on)s)"
    answerer = (
        f"CASE WHEN {age_sql(on=day)} = ANY(alone.ages::int[]) THEN 'guardian' ELSE 'both' END"
    )
    told = {"on": day, "guardian_until": "%(guardian_until)s", "answerer": answerer}
    # What works for whoever is asked; a rule's own channel comes first, as for a reminder.
    reach = reach_sql(**told, sms="%(sms)s")
    works = {
        name: f"{reach_sql(**told, sms='%(sms)s', first=name)} LIKE '%%.{name}'"
        for name in (*_COUNTED, "telephone")
    }
    with connection.cursor() as cursor:
        cursor.execute(
            _COURSES.format(asked=sql, reach=reach, **works),
            parameters
            | _alone(definition)
            | {
                "on": on,
                "zone": settings.TIME_ZONE,
                "guardian_until": definition.patients.guardian_until,
                "sms": sms_available(),
            },
        )
        rows = cursor.fetchall()
    points = definition.time_points
    for unit, group, key, opens_on, due_on, closes_on, invited_on, code, unreachable, *more in rows:
        if key in points:
            letter_on, email, sms, telephone, n = more
            reached_by = {"email": email, "sms": sms, "telephone": telephone}
            course = Course(
                points[key].for_group(group),
                opens_on,
                due_on,
                closes_on,
                invited_on,
                letter_on,
                _channel(Reach.from_code(code), unreachable=unreachable and letter_on is None),
                frozenset(name for name, reached in reached_by.items() if reached),
                definition.proms.call_after_days,
            )
            yield unit, course, n


def _alone(definition: RegisterDefinition) -> dict[str, list[str]]:
    """At which ages a guardian alone answers what a group is asked at a time point."""
    asked = [
        (group, point.key, age)
        for group in definition.groups
        for point in definition.time_points_for(group)
        for age in range(definition.patients.guardian_until)
        if answerer_at(definition, group, point.key, age=age) == "guardian"
    ]
    ages: dict[tuple[str, str], list[int]] = defaultdict(list)
    for group, point, age in asked:
        ages[group, point].append(age)
    return {
        "groups": [group for group, _point in ages],
        "points": [point for _group, point in ages],
        "ages": [f"{{{','.join(map(str, held))}}}" for held in ages.values()],
    }


def _channel(way: Reach, *, unreachable: bool) -> ContactChannel:
    """How a patient is asked: whom a message did not reach, or none could, by letter or call."""
    if way.channel is None:
        return ContactChannel.LETTER
    if unreachable and way.channel in _COUNTED:
        return ContactChannel.TELEPHONE
    return way.channel
