"""The status of a follow-up on a day: computed from its dates, never stored.

One list of rules is read twice: by ``status_on`` in Python and by ``status_expression`` in the
database. The first rule that holds names the status. An event counts from the day on which it
happened, so the status of any past day can be told.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from typing import Protocol

from django.db.models import Case, CharField, Q, Value, When
from django.db.models import TextChoices as Choices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from proms.models import CensorReason, FollowUp
from registry.core import clock

# A form started in time may be finished for so long after the window has closed.
DAYS_TO_FINISH = 30


class Status(Choices):
    """What a follow-up is on a day."""

    COMPLETED = "completed", _("Answered")
    NOT_APPLICABLE = "not_applicable", _("Not applicable")
    CENSORED = "censored", _("No longer asked")
    DECLINED = "declined", _("Declined")
    STARTED = "started", _("Started, not sent")
    MISSED = "missed", _("Not answered")
    UPCOMING = "upcoming", _("Not yet open")
    UNREACHABLE = "unreachable", _("Cannot be reached by e-mail")
    LETTER = "letter", _("Letter sent")
    OPENED = "opened", _("Link opened")
    REMINDED = "reminded", _("Reminded")
    INVITED = "invited", _("Invited")
    TO_INVITE = "to_invite", _("To be invited")


WAITING = frozenset({Status.STARTED, Status.LETTER, Status.OPENED, Status.REMINDED, Status.INVITED})
"""Asked, and the answer is awaited."""

NOT_EXPECTED = frozenset({Status.CENSORED, Status.NOT_APPLICABLE})
"""No answer is expected: outside every denominator, with a reason."""

CENSOR_LABELS = {
    CensorReason.DEATH: _("died"),
    CensorReason.EMIGRATION: _("moved abroad"),
    CensorReason.OPT_OUT: _("does not take part"),
    CensorReason.REVISION: _("operated again"),
    CensorReason.CANCELLED: _("operation cancelled"),
    CensorReason.NO_FORM: _("there are no questions for this age"),
}


@dataclass(frozen=True, slots=True)
class Dates:
    """Everything that decides a status. Dates are civil dates, moments timezone-aware."""

    opens_on: date
    closes_on: date
    completed_on: date | None = None
    censored_on: date | None = None
    censor_reason: str = ""
    invited_at: datetime | None = None
    letter_printed_at: datetime | None = None
    reminded_at: datetime | None = None
    opened_at: datetime | None = None
    started_at: datetime | None = None
    declined_at: datetime | None = None
    unreachable_at: datetime | None = None

    @classmethod
    def of(cls, follow_up: FollowUp) -> "Dates":
        """Read them from a follow-up (its invitation should be selected with it)."""
        invitation = follow_up.invitation
        return cls(
            **{
                name: getattr(follow_up if name in _OWN else invitation, name, None)
                for name in _NAMES
            }
        )


_OWN = frozenset({"opens_on", "closes_on", "completed_on", "censored_on", "censor_reason"})
_NAMES = tuple(field.name for field in fields(Dates))


class Condition(Protocol):
    """A rule's condition, in Python and in the database."""

    def holds(self, dates: Dates, on: date) -> bool:
        """Say whether it holds on a day."""

    def query(self, on: date, path: str) -> Q:
        """Return the same as a condition of the database; ``path`` leads to the follow-up."""


@dataclass(frozen=True, slots=True)
class Happened:
    """The event of this name lies on or before the day."""

    name: str

    def holds(self, dates: Dates, on: date) -> bool:
        """See Condition."""
        value = getattr(dates, self.name)
        if value is None:
            return False
        return value <= on if self.name in _OWN else value < end_of_day(on)

    def query(self, on: date, path: str) -> Q:
        """See Condition."""
        if self.name in _OWN:
            return Q(**{f"{path}{self.name}__lte": on})
        return Q(**{f"{path}invitation__{self.name}__lt": end_of_day(on)})


@dataclass(frozen=True, slots=True)
class Passed:
    """More than ``days`` have passed since the date of this name."""

    name: str
    days: int = 0

    def holds(self, dates: Dates, on: date) -> bool:
        """See Condition."""
        return getattr(dates, self.name) < on - timedelta(days=self.days)

    def query(self, on: date, path: str) -> Q:
        """See Condition."""
        return Q(**{f"{path}{self.name}__lt": on - timedelta(days=self.days)})


@dataclass(frozen=True, slots=True)
class Not:
    """The condition does not hold. Only for conditions on dates that are never empty."""

    condition: Passed

    def holds(self, dates: Dates, on: date) -> bool:
        """See Condition."""
        return not self.condition.holds(dates, on)

    def query(self, on: date, path: str) -> Q:
        """See Condition."""
        return ~self.condition.query(on, path)


@dataclass(frozen=True, slots=True)
class Because:
    """Follow-up ended for this reason. Stands beside a condition on the day."""

    reason: CensorReason

    def holds(self, dates: Dates, _on: date) -> bool:
        """See Condition."""
        return dates.censor_reason == self.reason

    def query(self, _on: date, path: str) -> Q:
        """See Condition."""
        return Q(**{f"{path}censor_reason": self.reason})


RULES: tuple[tuple[Status, tuple[Condition, ...]], ...] = (
    (Status.COMPLETED, (Happened("completed_on"),)),
    (Status.NOT_APPLICABLE, (Happened("censored_on"), Because(CensorReason.NO_FORM))),
    (Status.CENSORED, (Happened("censored_on"),)),
    (Status.DECLINED, (Happened("declined_at"),)),
    (Status.STARTED, (Happened("started_at"), Not(Passed("closes_on", DAYS_TO_FINISH)))),
    (Status.MISSED, (Passed("closes_on"),)),
    (Status.LETTER, (Happened("letter_printed_at"),)),
    (Status.UNREACHABLE, (Happened("unreachable_at"),)),
    (Status.OPENED, (Happened("opened_at"),)),
    (Status.REMINDED, (Happened("reminded_at"),)),
    (Status.INVITED, (Happened("invited_at"),)),
    (Status.TO_INVITE, (Happened("opens_on"),)),
)
OTHERWISE = Status.UPCOMING


def status_on(dates: Dates, on: date) -> Status:
    """Return the status on a day."""
    for status, conditions in RULES:
        if all(condition.holds(dates, on) for condition in conditions):
            return status
    return OTHERWISE


def since(follow_up: FollowUp, status: Status) -> date:
    """Return the day of what names the status: of the event, of closing, else of opening."""
    dates = Dates.of(follow_up)
    conditions = next((rule for named, rule in RULES if named == status), ())
    value = getattr(dates, conditions[0].name) if conditions else dates.opens_on
    return clock.civil_date(value) if isinstance(value, datetime) else value


def status_expression(on: date, *, path: str = "") -> Case:
    """Return the status on a day as an expression of the database.

    ``path`` leads from the queried model to the follow-up, such as ``follow_ups__``.
    """
    return Case(
        *(
            When(_all(conditions, on, path), then=Value(status.value))
            for status, conditions in RULES
        ),
        default=Value(OTHERWISE.value),
        output_field=CharField(max_length=14),
    )


def end_of_day(on: date) -> datetime:
    """Return the moment at which the civil day ends in the registry's time zone."""
    return timezone.make_aware(datetime.combine(on + timedelta(days=1), time.min))


def _all(conditions: Iterable[Condition], on: date, path: str) -> Q:
    whole = Q()
    for condition in conditions:
        whole &= condition.query(on, path)
    return whole
