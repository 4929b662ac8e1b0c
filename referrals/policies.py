"""Pure rules about referrals and consultations; each returns the reason why not."""

from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from registry.registers.schema import RegisterDefinition

Reason = str | Promise | None


def why_no_referrals(definition: RegisterDefinition) -> Reason:
    """Say why a register has neither referrals nor consultations."""
    if not definition.referrals.enabled:
        return _("This register records no referrals.")
    return None


def why_not_on(
    day: date,
    *,
    birth_date: date,
    died_on: date | None,
    opted_out_on: date | None,
    on: date,
) -> Reason:
    """Say why a patient cannot have been referred or seen on ``day`` (today is ``on``)."""
    if day > on:
        return _("The date lies in the future. Check it.")
    if day < birth_date:
        return _("The date lies before the patient's birth. Check it.")
    if died_on and day > died_on:
        return _("The patient had died by that date. Check both dates.")
    if opted_out_on and day >= opted_out_on:
        return _("The patient had opted out of the register by that date.")
    return None


def why_not_criterion(definition: RegisterDefinition, criterion: str) -> Reason:
    """Say why something is not a reason for referral in this register."""
    if criterion not in definition.criteria:
        return _("Choose the criterion among those of the register: %(keys)s.") % {
            "keys": ", ".join(definition.criteria)
        }
    return None


def why_not_kind(definition: RegisterDefinition, kind: str) -> Reason:
    """Say why something is not a kind of consultation in this register."""
    if kind not in definition.consultation_kinds:
        return _("Choose the kind of consultation among those of the register: %(keys)s.") % {
            "keys": ", ".join(definition.consultation_kinds)
        }
    return None


def decided(definition: RegisterDefinition, decision: str) -> bool:
    """Say whether a decision of the register settles a referral."""
    return decision != "pending" and decision in definition.decisions


def why_not_decision(
    definition: RegisterDefinition,
    *,
    current: str,
    decision: str,
    received_on: date,
    decided_on: date | None,
    on: date,
) -> tuple[str, Reason]:
    """Say which field of a decision is wrong and why; the reason is None when it may be taken."""
    if decided(definition, current):
        return "decision", _(
            "The referral has been decided already. Take the decision back first if it was wrong."
        )
    if not decided(definition, decision):
        return "decision", _("Choose a decision: %(keys)s.") % {
            "keys": ", ".join(key for key in definition.decisions if decided(definition, key))
        }
    if decided_on is None:
        return "decided_on", _("Type the date of the decision.")
    if decided_on > on:
        return "decided_on", _("The date lies in the future. Check it.")
    if decided_on < received_on:
        return "decided_on", _("The decision lies before the referral was received. Check both.")
    return "decision", None
