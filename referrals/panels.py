"""What referrals show on the home page and on a patient's page."""

from django.http import HttpRequest

from patients.models import Membership
from patients.selectors import identities_of
from referrals.selectors import of_member, undecided
from registry.accounts.permissions import Permission
from registry.core import clock
from registry.core.panels import Panel
from registry.registers.selectors import UnknownRegister, definition_for

SHOWN = 10


def may_use(request: HttpRequest, register_code: str) -> bool:
    """Say whether the viewer has to do with referrals in a register that records them."""
    if not request.viewer.may(Permission.REGISTER, register_code):
        return False
    try:
        return definition_for(register_code).referrals.enabled
    except UnknownRegister:
        return False


def to_decide(request: HttpRequest, *, register: str) -> Panel | None:
    """Show the referrals that wait for a decision, the oldest first."""
    if not may_use(request, register):
        return None
    waiting = undecided(request.viewer, register, on=clock.today())
    if not waiting:
        return None
    shown = waiting[:SHOWN]
    names = identities_of(request.viewer, [one.referral.membership for one in shown])
    return Panel(
        "referrals/_to_decide.html",
        {
            "rows": [(one, names.get(one.referral.membership_id)) for one in shown],
            "count": len(waiting),
            "more": len(waiting) - len(shown),
            "register": register,
        },
    )


def of_patient(request: HttpRequest, *, register: str, membership: Membership) -> Panel | None:
    """Show a member's referrals and consultations, the newest first."""
    definition = definition_for(register)
    if not definition.referrals.enabled:
        return None
    referrals, consultations = of_member(request.viewer, membership)
    rows = [
        {
            "day": one.received_on,
            "what": definition.criteria[one.criterion].labels
            if one.criterion in definition.criteria
            else one.criterion,
            "referral": one,
            "state": definition.decisions[one.decision].labels
            if one.decision in definition.decisions
            else one.decision,
            "region": one.region,
            "unit": one.unit,
        }
        for one in referrals
    ] + [
        {
            "day": one.held_on,
            "what": definition.consultation_kinds[one.kind].labels
            if one.kind in definition.consultation_kinds
            else one.kind,
            "consultation": one,
            "region": one.region,
            "unit": one.unit,
        }
        for one in consultations
    ]
    return Panel(
        "referrals/_of_patient.html",
        {
            "rows": sorted(rows, key=lambda row: row["day"], reverse=True),
            "member": membership,
            "may_register": request.viewer.may(Permission.REGISTER, membership.register_id),
        },
    )
