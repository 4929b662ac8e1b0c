"""Operations, drafts and look-ups within the viewer's scope."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from django.db.models import Prefetch, QuerySet

from patients.models import Membership
from procedures.models import Operation, OperationDraft, Procedure
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny, record_access
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import units_of
from registry.units.models import Unit

MOST_SUGGESTIONS = 12


@dataclass(frozen=True, slots=True)
class EarlierOperation:
    """What another unit may know of an operation: date, unit and level, nothing else."""

    operation_id: int
    performed_on: date
    unit: str
    levels: tuple[str, ...]


def operations_for(
    viewer: Viewer, register_code: str, *, permission: Permission = Permission.SEE_PATIENTS
) -> QuerySet[Operation]:
    """The register's operations that the viewer may see: those of the viewer's units, or all."""
    operations = Operation.objects.filter(register_id=register_code).select_related(
        "unit", "membership__patient"
    )
    if viewer.whole_register(permission, register_code):
        return operations
    units = viewer.unit_ids(permission, register_code)
    return operations.filter(unit_id__in=units) if units else operations.none()


def operation_for(
    viewer: Viewer,
    register_code: str,
    operation_id: int,
    *,
    action: str = "see",
    permission: Permission = Permission.SEE_PATIENTS,
) -> Operation:
    """An operation with its parts, noting the access.

    Raises NotAllowed (404) with a trace in the access log, also when there is no such operation.
    """
    operation = (
        operations_for(viewer, register_code, permission=permission)
        .select_related("definition", "unit_region", "residence_region", "revises__unit")
        .prefetch_related(
            Prefetch("procedures", Procedure.objects.order_by("position")),
            "complications",
            "implants",
            "goals",
        )
        .filter(pk=operation_id)
        .first()
    )
    if operation is None:
        patient_id = (
            Operation.objects.filter(pk=operation_id, register_id=register_code)
            .values_list("membership__patient_id", flat=True)
            .first()
        )
        deny(
            viewer,
            action,
            "operation",
            operation_id,
            patient_id=patient_id,
            register_code=register_code,
        )
    record_access(
        viewer,
        action,
        "operation",
        operation_id,
        patient_id=operation.membership.patient_id,
        register_code=register_code,
    )
    return operation


def operations_of(viewer: Viewer, membership: Membership) -> list[Operation]:
    """A member's operations at the viewer's units, the newest first."""
    return list(
        operations_for(viewer, membership.register_id)
        .filter(membership=membership)
        .order_by("-scheduled_on", "-pk")
    )


def earlier_operations(viewer: Viewer, membership: Membership) -> list[EarlierOperation]:
    """Every performed operation of a member in the register, those of other units too.

    Whoever treats the patient must know that there was an operation, when, where and at which
    level; results stay with the unit. Nothing for a viewer who may not see patients there.
    """
    if not viewer.may(Permission.SEE_PATIENTS, membership.register_id):
        return []
    return [
        EarlierOperation(o.pk, o.performed_on, o.unit.name, tuple(o.levels))
        for o in Operation.objects.filter(membership=membership, performed_on__isnull=False)
        .select_related("unit")
        .order_by("-performed_on")
    ]


def revisable_operations(
    viewer: Viewer, membership: Membership, *, but: int | None = None
) -> dict[int, Operation]:
    """The performed operations of a member that a new one may revise, by id, newest first."""
    if not viewer.may(Permission.REGISTER, membership.register_id):
        return {}
    operations = (
        Operation.objects.filter(membership=membership, performed_on__isnull=False)
        .exclude(pk=but)
        .select_related("unit")
        .order_by("-performed_on")
    )
    return {operation.pk: operation for operation in operations}


def units_for(viewer: Viewer, register_code: str, *, permission: Permission) -> list[Unit]:
    """The active units of a register at which the viewer holds the permission, by name."""
    return sorted(
        (
            unit
            for unit in units_of(register_code)
            if unit.active and viewer.may(permission, register_code, unit.pk)
        ),
        key=lambda unit: unit.name.casefold(),
    )


def draft_for(
    viewer: Viewer, membership: Membership, operation: Operation | None, purpose: str
) -> OperationDraft | None:
    """The viewer's own draft of a registration, if one was begun."""
    return OperationDraft.objects.filter(
        author_id=viewer.user_id, membership=membership, operation=operation, purpose=purpose
    ).first()


def lookup_diagnoses(
    viewer: Viewer, definition: RegisterDefinition, group: str, text: str = "", *, on: date
) -> list[str]:
    """ICD-10 codes to suggest in a group: those the viewer's units used lately, most used first,
    then those of the definition. ``text`` narrows them to codes that begin so."""
    if group not in definition.groups:
        return []
    used = Counter(
        operations_for(viewer, definition.code)
        .filter(group=group, year__gte=on.year - 1)
        .exclude(diagnosis="")
        .order_by()
        .values_list("diagnosis", flat=True)[:5000]
    )
    named = [pattern for pattern in definition.groups[group].icd10 if not pattern.endswith("-")]
    codes = dict.fromkeys([*(code for code, _n in used.most_common()), *named])
    wanted = text.strip().upper().replace(".", "")
    return [c for c in codes if c.replace(".", "").startswith(wanted)][:MOST_SUGGESTIONS]
