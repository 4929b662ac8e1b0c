"""A stored operation as somebody would state it."""

from procedures.entries import ComplicationEntry, GoalEntry, ImplantEntry, OperationEntry
from procedures.models import Operation


def entry_of(operation: Operation) -> OperationEntry:
    """The operation as somebody would state it now; to be changed and stated again."""
    complications = None
    if operation.complications_assessed_on is not None:
        complications = tuple(
            ComplicationEntry(c.kind, c.occurred_on)
            for c in operation.complications.order_by("kind")
        )
    return OperationEntry(
        group=operation.group,
        planned_on=operation.planned_on,
        performed_on=operation.performed_on,
        diagnosis=operation.diagnosis,
        side=operation.side,
        levels=tuple(operation.levels),
        procedures=tuple(
            (p.procedure_type, p.code) for p in operation.procedures.order_by("position")
        ),
        details=dict(operation.details),
        complications=complications,
        complications_assessed_on=operation.complications_assessed_on,
        implants=tuple(
            ImplantEntry(i.kind, i.name) for i in operation.implants.order_by("kind", "pk")
        ),
        goals=tuple(
            GoalEntry(g.goal, g.outcome, g.assessed_on) for g in operation.goals.order_by("goal")
        ),
    )
