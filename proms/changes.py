"""What another date of an operation does to its questionnaires, told before it is done.

The rules are those of ``proms.actions.move_schedules``: what was not sent moves with the date, what
was sent stays, and a preoperative form closes with the surgery.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.http import HttpRequest
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from procedures.models import Operation
from proms.models import FollowUp
from proms.schedule import Window, is_old_at_surgery, windows
from registry.core import clock
from registry.core.panels import Panel
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_of


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one time point, as a sentence; ``sent`` says that it was asked already."""

    time_point: str
    label: str
    sentence: str
    sent: bool


def schedule_changes(operation: Operation, new_date: date, *, on: date) -> list[Change]:
    """Return what moving an operation to ``new_date`` does on the day ``on``, in order of time."""
    return changes_of(
        definition_of(operation.definition),
        operation.group,
        FollowUp.objects.filter(operation=operation, censored_on__isnull=True),
        new_date,
        on=on,
    )


def changes_of(
    definition: RegisterDefinition,
    group: str,
    follow_ups: Iterable[FollowUp],
    new_date: date,
    *,
    on: date,
) -> list[Change]:
    """Return the same for follow-ups at hand; pure."""
    held = {one.time_point: one for one in follow_ups}
    return [
        Change(
            window.time_point,
            str(definition.time_points[window.time_point].labels),
            _sentence(definition, group, held[window.time_point], window, new_date, on=on),
            sent=_is_sent(held[window.time_point]),
        )
        for window in windows(definition, group, new_date)
        if window.time_point in held
    ]


def _is_sent(follow_up: FollowUp) -> bool:
    return follow_up.invitation_id is not None or follow_up.completed_on is not None


def _sentence(
    definition: RegisterDefinition,
    group: str,
    follow_up: FollowUp,
    window: Window,
    new_date: date,
    *,
    on: date,
) -> str:
    is_before = follow_up.time_point == "before"
    if follow_up.completed_on is not None:
        if is_before and is_old_at_surgery(
            definition, answered_on=follow_up.completed_on, performed_on=new_date, group=group
        ):
            days = (new_date - follow_up.completed_on).days
            return ngettext(
                "Answered already. The answers will be %(count)d day old at surgery: they count and"
                " are marked as old.",
                "Answered already. The answers will be %(count)d days old at surgery: they count"
                " and are marked as old.",
                days,
            ) % {"count": days}
        return _("Answered already. The answers stay.")
    if follow_up.invitation_id is not None:
        if not is_before:
            return _("Sent already. It stays as it is and can be answered until %(day)s.") % {
                "day": _day(follow_up.closes_on)
            }
        if window.closes_on < on:
            return _("Sent already. It can no longer be answered, as the surgery is in the past.")
        return _("Sent already. It can be answered until %(day)s.") % {
            "day": _day(window.closes_on)
        }
    if window.closes_on < on:
        return _("Not sent yet. Its time will have passed: nothing is sent.")
    if window.opens_on <= on:
        return _(
            "Not sent yet. It is sent with the next run and can be answered until %(day)s."
        ) % {"day": _day(window.closes_on)}
    if window.opens_on == follow_up.opens_on:
        return _("Not sent yet. Nothing changes.")
    return _("Not sent yet. It will be sent on %(new)s instead of %(old)s.") % {
        "new": _day(window.opens_on),
        "old": _day(follow_up.opens_on),
    }


def _day(day: date) -> str:
    return date_format(day, "SHORT_DATE_FORMAT")


def panel(
    _request: HttpRequest, *, operation: Operation, new_date: date, **_more: object
) -> Panel | None:
    """Show what a new date does, if something was sent already; else what is there just moves."""
    changes = schedule_changes(operation, new_date, on=clock.today())
    if not any(change.sent for change in changes):
        return None
    return Panel("proms/panels/schedule_changes.html", {"changes": changes, "new_date": new_date})
