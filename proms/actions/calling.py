"""The log of telephone calls to patients who have not answered."""

from datetime import datetime
from typing import Literal

from django.db import transaction
from django.utils.translation import gettext as _

from patients.actions import note_refused_address, take_back_refusal
from proms.actions.inviting import LONGEST_REASON, decline, locked_open, undo_decline
from proms.models import CallAttempt, CallOutcome, Invitation
from proms.policies import why_no_call_back
from registry.accounts.permissions import Viewer
from registry.core.errors import RuleBroken


@transaction.atomic
def log_call(
    *,
    by: Viewer,
    invitation: Invitation,
    outcome: str,
    now: datetime,
    call_back_at: datetime | None = None,
    note: str = "",
    recipient: Literal["patient", "guardian"] = "patient",
    seen: int | None = None,
) -> CallAttempt:
    """Note a call and do what follows from its outcome; return the attempt.

    A wrong number (``recipient`` says whose) is called no more until it is changed; who does not
    want to answer is asked nothing more about this invitation. ``seen``: how many calls the caller
    knew of, so that a button pressed twice, or by two people at once, notes one call. Raises
    RuleBroken when the invitation waits for no answer, when somebody else has called meanwhile, or
    when the moment agreed is not possible.
    """
    held = locked_open(invitation, now)
    if outcome not in CallOutcome.values:
        raise RuleBroken({"outcome": _("Say how the call ended.")})
    if seen is not None and held.calls.filter(voided_at__isnull=True).count() != seen:
        raise RuleBroken(
            _("A call has been noted meanwhile. Look at the list again before you call.")
        )
    if outcome == CallOutcome.CALL_BACK:
        reason = why_no_call_back(call_back_at, now=now, last_day=held.closes_on)
        if reason:
            raise RuleBroken({"call_back_at": reason})
    attempt = CallAttempt.objects.create(
        invitation=held,
        at=now,
        by_id=by.user_id,
        outcome=outcome,
        call_back_at=call_back_at if outcome == CallOutcome.CALL_BACK else None,
        note=note.strip()[:200],
    )
    if outcome == CallOutcome.DECLINED:
        decline(invitation=held, now=now)
    elif outcome == CallOutcome.WRONG_NUMBER:
        note_refused_address(
            patient_id=held.membership.patient_id,
            channel="telephone",
            now=now,
            recipient=recipient,
        )
    return attempt


@transaction.atomic
def void_call(*, by: Viewer, attempt: CallAttempt, reason: str, now: datetime) -> None:
    """Mark a call that was noted by mistake; it stays in the log and counts no more.

    What followed from it is taken back: a refusal to answer, a number held to be wrong. ``reason``
    is typed. Raises RuleBroken without one, or when the call is marked already.
    """
    invitation = Invitation.objects.select_for_update().get(pk=attempt.invitation_id)
    held = CallAttempt.objects.select_for_update().get(pk=attempt.pk)
    if held.voided_at is not None:
        raise RuleBroken(_("This call has been marked as a mistake already."))
    said = reason.strip()[:LONGEST_REASON]
    if not said:
        raise RuleBroken({"reason": _("Say why, in words.")})
    held.voided_at, held.voided_by_id, held.void_reason = now, by.user_id, said
    held.save(update_fields=["voided_at", "voided_by", "void_reason", "updated_at"])
    if held.outcome == CallOutcome.DECLINED and invitation.declined_at == held.at:
        undo_decline(invitation=invitation, reason=said, now=now)
    elif held.outcome == CallOutcome.WRONG_NUMBER:
        take_back_refusal(
            patient_id=invitation.membership.patient_id, channel="telephone", at=held.at
        )
