"""Rules of time and state: when an operation may be planned, performed, cancelled, corrected.

Pure functions of what is known. Each answers with a Verdict: true when it may be done, else false
with the reason in the active language. Who may do it at all is decided by registry.accounts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from procedures.models import OperationState

PLAN_HORIZON = timedelta(days=730)
"""How far ahead an operation may be planned. Waiting lists in the Nordic countries are shorter."""
MINIMUM_REASON = 3
"""Characters of a typed reason that can mean something."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something may be done; when not, why."""

    reason: str = ""

    def __bool__(self) -> bool:
        """True when it may be done."""
        return not self.reason


ALLOWED = Verdict()


@dataclass(frozen=True, slots=True)
class Lifetime:
    """The civil dates between which a person can be operated on."""

    born: date
    died: date | None = None


def may_be_planned_on(planned_on: date, *, on: date, life: Lifetime) -> Verdict:
    """An operation is planned for today or later, within the horizon, for somebody alive."""
    if planned_on < on:
        return Verdict(
            _("The planned date has passed. Register the operation as performed instead.")
        )
    if planned_on > on + PLAN_HORIZON:
        return Verdict(
            _("The planned date is more than two years ahead (after %(date)s). Check the year.")
            % {"date": _written(on + PLAN_HORIZON)}
        )
    return _within_life(planned_on, life)


def may_be_performed_on(performed_on: date, *, on: date, life: Lifetime) -> Verdict:
    """An operation was performed today or earlier, within the patient's life."""
    if performed_on > on:
        return Verdict(
            _(
                "The date of operation lies in the future (after %(date)s). "
                "Plan the operation instead."
            )
            % {"date": _written(on)}
        )
    return _within_life(performed_on, life)


def may_register(*, opted_out_on: date | None, on: date) -> Verdict:
    """Nothing new is registered about a person who has opted out of the register."""
    if opted_out_on is not None and opted_out_on <= on:
        return Verdict(
            _("The patient opted out of the register on %(date)s. Nothing more may be registered.")
            % {"date": _written(opted_out_on)}
        )
    return ALLOWED


def may_perform(state: str) -> Verdict:
    """Only a planned operation can be registered as performed."""
    match state:
        case OperationState.PERFORMED:
            return Verdict(
                _("The operation is already registered as performed. Correct it instead.")
            )
        case OperationState.CANCELLED:
            return Verdict(
                _("The operation was cancelled. Register the performed operation as a new one.")
            )
        case OperationState.WITHDRAWN:
            return Verdict(_("The operation was withdrawn and can no longer be changed."))
    return ALLOWED


def may_reschedule(state: str) -> Verdict:
    """Only a planned operation can get another planned date."""
    match state:
        case OperationState.PERFORMED:
            return Verdict(_("The operation has been performed and cannot get a new planned date."))
        case OperationState.CANCELLED:
            return Verdict(_("The operation was cancelled. Plan a new one."))
        case OperationState.WITHDRAWN:
            return Verdict(_("The operation was withdrawn and can no longer be changed."))
    return ALLOWED


def may_cancel(state: str) -> Verdict:
    """Only a planned operation can be cancelled."""
    match state:
        case OperationState.PERFORMED:
            return Verdict(_("The operation has been performed and cannot be cancelled."))
        case OperationState.CANCELLED:
            return Verdict(_("The operation is cancelled already."))
        case OperationState.WITHDRAWN:
            return Verdict(_("The operation was withdrawn and can no longer be changed."))
    return ALLOWED


def may_correct(state: str) -> Verdict:
    """A cancelled or withdrawn operation stays as it was; others can be corrected."""
    match state:
        case OperationState.CANCELLED:
            return Verdict(_("The operation was cancelled and can no longer be changed."))
        case OperationState.WITHDRAWN:
            return Verdict(_("The operation was withdrawn and can no longer be changed."))
    return ALLOWED


