"""Correcting what a patient has answered, for staff: old beside new, a typed reason, history."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from patients.selectors import identity_of, member_for
from proms import actions, selectors
from proms.forms import CorrectionForm
from proms.models import AnsweredBy, EntryMethod, Response
from proms.questionnaire import form_for
from registry.accounts.permissions import Permission
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.registers.selectors import definition_for

METHODS = {
    EntryMethod.WEB: gettext_lazy("by the patient, by link"),
    EntryMethod.PAPER: gettext_lazy("on paper"),
    EntryMethod.TELEPHONE: gettext_lazy("by telephone"),
    EntryMethod.PROXY: gettext_lazy("by somebody for the patient"),
}


@login_required
@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, register: str, invitation: int) -> HttpResponse:
    """Show the answers that count with the corrections so far; correct them."""
    held = selectors.invitation_for(request.viewer, register, invitation)
    member = member_for(
        request.viewer,
        register,
        held.membership_id,
        action="correct_response" if request.method == "POST" else "see_answers",
        permission=Permission.FOLLOW_UP,
    )
    response = selectors.current_response(held)
    if response is None:
        raise Http404
    form = CorrectionForm(
        request.POST if request.method == "POST" else None,
        form=form_for(held.plan, response.language),
        answers=response.answers,
        response_id=response.pk,
    )
    if request.method == "POST" and form.is_valid():
        # The one that was on the screen: a newer one is not overwritten unseen.
        seen = Response.objects.filter(pk=form.cleaned_data["response"], invitation=held).first()
        try:
            actions.correct_response(
                response=seen or response,
                answers=form.changed_answers(),
                reason=form.cleaned_data["reason"],
                now=clock.now(),
            )
        except RuleBroken as refused:
            form.add_error(None, refused)
        else:
            messages.success(request, _("Corrected. The earlier answers are kept in history."))
            return redirect("proms:correct", register, held.pk)
    point = definition_for(register).time_points.get(held.time_point)
    return render(
        request,
        "proms/correct.html",
        {
            "register": register,
            "register_code": register,
            "member": member,
            "identity": identity_of(request.viewer, member),
            "response": response,
            "method": METHODS[response.method],
            "by_guardian": response.answered_by == AnsweredBy.GUARDIAN,
            "time_point": str(point.labels) if point else held.get_time_point_display(),
            "form": form,
            "corrections": selectors.corrections_of(held),
        },
        status=422 if form.errors else 200,
    )
