"""A register's administration: its people and the definition it runs on."""

from allauth.account.forms import ResetPasswordForm
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from registry.accounts.actions import end_role, invite_person
from registry.accounts.permissions import Permission
from registry.accounts.selectors import assignments_in
from registry.audit.actions import require
from registry.core import clock
from registry.registers.forms import PersonForm
from registry.registers.selectors import current_version, definition_for


@login_required
def people(request: HttpRequest, register: str) -> HttpResponse:
    """List who has which role, and give somebody a role."""
    require(request.viewer, Permission.ADMINISTER, register)
    today = clock.today()
    form = PersonForm(request.POST or None, register_code=register, on=today)
    if request.method == "POST" and form.is_valid():
        try:
            assignment, is_new = invite_person(register_code=register, **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            if is_new:
                _send_first_password(request, assignment.user.email)
            messages.success(
                request, _("%(person)s now has the role.") % {"person": assignment.user}
            )
            return redirect("administration:people", register=register)
    return render(
        request,
        "registers/people.html",
        {
            "form": form,
            "assignments": assignments_in(register),
            "today": today,
            "version": current_version(register),
            "definition": definition_for(register),
        },
    )


@login_required
@require_POST
def end(request: HttpRequest, register: str, assignment_id: int) -> HttpResponse:
    """End a role today; the person keeps the account and what they registered."""
    require(request.viewer, Permission.ADMINISTER, register)
    assignment = assignments_in(register).filter(pk=assignment_id).first()
    if assignment is None:
        raise Http404
    if assignment.user_id == request.user.pk:
        messages.error(request, _("You cannot end your own role. Ask another administrator."))
    else:
        end_role(assignment=assignment, last_day=clock.today())
        messages.success(request, _("The role ends today."))
    return redirect("administration:people", register=register)


def _send_first_password(request: HttpRequest, email: str) -> None:
    form = ResetPasswordForm({"email": email})
    if form.is_valid():
        form.save(request)
