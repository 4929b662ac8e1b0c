"""Reads about questionnaires on paper. Each takes the viewer."""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import QuerySet

from proms.models import Entry, Invitation, PaperForm
from proms.selectors.follow_ups import follow_ups_for
from proms.selectors.telephone import invitations_by_letter
from registry.accounts.permissions import Viewer
from registry.audit.actions import record_access
from registry.audit.models import AccessOutcome


def letters_to_print(viewer: Viewer, register_code: str, *, now: datetime) -> QuerySet[Invitation]:
    """Return the open invitations of patients who get a letter, if none was printed yet.

    Who stands here is in no telephone worklist, see invitations_by_letter. Those that close first
    come first.
    """
    return (
        Invitation.objects.filter(pk__in=invitations_by_letter(viewer, register_code, now=now))
        .select_related("membership__patient")
        .order_by("closes_on", "pk")
    )


def invitations_to_print(
    viewer: Viewer, register_code: str, invitation_ids: Iterable[int]
) -> list[Invitation]:
    """Return those of the invitations that the viewer follows up, with patient and unit."""
    return list(
        Invitation.objects.filter(
            pk__in=list(invitation_ids),
            membership__register_id=register_code,
        )
        .filter(pk__in=follow_ups_for(viewer, register_code).order_by().values("invitation"))
        .select_related("membership__patient")
        .prefetch_related("follow_ups__operation__unit")
        .order_by("closes_on", "pk")
    )


def form_with_code(viewer: Viewer, register_code: str, code: str) -> PaperForm | None:
    """Return the printed form with a return code, if the viewer follows up its patient.

    None otherwise, whether the code is unknown or another unit's; the latter is noted.
    """
    form = (
        PaperForm.objects.filter(code=code, invitation__membership__register_id=register_code)
        .select_related("invitation__membership")
        .first()
    )
    if form is None:
        return None
    if not follow_ups_for(viewer, register_code).filter(invitation=form.invitation_id).exists():
        record_access(
            viewer,
            "enter_answers",
            "invitation",
            form.invitation_id,
            patient_id=form.invitation.membership.patient_id,
            register_code=register_code,
            outcome=AccessOutcome.DENIED,
        )
        return None
    return form


def waiting_entries(viewer: Viewer, register_code: str) -> list[list[Entry]]:
    """Return the entries that have not become a response, those of one form together.

    One entry waits for a second person, two wait for their differences to be resolved. The oldest
    come first.
    """
    entries = (
        Entry.objects.filter(response__isnull=True, invitation__submitted_at__isnull=True)
        .filter(
            invitation__in=follow_ups_for(viewer, register_code).order_by().values("invitation")
        )
        .select_related("entered_by", "invitation")
        .prefetch_related("invitation__paper_forms")
        .order_by("position")
    )
    forms: dict[int, list[Entry]] = {}
    for entry in entries:
        forms.setdefault(entry.invitation_id, []).append(entry)
    return sorted(forms.values(), key=lambda held: held[0].entered_at)
