"""Reads about what a patient has answered: the response that counts, and those it replaced."""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils.translation import gettext as _

from proms.models import Invitation, Response
from proms.questionnaire import Form, form_for
from registry.accounts.models import User


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """An answer before and after a correction, in words; "" where there was none."""

    question: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Correction:
    """Who replaced a response, when, why, and what changed."""

    at: datetime
    who: str
    reason: str
    changes: list[ChangedAnswer] = field(default_factory=list)


def current_response(invitation: Invitation) -> Response | None:
    """Return the response that counts, None before there is one.

    The caller has fetched the invitation through ``invitation_for`` and so may see it.
    """
    return Response.objects.filter(invitation=invitation, current=True).first()


def corrections_of(invitation: Invitation) -> list[Correction]:
    """Return the corrections of a response, the newest first. For the caller see above."""
    corrected = list(
        Response.objects.filter(invitation=invitation, supersedes__isnull=False)
        .select_related("supersedes")
        .order_by("-pk")
    )
    events = {
        event.pgh_obj_id: event.pgh_context.metadata if event.pgh_context else {}
        for event in Response.pgh_event_model.objects.filter(
            pgh_obj__in=corrected, pgh_label="insert"
        ).select_related("pgh_context")
    }
    actors = {events.get(one.pk, {}).get("actor") for one in corrected} - {None}
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=actors)}
    return [
        Correction(
            at=one.submitted_at,
            who=names.get(events.get(one.pk, {}).get("actor"), "") or _("the system"),
            reason=events.get(one.pk, {}).get("reason", ""),
            changes=_changes(form_for(invitation.plan, one.language), one),
        )
        for one in corrected
    ]


def _changes(form: Form, corrected: Response) -> list[ChangedAnswer]:
    before, after = corrected.supersedes.answers, corrected.answers
    return [
        ChangedAnswer(
            row.words.question, row.words.label(before.get(code)), row.words.label(after.get(code))
        )
        for code, row in form.items.items()
        if before.get(code) != after.get(code)
    ]
