"""What follows from changes to the patient: stored regions and stale slices."""

from datetime import date

from django.db import transaction
from django.db.models import Q

from patients.selectors import region_ids_on
from procedures.models import Operation
from registry.registers.actions import mark_slices_stale


@transaction.atomic
def follow_move(*, patient_id: int, since: date) -> None:
    """Give the patient's operations from ``since`` on the region of residence now on record.

    Earlier ones that have no region get one too: before the first residence it is the first.
    """
    operations = list(
        Operation.objects.filter(
            Q(scheduled_on__gte=since) | Q(residence_region__isnull=True),
            membership__patient_id=patient_id,
        ).select_for_update(no_key=True, of=("self",))
    )
    regions = region_ids_on((patient_id, operation.counts_on) for operation in operations)
    moved = []
    for operation in operations:
        region_id = regions.get((patient_id, operation.counts_on))
        if region_id != operation.residence_region_id:
            operation.residence_region_id = region_id
            operation.save(update_fields=["residence_region", "updated_at"])
            moved.append(operation)
    _mark(moved)


@transaction.atomic
def follow_correction(*, patient_id: int) -> None:
    """Mark the slices of a patient's operations: age or sex, on which figures depend, changed."""
    _mark(list(Operation.objects.filter(membership__patient_id=patient_id)))


def _mark(operations: list[Operation]) -> None:
    mark_slices_stale((o.register_id, o.unit_id, o.counts_on.year) for o in operations)
