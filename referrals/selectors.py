"""Reads about referrals and consultations; each takes the viewer."""

from dataclasses import dataclass
from datetime import date

from django.db.models import QuerySet

from patients.models import Membership
from patients.selectors import memberships_for
from referrals.models import Consultation, Decision, Referral
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny


def referrals_for(viewer: Viewer, register_code: str) -> QuerySet[Referral]:
    """Return the referrals of the members whom the viewer may see."""
    return Referral.objects.filter(
        membership__in=memberships_for(viewer, register_code)
    ).select_related("membership__patient", "unit", "region", "referring_hospital")


def consultations_for(viewer: Viewer, register_code: str) -> QuerySet[Consultation]:
    """Return the consultations of the members whom the viewer may see."""
    return Consultation.objects.filter(
        membership__in=memberships_for(viewer, register_code)
    ).select_related("membership__patient", "unit", "region")


def referral_for(viewer: Viewer, register_code: str, referral_id: int) -> Referral:
    """Return one referral; raises NotAllowed with a trace in the access log."""
    referral = referrals_for(viewer, register_code).filter(pk=referral_id).first()
    if referral is None:
        deny(viewer, "see", "referral", referral_id, register_code=register_code)
    return referral


def consultation_for(viewer: Viewer, register_code: str, consultation_id: int) -> Consultation:
    """Return one consultation; raises NotAllowed with a trace in the access log."""
    consultation = consultations_for(viewer, register_code).filter(pk=consultation_id).first()
    if consultation is None:
        deny(viewer, "see", "consultation", consultation_id, register_code=register_code)
    return consultation


@dataclass(frozen=True, slots=True)
class Waiting:
    """A referral that waits for its decision, and for how many days by now."""

    referral: Referral
    days: int


def undecided(
    viewer: Viewer, register_code: str, *, on: date, most: int | None = None
) -> list[Waiting]:
    """Return the referrals that wait for a decision at the viewer's units, the oldest first."""
    found = referrals_for(viewer, register_code).filter(decision=Decision.PENDING)
    if not viewer.whole_register(Permission.REGISTER, register_code):
        found = found.filter(unit_id__in=viewer.unit_ids(Permission.REGISTER, register_code))
    found = found.order_by("received_on", "pk")[:most]
    return [Waiting(referral, (on - referral.received_on).days) for referral in found]


def of_member(viewer: Viewer, membership: Membership) -> tuple[list[Referral], list[Consultation]]:
    """Return a member's referrals and consultations, the newest first."""
    code = membership.register_id
    return (
        list(referrals_for(viewer, code).filter(membership=membership).order_by("-received_on")),
        list(consultations_for(viewer, code).filter(membership=membership).order_by("-held_on")),
    )
