"""What waits: operations to register, results to record, registrations begun."""

from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from procedures.models import GoalOutcome, Operation, OperationDraft, TreatmentGoal
from procedures.selectors.reading import operations_for
from registry.accounts.permissions import Permission, Viewer
from registry.core import clock

RESULT_AFTER = timedelta(days=30)
"""When complications can be told: the longest limit in use is 30 days after the operation."""
GOALS_AFTER = timedelta(days=180)
"""When a goal that nobody has assessed is asked for."""
RESULT_UNTIL = timedelta(days=2 * 365)
"""Older operations are no longer asked for: what was not known then will not be known."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits, and for how many days."""

    operation: Operation | None
    draft: OperationDraft | None
    since: date
    days: int
    what: str

    @property
    def membership_id(self) -> int:
        """Whose it is."""
        held = self.operation if self.operation is not None else self.draft
        return held.membership_id


@dataclass(frozen=True, slots=True)
class Worklist:
    """What waits for the viewer, the longest waiting first; counts are of all, lists may be cut."""

    to_register: list[Waiting]
    to_register_count: int
    results: list[Waiting]
    results_count: int
    drafts: list[Waiting]

    @property
    def empty(self) -> bool:
        """Whether nothing waits."""
        return not (self.to_register_count or self.results_count or self.drafts)


def worklist(viewer: Viewer, register_code: str, *, on: date, most: int = 50) -> Worklist:
    """What waits for the viewer in a register on a day; each list holds at most ``most``."""
    mine = operations_for(viewer, register_code, permission=Permission.REGISTER)
    planned = mine.filter(
        planned_on__lte=on, performed_on__isnull=True, cancelled_on__isnull=True
    ).order_by("planned_on", "pk")
    missing = results_missing(mine, on=on)
    drafts = OperationDraft.objects.filter(
        author_id=viewer.user_id, membership__register_id=register_code
    ).select_related("unit", "operation", "membership__patient")
    return Worklist(
        to_register=[
            Waiting(o, None, o.planned_on, (on - o.planned_on).days, "register")
            for o in planned[:most]
        ],
        to_register_count=planned.count(),
        results=[
            Waiting(o, None, o.performed_on, (on - o.performed_on).days, "result")
            for o in missing.order_by("performed_on", "pk")[:most]
        ],
        results_count=missing.count(),
        drafts=[
            Waiting(None, draft, since, max((on - since).days, 0), "draft")
            for draft in drafts.order_by("updated_at")[:most]
            if viewer.may(Permission.REGISTER, register_code, draft.unit_id)
            for since in [clock.civil_date(draft.updated_at)]
        ],
    )


def results_missing(operations: QuerySet[Operation], *, on: date) -> QuerySet[Operation]:
    """Performed operations about which nobody has said whether there were complications, or
    whose goals nobody has assessed, when that can be known by now."""
    open_goal = TreatmentGoal.objects.filter(
        operation=OuterRef("pk"), outcome=GoalOutcome.NOT_ASSESSED
    )
    return operations.filter(
        Q(complications_assessed_on__isnull=True, performed_on__lte=on - RESULT_AFTER)
        | Q(Exists(open_goal), performed_on__lte=on - GOALS_AFTER),
        performed_on__gte=on - RESULT_UNTIL,
        cancelled_on__isnull=True,
    )
