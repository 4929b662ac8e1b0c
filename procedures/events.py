"""What this app announces to those above, inside the transaction of the change.

``on`` is always the civil date on which the change was made, as the edge read it from the clock.
Set forms (``OperationsRegistered``) stand for many changes of one kind; a subscriber answers them
with a statement over the set, not with a loop.
"""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class OperationPlanned:
    """An operation has been planned for ``planned_on``; its follow-ups can be scheduled."""

    operation_id: int
    membership_id: int
    register_code: str
    planned_on: date
    on: date


@dataclass(frozen=True, slots=True)
class OperationPerformed:
    """An operation was performed: a planned one (``planned_on``), or one registered at once (None).

    Its group and unit may differ from what was planned.
    """

    operation_id: int
    membership_id: int
    register_code: str
    performed_on: date
    planned_on: date | None
    on: date


@dataclass(frozen=True, slots=True)
class OperationRescheduled:
    """A planned operation has another planned date."""

    operation_id: int
    membership_id: int
    register_code: str
    old: date
    new: date
    on: date


@dataclass(frozen=True, slots=True)
class OperationCancelled:
    """A planned operation will not be performed."""

    operation_id: int
    membership_id: int
    register_code: str
    cancelled_on: date
    on: date


@dataclass(frozen=True, slots=True)
class OperationWithdrawn:
    """An operation was registered as performed by mistake, such as on the wrong patient.

    ``performed_on`` is the date it had. ``answers_confirmed``: whoever withdraws knows that the
    patient has answered questionnaires about it. A subscriber that holds answers raises
    RuleBroken under ``answers_confirmed`` otherwise, which undoes the withdrawal.
    """

    operation_id: int
    membership_id: int
    register_code: str
    performed_on: date
    answers_confirmed: bool
    on: date


@dataclass(frozen=True, slots=True)
class OperationRevised:
    """An operation has been operated on again: its schedule ends on ``revised_on``."""

    operation_id: int
    revised_by_id: int
    revised_on: date
    on: date


@dataclass(frozen=True, slots=True)
class RevisionWithdrawn:
    """A correction says that ``operation_id`` was not revised by ``revised_by_id`` after all."""

    operation_id: int
    revised_by_id: int
    on: date


@dataclass(frozen=True, slots=True)
class OperationCorrected:
    """A registration was corrected. ``changed`` names the columns and parts that differ.

    ``old_date`` and ``new_date`` are the dates that count (performed, else planned);
    ``old_group`` lets a subscriber see that another schedule holds now.
    """

    operation_id: int
    membership_id: int
    register_code: str
    changed: frozenset[str]
    old_date: date
    new_date: date
    old_group: str
    on: date


@dataclass(frozen=True, slots=True)
class OperationsRegistered:
    """Many operations of one register were written at once, planned and performed ones.

    Revisions among them are told by ``revised``: (earlier operation, later one, its date).
    """

    register_code: str
    operation_ids: tuple[int, ...]
    revised: tuple[tuple[int, int, date], ...]
    on: date


EVENTS = (
    OperationPlanned,
    OperationPerformed,
    OperationRescheduled,
    OperationCancelled,
    OperationWithdrawn,
    OperationRevised,
    RevisionWithdrawn,
    OperationCorrected,
    OperationsRegistered,
)
