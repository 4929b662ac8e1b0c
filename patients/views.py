"""Pages of patients: find, register, the patient's own page, and what may happen to a member."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.forms.boundfield import BoundField
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST, require_safe

from patients import actions
from patients.forms import (
    ConsentForm,
    ContactForm,
    DeathForm,
    EmigrationForm,
    ErasureForm,
    IdentityForm,
    OptOutForm,
    PatientForm,
    ResidenceForm,
    SearchForm,
    show_rule,
    units_where,
)
from patients.identity import parse
from patients.models import Membership, PatientIdentity
from patients.panels import contact_section, has_guardian, refused_days
from patients.policies import age_on
from patients.selectors import (
    identities_of,
    identity_of,
    member_by_any_unit,
    member_for,
    memberships_for,
    region_of,
    search,
)
from patients.vault import Identity, IdentityErased
from registry.accounts.permissions import Permission
from registry.audit.actions import require
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.core.panels import panels_for
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

PAGE = 25


@login_required
def patient_list(request: HttpRequest, register: str) -> HttpResponse:
    """Find a member, or leaf through those of the viewer's units.

    A search is sent by POST, so that an identity number stands in no address and no log; the
    field in the head of every page may still ask by GET with a name or a registry number.
    """
    require(request.viewer, Permission.SEE_PATIENTS, register)
    form = SearchForm(request.POST or request.GET or None)
    text = form.cleaned_data["q"].strip() if form.is_valid() else ""
    found = search(request.viewer, register, text, on=clock.today()) if text else None
    if found and len(found.hits) == 1 and not found.hits[0].elsewhere and not request.htmx:
        only = found.hits[0].membership.pk
        return redirect("patients:detail", register=register, membership=only)
    context: dict[str, Any] = {
        "form": form,
        "found": found,
        "register_code": register,
        "may_register": request.viewer.may(Permission.REGISTER, register),
    }
    if found is None:
        members = memberships_for(request.viewer, register).order_by("-joined_on", "-pk")
        page = Paginator(members, PAGE).get_page(request.GET.get("page"))
        names = identities_of(request.viewer, page)
        context |= {"page": page, "rows": [(member, names.get(member.pk)) for member in page]}
    template = "patients/_results.html" if request.htmx else "patients/list.html"
    return render(request, template, context)


@login_required
def register_patient(request: HttpRequest, register: str) -> HttpResponse:
    """Register a patient, or add the unit to one who is known.

    A number that was searched for in vain comes by POST as ``sought``, so that it stands in no
    address; it opens the form, already filled in.
    """
    require(request.viewer, Permission.REGISTER, register)
    sought = request.POST.get("sought")
    form = _patient_form(request, register, sought=sought)
    if sought is None and request.method == "POST" and form.is_valid():
        try:
            membership = actions.register_patient(
                by=request.viewer, register_code=register, on=clock.today(), **form.told()
            )
        except RuleBroken as broken:
            show_rule(form, broken)
        else:
            messages.success(
                request,
                _("Registered with registry number %(number)s.")
                % {"number": membership.registry_number},
            )
            return redirect("patients:detail", register=register, membership=membership.pk)
    return render(request, "patients/register.html", {"form": form, "register_code": register})


@login_required
@require_POST
def suggest(request: HttpRequest, register: str) -> HttpResponse:
    """Say what an identity number tells while the form is filled in, and whether it is known."""
    require(request.viewer, Permission.REGISTER, register)
    form = _patient_form(request, register)
    form.full_clean()
    number, found = form.parsed(), None
    if number is not None:
        data = request.POST.copy()
        if not data.get("birth_date") and number.birth_date:
            data["birth_date"] = number.birth_date.isoformat()
        if not data.get("sex") and number.sex:
            data["sex"] = number.sex
        form.data = data
        found = search(request.viewer, register, request.POST["number"], on=clock.today())
    return render(
        request,
        "patients/_suggested.html",
        {
            "form": form,
            "fields": _quiet(form, "birth_date", "sex"),
            "number": number,
            "says": "" if number else " ".join(form.errors.get("number", [])) or _why_not(form),
            "found": found,
            "register_code": register,
        },
    )


@login_required
@require_safe
def detail(request: HttpRequest, register: str, membership: int) -> HttpResponse:
    """Show a member: name and age once, status, then what each app knows."""
    member = member_for(request.viewer, register, membership)
    patient, today = member.patient, clock.today()
    identity, definition = _identity(request, member), definition_for(register)
    may_erase = request.viewer.may(Permission.ADMINISTER, register)
    return render(
        request,
        "patients/detail.html",
        {
            "register_code": register,
            "member": member,
            "patient": patient,
            "identity": identity,
            "contact": contact_section(
                member,
                identity or Identity(),
                PatientIdentity.objects.filter(pk=patient.pk).first(),
                definition,
                on=today,
            ),
            "age": age_on(patient.birth_date, patient.died_on or today),
            "region": region_of(patient.pk, today),
            "units": [relation.unit for relation in member.relations.select_related("unit")],
            "may_register": request.viewer.may(Permission.REGISTER, register),
            "needs_consent": definition.patients.consent == "consent",
            **_changes_offered(definition, may_erase=may_erase),
            "panels": panels_for("patient", request, register=register, membership=member),
        },
    )


@login_required
@require_POST
def join(request: HttpRequest, register: str, membership: int) -> HttpResponse:
    """Let the viewer's unit care for a member whom another unit has registered."""
    require(request.viewer, Permission.REGISTER, register)
    member = member_by_any_unit(request.viewer, register, membership)
    units = units_where(request.viewer, register)
    chosen = [unit for unit in units if str(unit.pk) == request.POST.get("unit")] or units[:1]
    actions.join_unit(by=request.viewer, membership=member, unit=chosen[0], on=clock.today())
    messages.success(request, _("Your unit now follows this patient."))
    return redirect("patients:detail", register=register, membership=member.pk)


