"""Rules of following up that need no database."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from proms.models import CallOutcome
from registry.core import clock
from registry.core.choices import Side

DAYS_UNTIL_NEXT_CALL = {CallOutcome.NO_ANSWER: 1, CallOutcome.MESSAGE_LEFT: 3}
"""After a call in vain a patient is left in peace for so many days; 0 for other outcomes."""

CALL_BEFORE_CLOSING_DAYS = 3
"""So many days before a window closes a silent patient is called even if a reminder is to come."""

DAYS_FOR_A_LETTER = 21
"""So many days after a letter was printed a silent patient is called: the post takes its time."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where and when an operation was done, as far as a later one may replace its follow-up."""

    operation_id: int
    performed_on: date
    group: str
    side: str
    levels: tuple[str, ...]
    revises_id: int | None


def replaces(new: Site, old: Site) -> bool:
    """Say whether ``new`` ends the follow-up of ``old``: an operation again on the same place.

    It does when the surgeon says so, when both name levels and share one, or (without levels) when
    both are in the same group on the same side. Results after it are those of the new operation.
    """
    if new.performed_on <= old.performed_on:
        return False
    if new.revises_id == old.operation_id:
        return True
    if new.levels and old.levels:
        return not set(new.levels).isdisjoint(old.levels)
    return new.group == old.group and _same_side(new.side, old.side)


def _same_side(one: str, other: str) -> bool:
    return bool(one and other) and (one == other or Side.BOTH in (one, other))


NEW_LINKS_A_DAY = 3
"""So many new links a patient may ask for within 24 hours, for each invitation."""


def counts_as_begun(*, opened_on: date | None, closes_on: date, on: date) -> bool:
    """Whether a first answer given on a day belongs to a form that was begun in time.

    On the day after closing it does, if the form had been opened with the birth date before: it
    was on the screen at midnight, and what is being typed is not lost. (A browser that was let in
    is asked for the birth date again after some hours.)
    """
    return opened_on is not None and opened_on <= closes_on and on == closes_on + timedelta(days=1)


def last_day_to_answer(*, closes_on: date, started: bool, days_to_finish: int) -> date:
    """Return the last day of a form: one begun before closing may be finished a while longer."""
    return closes_on + timedelta(days=days_to_finish if started else 0)


def why_not_answerable(
    *,
    submitted: bool,
    declined: bool,
    started: bool,
    closes_on: date,
    asks_something: bool,
    on: date,
    days_to_finish: int,
) -> str:
    """Return why a form may not be answered on a day, "" when it may.

    A form begun before closing may be finished for ``days_to_finish`` more days.
    """
    if submitted:
        return _("The answers have been sent already.")
    if declined:
        return _("You have told us that you do not want to answer.")
    if not asks_something:
        return _("These questions are no longer asked.")
    if on > last_day_to_answer(closes_on=closes_on, started=started, days_to_finish=days_to_finish):
        return _("The time for answering has passed.")
    return ""


def why_no_call_back(call_back_at: datetime | None, *, now: datetime, last_day: date) -> str:
    """Return why a patient may not be called back at that moment, "" when they may.

    ``last_day``: the last day on which the form may be started.
    """
    if call_back_at is None:
        return _("Say on which day and at what time to call back.")
    if call_back_at <= now:
        return _("The time to call back has passed already.")
    if clock.civil_date(call_back_at) > last_day:
        return _("The time for answering ends before that day.")
    return ""


def why_not_answered_on(day: date, *, opens_on: date, last_day: date, on: date) -> str:
    """Return why a patient cannot have answered on a day, "" when that may be; ``on`` is today."""
    if day > on:
        return _("The date lies in the future. Check it.")
    if day < opens_on:
        return _("The questions were not open before %(day)s. Check the date.") % {
            "day": date_format(opens_on, "SHORT_DATE_FORMAT")
        }
    if day > last_day:
        return _("The time for answering ended on %(day)s. Check the date.") % {
            "day": date_format(last_day, "SHORT_DATE_FORMAT")
        }
    return ""
