"""Questionnaires on paper as staff see them: whose letters are to be printed, and printing them."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from patients.selectors import identities_of, identity_of, member_for
from proms import selectors
from proms.paper import job
from registry.accounts.permissions import Permission
from registry.audit.actions import require
from registry.core import clock
from registry.jobs.actions import start_job
from registry.registers.selectors import definition_for


@login_required
@require_http_methods(["GET", "POST"])
def letters(request: HttpRequest, register: str) -> HttpResponse:
    """Show the patients whose letters are to be printed; print those that were chosen."""
    viewer = request.viewer
    require(viewer, Permission.FOLLOW_UP, register)
    if request.method == "POST":
        chosen = [int(text) for text in request.POST.getlist("invitation") if text.isdigit()]
        if chosen:
            return _start(request, register, chosen)
    definition = definition_for(register)
    found = selectors.letters_to_print(viewer, register, now=clock.now())
    shown = list(found[: job.MOST_LETTERS])
    identities = identities_of(viewer, [one.membership for one in shown], action="list_letters")
    rows = []
    for invitation in shown:
        identity = identities.get(invitation.membership_id)
        point = definition.time_points.get(invitation.time_point)
        rows.append(
            {
                "invitation": invitation,
                "name": identity.name if identity else "",
                "has_address": bool(identity and identity.address.strip()),
                "time_point": str(point.labels) if point else invitation.get_time_point_display(),
            }
        )
    return render(
        request,
        "proms/letters.html",
        {
            "register_code": register,
            "rows": rows,
            "number": found.count(),
            "most": job.MOST_LETTERS,
            "nothing_chosen": request.method == "POST",
        },
    )


@login_required
@require_POST
def print_one(request: HttpRequest, register: str, invitation: int) -> HttpResponse:
    """Print one patient's questions: as a letter, or as a form to hand over (`hand_over`)."""
    held = selectors.invitation_for(request.viewer, register, invitation)
    member = member_for(
        request.viewer,
        register,
        held.membership_id,
        action="print_form",
        permission=Permission.FOLLOW_UP,
    )
    to_hand_over = "hand_over" in request.POST
    if not (to_hand_over or identity_of(request.viewer, member).address.strip()):
        messages.warning(
            request, _("No postal address is known. Enter it here; then print the letter.")
        )
        return redirect("patients:change", register, member.pk, "contact")
    return _start(request, register, [held.pk], to_hand_over=to_hand_over)


def _start(
    request: HttpRequest, register: str, invitation_ids: list[int], *, to_hand_over: bool = False
) -> HttpResponse:
    started = start_job(
        by=request.viewer,
        kind=job.KIND,
        register_code=register,
        parameters={"invitations": invitation_ids, "to_hand_over": to_hand_over},
    )
    return redirect("jobs:detail", register, started.pk)