# --- What may happen to a member --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Change:
    """A page with one form: what it is called, what follows from it, and what it does."""

    title: str | Promise
    consequence: str | Promise
    button: str | Promise
    form: Callable[..., forms.Form]
    act: Callable[..., object]
    initial: Callable[[Membership, Identity], dict[str, Any]]
    arguments: Callable[[Membership, Identity], dict[str, Any]] = lambda _member, _identity: {}
    dated: bool = True
    danger: bool = False
    about_contact: bool = False
    """Whether it is offered in "Contact and follow-up", or with who the patient is."""


def _correct(by: Any, membership: Membership, on: Any, **told: Any) -> None:
    told["number"] = told["number"] or None
    actions.correct_identity(by=by, membership=membership, on=on, **told)


def _erase(by: Any, membership: Membership, reason: str, sure: bool) -> None:
    actions.erase_patient(by=by, membership=membership, reason=reason, now=clock.now())


def _contact_arguments(member: Membership, identity: Identity) -> dict[str, Any]:
    definition, today = definition_for(member.register_id), clock.today()
    return {
        "refused": refused_days(PatientIdentity.objects.filter(pk=member.patient_id).first()),
        "with_guardian": has_guardian(definition, member, identity, on=today),
    }


CHANGES = {
    "contact": Change(
        gettext_lazy("Change contact and language"),
        gettext_lazy("Used for invitations to questionnaires, and seen by the patient's units."),
        gettext_lazy("Save"),
        ContactForm,
        actions.change_contact,
        lambda member, identity: ContactForm.of(identity, member.patient),
        arguments=_contact_arguments,
        dated=False,
        about_contact=True,
    ),
    "consent": Change(
        gettext_lazy("Record the consent"),
        gettext_lazy("Concerns this register only. A consent is withdrawn by opting out."),
        gettext_lazy("Save"),
        ConsentForm,
        actions.record_consent,
        lambda member, _identity: {"consented_on": member.consented_on},
        about_contact=True,
    ),
    "identity": Change(
        gettext_lazy("Correct name, number, birth date or sex"),
        gettext_lazy("Holds in every register the patient belongs to. The history keeps what was."),
        gettext_lazy("Save the correction"),
        IdentityForm,
        _correct,
        lambda member, identity: {
            "given_name": identity.given_name,
            "surname": identity.surname,
            "country": identity.number_country or member.patient.country,
            "birth_date": member.patient.birth_date,
            "sex": member.patient.sex,
        },
    ),
    "residence": Change(
        gettext_lazy("Record a move"),
        gettext_lazy("Figures by residence use the region in which the patient lived on the day."),
        gettext_lazy("Save"),
        ResidenceForm,
        actions.move_residence,
        lambda _member, _identity: {},
        arguments=lambda member, _identity: {"country": member.patient.country},
    ),
    "death": Change(
        gettext_lazy("Record a death"),
        gettext_lazy(
            "Holds in every register. Nothing more is sent to the patient, and follow-ups after "
            "the date are no longer expected. It can be taken back on the patient's page."
        ),
        gettext_lazy("Record the death"),
        DeathForm,
        actions.record_death,
        lambda member, _identity: {"died_on": member.patient.died_on},
        danger=True,
        about_contact=True,
    ),
    "emigration": Change(
        gettext_lazy("Record an emigration"),
        gettext_lazy(
            "Holds in every register. Nothing more is sent to the patient, and follow-ups after "
            "the date are no longer expected. It can be taken back on the patient's page."
        ),
        gettext_lazy("Record the emigration"),
        EmigrationForm,
        actions.record_emigration,
        lambda member, _identity: {"emigrated_on": member.patient.emigrated_on},
        danger=True,
        about_contact=True,
    ),
    "opt-out": Change(
        gettext_lazy("Opt out of the register"),
        gettext_lazy(
            "Concerns this register only. Nothing more is sent to the patient, and nothing dated "
            "after that day can be registered. It can be taken back on the patient's page."
        ),
        gettext_lazy("Record the opt-out"),
        OptOutForm,
        actions.opt_out,
        lambda member, _identity: {"opted_out_on": member.opted_out_on},
        danger=True,
        about_contact=True,
    ),
    "erase": Change(
        gettext_lazy("Erase the identity"),
        gettext_lazy(
            "Name, number and contact are destroyed in every register, also in the history, and "
            "cannot be brought back. What was treated remains, without a person."
        ),
        gettext_lazy("Erase for good"),
        ErasureForm,
        _erase,
        lambda _member, _identity: {},
        dated=False,
        danger=True,
    ),
}


