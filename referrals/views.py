"""Pages of referrals and consultations."""

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from patients.forms import show_rule
from patients.models import Membership
from patients.selectors import identities_of, identity_of, member_for
from patients.vault import Identity, IdentityErased
from referrals import actions
from referrals.forms import ConsultationForm, DecisionForm, ReferralForm, RemovalForm
from referrals.models import Decision
from referrals.selectors import consultation_for, referral_for, referrals_for, undecided
from registry.accounts.permissions import Permission
from registry.audit.actions import require
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

PAGE = 25


@login_required
@require_safe
def referral_list(request: HttpRequest, register: str) -> HttpResponse:
    """List what waits for a decision, the oldest first, then all referrals."""
    definition = _definition(request, register, Permission.SEE_PATIENTS)
    waiting = undecided(request.viewer, register, on=clock.today())
    settled = referrals_for(request.viewer, register).exclude(decision=Decision.PENDING)
    page = Paginator(settled.order_by("-received_on", "-pk"), PAGE).get_page(
        request.GET.get("page")
    )
    members = {one.referral.membership for one in waiting} | {one.membership for one in page}
    names = identities_of(request.viewer, members)
    return render(
        request,
        "referrals/list.html",
        {
            "register_code": register,
            "waiting": [(one, names.get(one.referral.membership_id)) for one in waiting],
            "rows": [(one, names.get(one.membership_id)) for one in page],
            "page": page,
            "definition": definition,
            "may_register": request.viewer.may(Permission.REGISTER, register),
        },
    )


@login_required
def refer(request: HttpRequest, register: str, membership: int) -> HttpResponse:
    """Register a referral of a member."""
    definition = _definition(request, register)
    member = member_for(
        request.viewer, register, membership, action="refer", permission=Permission.REGISTER
    )
    form = ReferralForm(request.POST or None, viewer=request.viewer, definition=definition)
    if request.method == "POST" and form.is_valid():
        try:
            actions.refer(
                by=request.viewer, membership=member, on=clock.today(), **form.cleaned_data
            )
        except RuleBroken as broken:
            show_rule(form, broken)
        else:
            messages.success(request, _("The referral waits for its decision."))
            return _to_patient(member)
    return _form_page(request, form, member, _("Register a referral"), _("Register the referral"))


@login_required
def consult(request: HttpRequest, register: str, membership: int) -> HttpResponse:
    """Record a consultation of a member."""
    definition = _definition(request, register)
    member = member_for(
        request.viewer, register, membership, action="consult", permission=Permission.REGISTER
    )
    form = ConsultationForm(
        request.POST or None,
        viewer=request.viewer,
        definition=definition,
        initial={"held_on": clock.today()},
    )
    if request.method == "POST" and form.is_valid():
        try:
            actions.record_consultation(
                by=request.viewer, membership=member, on=clock.today(), **form.cleaned_data
            )
        except RuleBroken as broken:
            show_rule(form, broken)
        else:
            messages.success(request, _("The consultation is recorded."))
            return _to_patient(member)
    return _form_page(
        request, form, member, _("Record a consultation"), _("Record the consultation")
    )


@login_required
def detail(request: HttpRequest, register: str, referral: int) -> HttpResponse:
    """Show a referral, and decide it where it waits."""
    definition = _definition(request, register, Permission.SEE_PATIENTS)
    held = referral_for(request.viewer, register, referral)
    may_register = request.viewer.may(Permission.REGISTER, register)
    form = None
    if held.decision == Decision.PENDING and may_register:
        form = DecisionForm(
            request.POST or None, definition=definition, initial={"decided_on": clock.today()}
        )
        if request.method == "POST" and form.is_valid():
            try:
                actions.decide_referral(
                    by=request.viewer, referral=held, on=clock.today(), **form.cleaned_data
                )
            except RuleBroken as broken:
                show_rule(form, broken)
            else:
                messages.success(request, _("The decision is recorded."))
                return redirect("referrals:list", register=register)
    return render(
        request,
        "referrals/detail.html",
        {
            "register_code": register,
            "referral": held,
            "days": (clock.today() - held.received_on).days,
            "referring": held.referring_hospital or held.details.get("referring_hospital", ""),
            "criterion": _label(definition.criteria, held.criterion),
            "decision": _label(definition.decisions, held.decision),
            "identity": _identity(request, held.membership),
            "form": form,
            "may_register": may_register,
        },
    )


@login_required
@require_POST
def revoke(request: HttpRequest, register: str, referral: int) -> HttpResponse:
    """Take a decision back."""
    _definition(request, register)
    held = referral_for(request.viewer, register, referral)
    actions.revoke_decision(by=request.viewer, referral=held)
    messages.success(request, _("The referral waits for its decision again."))
    return redirect("referrals:detail", register=register, referral=referral)


@login_required
def remove_referral(request: HttpRequest, register: str, referral: int) -> HttpResponse:
    """Remove a referral entered by mistake, with a typed reason."""
    _definition(request, register)
    held = referral_for(request.viewer, register, referral)
    form = RemovalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.remove_referral(by=request.viewer, referral=held, **form.cleaned_data)
        messages.success(request, _("Removed; the history keeps it."))
        return _to_patient(held.membership)
    title = _("Remove the referral of %(day)s") % {"day": held.received_on.isoformat()}
    return _form_page(request, form, held.membership, title, _("Remove"), danger=True)


@login_required
def remove_consultation(request: HttpRequest, register: str, consultation: int) -> HttpResponse:
    """Remove a consultation entered by mistake, with a typed reason."""
    _definition(request, register)
    held = consultation_for(request.viewer, register, consultation)
    form = RemovalForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        actions.remove_consultation(by=request.viewer, consultation=held, **form.cleaned_data)
        messages.success(request, _("Removed; the history keeps it."))
        return _to_patient(held.membership)
    title = _("Remove the consultation of %(day)s") % {"day": held.held_on.isoformat()}
    return _form_page(request, form, held.membership, title, _("Remove"), danger=True)


# --- Shared -----------------------------------------------------------------------------------


def _definition(
    request: HttpRequest, register: str, permission: Permission = Permission.REGISTER
) -> RegisterDefinition:
    """The definition of a register that records referrals and where the viewer has a say."""
    require(request.viewer, permission, register)
    definition = definition_for(register)
    if not definition.referrals.enabled:
        raise Http404
    return definition


def _form_page(
    request: HttpRequest,
    form: forms.Form,
    member: Membership,
    title: str,
    button: str,
    *,
    danger: bool = False,
) -> HttpResponse:
    return render(
        request,
        "referrals/form.html",
        {
            "register_code": member.register_id,
            "form": form,
            "member": member,
            "identity": _identity(request, member),
            "title": title,
            "button": button,
            "danger": danger,
        },
    )


def _to_patient(member: Membership) -> HttpResponse:
    return redirect("patients:detail", register=member.register_id, membership=member.pk)


def _identity(request: HttpRequest, member: Membership) -> Identity:
    try:
        return identity_of(request.viewer, member)
    except IdentityErased:
        return Identity()


def _label(held: dict, key: str) -> str:
    """The label of a key; the key itself when the definition has dropped it since."""
    return str(held[key].labels) if key in held else key