def may_withdraw(state: str, *, revised_on: date | None = None) -> Verdict:
    """Only what was registered as performed is withdrawn, unless a later operation revises it."""
    if state == OperationState.WITHDRAWN:
        return Verdict(_("The operation is withdrawn already."))
    if state != OperationState.PERFORMED:
        return Verdict(_("Only performed operations are withdrawn. Cancel the planned one."))
    if revised_on is not None:
        return Verdict(
            _(
                "The operation on %(date)s says that it revises this one. "
                "Correct or withdraw that one first."
            )
            % _date(revised_on)
        )
    return ALLOWED


def may_record_result(state: str) -> Verdict:
    """Complications, goals and results belong to an operation that was performed."""
    if state != OperationState.PERFORMED:
        return Verdict(
            _("Results are recorded for performed operations. Register it as performed first.")
        )
    return ALLOWED


def reason_is_given(reason: str, *, most: int = 500) -> Verdict:
    """What cannot be undone asks for a reason in words, of at most ``most`` characters."""
    if len(reason.strip()) < MINIMUM_REASON:
        return Verdict(_("Write the reason, so that others can understand it later."))
    if len(reason.strip()) > most:
        return Verdict(
            _("The reason has %(length)d characters; at most %(most)d are allowed.")
            % {"length": len(reason.strip()), "most": most}
        )
    return ALLOWED


def is_only_session(day: date, *, taken: Collection[date]) -> Verdict:
    """One session at one unit on one date; ``taken`` are the days of the patient's others there."""
    if day in taken:
        return Verdict(
            _(
                "This patient already has an operation at this unit on %(date)s. "
                "Several procedures on one day are one operation: open that one."
            )
            % {"date": _written(day)}
        )
    return ALLOWED


def may_revise(
    *, earlier_membership: int, membership: int, earlier_performed: date | None, day: date
) -> Verdict:
    """An operation revises an earlier performed one of the same patient in the same register."""
    if earlier_membership != membership:
        return Verdict(_("The earlier operation is another patient's."))
    if earlier_performed is None:
        return Verdict(_("The earlier operation was not performed, so it cannot be revised."))
    if earlier_performed > day:
        return Verdict(
            _("The earlier operation was performed later than this one, on %(date)s.")
            % {"date": _written(earlier_performed)}
        )
    return ALLOWED


def may_occur_on(
    occurred_on: date,
    *,
    performed_on: date,
    on: date,
    died: date | None,
    during: bool,
    within_days: int | None,
) -> Verdict:
    """A complication occurs during the operation, or after it and within its time limit."""
    if during and occurred_on != performed_on:
        return Verdict(
            _("This complication occurs during the operation, on %(date)s.")
            % {"date": _written(performed_on)}
        )
    verdict = may_be_assessed_on(occurred_on, performed_on=performed_on, on=on)
    if not verdict:
        return verdict
    if within_days is not None and occurred_on > performed_on + timedelta(days=within_days):
        return Verdict(
            _("This complication counts within %(days)d days of the operation, until %(date)s.")
            % {
                "days": within_days,
                "date": _written(performed_on + timedelta(days=within_days)),
            }
        )
    if died is not None and occurred_on > died:
        return Verdict(_("The date is after the patient's death on %(date)s.") % _date(died))
    return ALLOWED


def may_be_assessed_on(assessed_on: date, *, performed_on: date, on: date) -> Verdict:
    """A result is assessed between the operation and today."""
    if assessed_on < performed_on:
        return Verdict(_("The date is before the operation on %(date)s.") % _date(performed_on))
    if assessed_on > on:
        return Verdict(_("The date is in the future (after %(date)s).") % _date(on))
    return ALLOWED


def _within_life(day: date, life: Lifetime) -> Verdict:
    if day < life.born:
        return Verdict(_("The date is before the patient's birth on %(date)s.") % _date(life.born))
    if life.died is not None and day > life.died:
        return Verdict(_("The date is after the patient's death on %(date)s.") % _date(life.died))
    return ALLOWED


def _written(day: date) -> str:
    return date_format(day, "SHORT_DATE_FORMAT")


def _date(day: date) -> dict[str, str]:
    return {"date": _written(day)}
