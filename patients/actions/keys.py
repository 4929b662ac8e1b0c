"""Keys: destroying one erases a person; changing the master key wraps them all anew."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from patients import vault
from patients.models import Erasure, Membership, PatientIdentity, PatientKey
from patients.selectors import require_member
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import record_access
from registry.core.errors import RuleBroken


def erase_patient(*, by: Viewer, membership: Membership, reason: str, now: datetime) -> Erasure:
    """Erase who a patient is, for good: destroy the key and put the patient on the erasure list.

    The sealed identity and its history stay behind as noise; clinical rows remain without a
    person. Register administrators only, with a typed reason.
    """
    require_member(by, membership, permission=Permission.ADMINISTER, action="erase")
    if not reason.strip():
        raise RuleBroken({"reason": _("Type why the identity is erased.")})
    patient_id = membership.patient_id
    with transaction.atomic():
        record_access(
            by,
            "erase",
            "patient",
            patient_id,
            patient_id=patient_id,
            register_code=membership.register_id,
        )
        erasure, _made = Erasure.objects.get_or_create(
            patient_id=patient_id,
            defaults={"erased_at": now, "reason": reason.strip()[:200], "erased_by_id": by.user_id},
        )
        _destroy([patient_id])
    return erasure


@transaction.atomic
def replay_erasures(patient_ids: Iterable[int] = (), *, now: datetime) -> int:
    """Destroy again the keys of everybody on the erasure list, after a restore.

    ``patient_ids`` adds erasures that the restored list does not know yet. Returns how many keys
    were destroyed.
    """
    Erasure.objects.bulk_create(
        [
            Erasure(patient_id=patient_id, erased_at=now, reason="replayed after a restore")
            for patient_id in patient_ids
        ],
        ignore_conflicts=True,
    )
    return _destroy(Erasure.objects.values_list("patient_id", flat=True))


@transaction.atomic
def rewrap_keys(*, batch: int = 1000) -> int:
    """Wrap up to ``batch`` keys anew that an old master key has wrapped; return how many.

    Call until it returns 0. Several may run at once; a key in use is left for the next round.
    Raises MasterKeyMissing when the old master key is not among IDENTITY_OLD_MASTER_KEYS.
    """
    current = vault.master_key_id(vault.current_master_key())
    old = list(
        PatientKey.objects.select_for_update(skip_locked=True)
        .exclude(master_key_id=current)
        .order_by("patient_id")[:batch]
    )
    fresh = [vault.wrap_key(held.patient_id, vault.unwrap_key(held)) for held in old]
    PatientKey.objects.bulk_update(fresh, ["wrapped", "master_key_id"])
    return len(fresh)


def _destroy(patient_ids: Iterable[int]) -> int:
    ids = list(patient_ids)
    PatientIdentity.objects.filter(pk__in=ids).delete()
    destroyed, _by_model = PatientKey.objects.filter(pk__in=ids).delete()
    return destroyed
