"""Writing the access log. The application role can only insert into it and read it."""

from collections.abc import Iterable
from typing import NoReturn

from registry.accounts.permissions import Permission, Viewer
from registry.audit.models import AccessLog, AccessOutcome
from registry.core.errors import NotAllowed


def record_access(
    viewer: Viewer,
    action: str,
    object_type: str,
    object_id: object = "",
    *,
    patient_id: int | None = None,
    register_code: str = "",
    detail: str = "",
    outcome: AccessOutcome = AccessOutcome.GRANTED,
) -> None:
    """Note that ``viewer`` did ``action`` to an object, in the transaction of the request."""
    AccessLog.objects.create(
        actor_id=viewer.user_id,
        actor=viewer.label[:200],
        outcome=outcome,
        action=action,
        object_type=object_type,
        object_id=str(object_id),
        patient_id=patient_id,
        register_code=register_code,
        detail=detail[:200],
    )


def record_accesses(
    viewer: Viewer,
    action: str,
    object_type: str,
    objects: Iterable[tuple[object, int, str]],
) -> None:
    """Note that ``viewer`` did ``action`` to many objects (id, patient id, register code).

    A row for each, in one statement.
    """
    AccessLog.objects.bulk_create(
        AccessLog(
            actor_id=viewer.user_id,
            actor=viewer.label[:200],
            outcome=AccessOutcome.GRANTED,
            action=action,
            object_type=object_type,
            object_id=str(object_id),
            patient_id=patient_id,
            register_code=register_code,
        )
        for object_id, patient_id, register_code in objects
    )


def deny(
    viewer: Viewer,
    action: str,
    object_type: str,
    object_id: object = "",
    *,
    patient_id: int | None = None,
    register_code: str = "",
    detail: str = "",
) -> NoReturn:
    """Note a refusal and raise NotAllowed, which is answered as 404 and keeps the note."""
    record_access(
        viewer,
        action,
        object_type,
        object_id,
        patient_id=patient_id,
        register_code=register_code,
        detail=detail,
        outcome=AccessOutcome.DENIED,
    )
    raise NotAllowed


def require(
    viewer: Viewer, permission: Permission, register_code: str, unit_id: int | None = None
) -> None:
    """Let pass a viewer who holds ``permission``; note everybody else and raise NotAllowed."""
    if not viewer.may(permission, register_code, unit_id):
        deny(viewer, str(permission), "register", register_code, register_code=register_code)