def _changes_offered(
    definition: RegisterDefinition, *, may_erase: bool
) -> dict[str, list[tuple[str, Change]]]:
    """The changes offered on a patient's page, by section."""
    left_out = {"erase"} if not may_erase else set()
    if definition.patients.consent != "consent":
        left_out.add("consent")
    offered = [(what, held) for what, held in CHANGES.items() if what not in left_out]
    return {
        "contact_changes": [one for one in offered if one[1].about_contact],
        "identity_changes": [one for one in offered if not one[1].about_contact],
    }


REVOCABLE = {
    "death": actions.revoke_death,
    "emigration": actions.revoke_emigration,
    "opt-out": actions.revoke_opt_out,
}


@login_required
def change(request: HttpRequest, register: str, membership: int, what: str) -> HttpResponse:
    """Change one thing about a member, saying first what follows from it."""
    held = CHANGES[what]
    member = member_for(
        request.viewer,
        register,
        membership,
        action=what,
        permission=Permission.ADMINISTER if what == "erase" else Permission.REGISTER,
    )
    identity = _identity(request, member) or Identity()
    form = held.form(
        request.POST or None,
        initial=held.initial(member, identity),
        **held.arguments(member, identity),
    )
    if request.method == "POST" and form.is_valid():
        told = form.told() if hasattr(form, "told") else form.cleaned_data
        told = {**told, **({"on": clock.today()} if held.dated else {})}
        try:
            held.act(by=request.viewer, membership=member, **told)
        except RuleBroken as broken:
            show_rule(form, broken)
        except IdentityErased:
            form.add_error(None, _("The identity of this patient has been erased."))
        else:
            messages.success(request, _("Saved."))
            return redirect("patients:detail", register=register, membership=membership)
    return render(
        request,
        "patients/change.html",
        {
            "register_code": register,
            "form": form,
            "member": member,
            "identity": identity,
            "change": held,
        },
    )


@login_required
@require_POST
def revoke(request: HttpRequest, register: str, membership: int, what: str) -> HttpResponse:
    """Take back a death, an emigration or an opt-out."""
    member = member_for(
        request.viewer,
        register,
        membership,
        action=f"revoke {what}",
        permission=Permission.REGISTER,
    )
    REVOCABLE[what](by=request.viewer, membership=member)
    messages.success(request, _("Taken back."))
    return redirect("patients:detail", register=register, membership=membership)


# --- Shared -----------------------------------------------------------------------------------


def _patient_form(request: HttpRequest, register: str, *, sought: str | None = None) -> PatientForm:
    return PatientForm(
        request.POST if request.POST and sought is None else None,
        initial={"number": sought or ""},
        viewer=request.viewer,
        definition=definition_for(register),
        on=clock.today(),
        suggest_url=reverse("patients:suggest", kwargs={"register": register}),
    )


def _identity(request: HttpRequest, member: Membership) -> Identity | None:
    try:
        return identity_of(request.viewer, member)
    except IdentityErased:
        return None


def _why_not(form: PatientForm) -> str:
    text = form.data.get("number", "").strip()
    if not text:
        return ""
    try:
        parse(text, form.data.get("country", ""), on=form.on)
    except ValueError as error:
        return str(error)
    return ""


def _quiet(form: PatientForm, *names: str) -> list[BoundField]:
    """Fields without errors: what is not typed yet is not wrong yet."""
    for name in names:
        form.errors.pop(name, None)
    return [form[name] for name in names]
