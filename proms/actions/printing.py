"""Giving an invitation's questions a return code, and noting that they were printed."""

from datetime import datetime

from django.db import transaction

from proms.actions.answering import why_not_open
from proms.models import Invitation, PaperForm
from proms.paper.codes import codes_for
from registry.accounts.permissions import Viewer
from registry.core import clock
from registry.core.errors import RuleBroken


@transaction.atomic
def print_form(
    *, invitation_id: int, language: str, by: Viewer, now: datetime, by_post: bool
) -> PaperForm:
    """Return the form that carries an invitation's return code in a language, printed now.

    Printed again it keeps its code, so that whichever copy comes back is found. ``by_post`` notes
    on the invitation that a letter went: the patient counts as asked, and waits with the others.
    Raises RuleBroken when the questions are no longer asked.
    """
    held = Invitation.objects.select_for_update().get(pk=invitation_id)
    reason = why_not_open(held, clock.civil_date(now))
    if reason:
        raise RuleBroken(reason)
    form = PaperForm.objects.filter(invitation=held, language=language).first()
    if form is None:
        code = next(
            code
            for code in codes_for(held.pk, language)
            if not PaperForm.objects.filter(code=code).exists()
        )
        form = PaperForm(invitation=held, language=language, code=code)
    form.printed_at, form.printed_by_id = now, by.user_id
    form.save()
    if by_post:
        held.letter_printed_at = now
        held.invited_at = held.invited_at or now
        held.save(update_fields=["letter_printed_at", "invited_at", "updated_at"])
    return form
