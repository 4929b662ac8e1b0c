"""When an operation's patient is asked: windows from the register's time points and one date.

Pure: the same definition, group and date give the same windows. What is done with them is in
``proms.actions``.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from registry.registers.schema import RegisterDefinition


@dataclass(frozen=True, slots=True)
class Offset:
    """A time point as days from the operation's date."""

    time_point: str
    opens: int
    due: int
    closes: int


@dataclass(frozen=True, slots=True)
class Window:
    """A time point as civil dates.

    ``opens_on``: the day the invitation goes out; ``due_on``: when the answer is wanted;
    ``closes_on``: the last day on which a form may be started.
    """

    time_point: str
    opens_on: date
    due_on: date
    closes_on: date

    def holds(self, on: date) -> bool:
        """Say whether a form may be started on that day."""
        return self.opens_on <= on <= self.closes_on


def offsets(definition: RegisterDefinition, group: str) -> tuple[Offset, ...]:
    """Return the time points at which ``group`` is asked, in order of time.

    Empty for a group that is asked nothing. The same for every operation of the group, so bulk
    work adds days to a column of dates.
    """
    return tuple(
        Offset(point.key, point.opens, point.due, point.closes)
        for point in definition.time_points_for(group)
    )


def windows(definition: RegisterDefinition, group: str, anchor: date) -> tuple[Window, ...]:
    """Return the windows of an operation of ``group`` on ``anchor``, in order of time."""
    return tuple(
        Window(
            offset.time_point,
            anchor + timedelta(days=offset.opens),
            anchor + timedelta(days=offset.due),
            anchor + timedelta(days=offset.closes),
        )
        for offset in offsets(definition, group)
    )


def is_old_at_surgery(
    definition: RegisterDefinition, *, answered_on: date, performed_on: date, group: str = ""
) -> bool:
    """Say whether a preoperative form was older at surgery than the register's grace.

    It counts all the same and is marked.
    """
    before = definition.time_points["before"]
    grace = before.for_group(group).grace_days
    return grace is not None and (performed_on - answered_on).days > grace
