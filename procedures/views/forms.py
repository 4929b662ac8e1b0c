"""The long forms: plan, register as performed, correct, record the result.

A form posts to its own address. What the pressed button says (``do``) decides: nothing or
``draft`` keeps what was typed, ``fields`` and ``rows-…`` show more of the form, ``discard`` throws
the draft away, ``submit`` hands it to the action. htmx saves on every change and gets only the
part that changed; without scripts the same buttons load the page anew.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from patients.models import Membership
from patients.selectors import member_for
from procedures import policies
from procedures.actions import (
    correct_operation,
    discard_draft,
    perform_operation,
    plan_operation,
    record_result,
    register_performed_operation,
    save_draft,
)
from procedures.entries import ConfirmationNeeded
from procedures.forms import OperationForm, ResultForm
from procedures.forms.result import result_values_of
from procedures.forms.values import values_of
from procedures.models import Operation, OperationDraft, OperationState
from procedures.selectors import (
    draft_for,
    entry_of,
    lookup_diagnoses,
    operation_for,
    revisable_operations,
    units_for,
)
from procedures.views.person import person_of
from registry.accounts.permissions import Permission
from registry.audit.actions import deny
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.core.panels import panels_for
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for, definition_of
from registry.units.models import Unit

NOT_TYPED = frozenset({"csrfmiddlewaretoken", "do"})


@dataclass(slots=True)
class FormPage:
    """One long form: about whom, what it shows first, and what submitting does."""

    purpose: str
    title: str
    submit_label: str
    membership: Membership
    definition: RegisterDefinition
    make_form: Callable[[Mapping[str, list[str]], bool], Any]
    submit: Callable[[Any], Operation]
    done: Callable[[Operation], str]
    units: list[Unit]
    operation: Operation | None = None
    first_values: dict[str, list[str]] = field(default_factory=dict)
    cancel_url: str = ""


@login_required
@require_http_methods(["GET", "POST"])
def plan(request: HttpRequest, register: str, membership: int) -> HttpResponse:
    """Plan an operation of a member."""
    member = member_for(request.viewer, register, membership, permission=Permission.REGISTER)
    return _answer(request, _new_page(request, member, performing=False))


@login_required
@require_http_methods(["GET", "POST"])
def register_performed(request: HttpRequest, register: str, membership: int) -> HttpResponse:
    """Register an operation that nobody had planned here."""
    member = member_for(request.viewer, register, membership, permission=Permission.REGISTER)
    return _answer(request, _new_page(request, member, performing=True))


@login_required
@require_http_methods(["GET", "POST"])
def perform(request: HttpRequest, register: str, operation: int) -> HttpResponse:
    """Register a planned operation as performed."""
    current = _to_change(request, register, operation, "perform")
    if not (verdict := policies.may_perform(current.state)):
        return _sent_away(request, current, verdict.reason)
    member, today = current.membership, clock.today()
    definition = definition_for(register)
    if current.group not in definition.groups:
        definition = definition_of(current.definition)
    planned = entry_of(current)
    first = values_of(
        replace(planned, performed_on=min(current.planned_on, today)),
        unit=current.unit,
        revises=current.revises,
    )

    def submit(form: OperationForm) -> Operation:
        stated = form.stated()
        entry = stated.entry
        return perform_operation(
            by=request.viewer,
            operation=current,
            performed_on=entry.performed_on,
            procedures=entry.procedures,
            unit=stated.unit,
            group=entry.group,
            diagnosis=entry.diagnosis,
            side=entry.side,
            levels=entry.levels,
            details=entry.details,
            complications=entry.complications,
            complications_assessed_on=entry.complications_assessed_on,
            implants=entry.implants,
            revises=stated.revises,
            confirmed_warnings=form.confirmed(),
            on=today,
        )

    return _answer(
        request,
        _page(
            request,
            member,
            definition,
            purpose="perform",
            performing=True,
            title=_("Register the operation as performed"),
            submit_label=_("Register the operation"),
            submit=submit,
            operation=current,
            first_values=first,
            told=_("The operation is registered as performed."),
        ),
    )


@login_required
@require_http_methods(["GET", "POST"])
def correct(request: HttpRequest, register: str, operation: int) -> HttpResponse:
    """Correct what was registered, with a reason."""
    current = _to_change(request, register, operation, "correct")
    if not (verdict := policies.may_correct(current.state)):
        return _sent_away(request, current, verdict.reason)
    stored = entry_of(current)
    performing = current.state == OperationState.PERFORMED
    definition = definition_of(current.definition)
    result_keys = {v.key for v in definition.procedures.variables if v.section == "result"}

    def submit(form: OperationForm) -> Operation:
        stated = form.stated()
        kept = {key: value for key, value in stored.details.items() if key in result_keys}
        entry = replace(stated.entry, details={**kept, **stated.entry.details}, goals=stored.goals)
        if performing:
            entry = replace(entry, planned_on=stored.planned_on)
        return correct_operation(
            by=request.viewer,
            operation=current,
            entry=entry,
            unit=stated.unit,
            revises=stated.revises,
            reason=form.typed("reason"),
            confirmed_warnings=form.confirmed(),
            on=clock.today(),
        )

    return _answer(
        request,
        _page(
            request,
            current.membership,
            definition,
            purpose="correct",
            performing=performing,
            title=_("Correct the operation"),
            submit_label=_("Save the correction"),
            submit=submit,
            operation=current,
            first_values=values_of(stored, unit=current.unit, revises=current.revises),
            told=_("The correction is saved."),
        ),
    )


@login_required
@require_http_methods(["GET", "POST"])
def result(request: HttpRequest, register: str, operation: int) -> HttpResponse:
    """Record complications, goals and the result of a performed operation."""
    current = _to_change(request, register, operation, "record_result")
    if not (verdict := policies.may_record_result(current.state)):
        return _sent_away(request, current, verdict.reason)
    stored = entry_of(current)
    definition = definition_of(current.definition)

    def make_form(values: Mapping[str, list[str]], judged: bool) -> ResultForm:
        return ResultForm(
            values, definition=definition, entry=stored, on=clock.today(), judged=judged
        )

    def submit(form: ResultForm) -> Operation:
        stated = form.stated_result()
        return record_result(
            by=request.viewer,
            operation=current,
            details=stated.details,
            goals=stated.goals,
            complications=stated.complications,
            complications_assessed_on=stated.complications_assessed_on,
            confirmed_warnings=form.confirmed(),
            on=clock.today(),
        )

    return _answer(
        request,
        FormPage(
            purpose="result",
            title=_("Result and complications"),
            submit_label=_("Save the result"),
            membership=current.membership,
            definition=definition,
            make_form=make_form,
            submit=submit,
            done=lambda done: _("The result is saved."),
            units=[current.unit],
            operation=current,
            first_values=result_values_of(stored),
            cancel_url=_operation_url(current),
        ),
    )


# --- Making a page ----------------------------------------------------------------------------


def _new_page(request: HttpRequest, member: Membership, *, performing: bool) -> FormPage:
    today = clock.today()

    def submit(form: OperationForm) -> Operation:
        stated = form.stated()
        entry = stated.entry
        shared: dict[str, Any] = {
            "by": request.viewer,
            "membership": member,
            "unit": stated.unit,
            "group": entry.group,
            "diagnosis": entry.diagnosis,
            "side": entry.side,
            "levels": entry.levels,
            "procedures": entry.procedures,
            "details": entry.details,
            "revises": stated.revises,
            "confirmed_warnings": form.confirmed(),
            "on": today,
        }
        if not performing:
            return plan_operation(planned_on=entry.planned_on, **shared)
        return register_performed_operation(
            performed_on=entry.performed_on,
            complications=entry.complications,
            complications_assessed_on=entry.complications_assessed_on,
            implants=entry.implants,
            **shared,
        )

    return _page(
        request,
        member,
        definition_for(member.register_id),
        purpose="perform" if performing else "plan",
        performing=performing,
        title=_("Register an operation") if performing else _("Plan an operation"),
        submit_label=_("Register the operation") if performing else _("Plan the operation"),
        submit=submit,
        # Most operations are registered on the day itself, by whoever comes from the theatre.
        first_values={"performed_on": [today.isoformat()]} if performing else None,
        told=_("The operation is registered.") if performing else _("The operation is planned."),
    )


def _page(
    request: HttpRequest,
    member: Membership,
    definition: RegisterDefinition,
    *,
    purpose: str,
    performing: bool,
    title: str,
    submit_label: str,
    submit: Callable[[OperationForm], Operation],
    told: str,
    operation: Operation | None = None,
    first_values: dict[str, list[str]] | None = None,
) -> FormPage:
    units = units_for(request.viewer, definition.code, permission=Permission.REGISTER)
    earlier = revisable_operations(
        request.viewer, member, but=operation.pk if operation is not None else None
    )
    on = clock.today()

    def make_form(values: Mapping[str, list[str]], judged: bool) -> OperationForm:
        group = next(iter(values.get("group", ())), "")
        return OperationForm(
            values,
            definition=definition,
            purpose=purpose,
            performing=performing,
            units=units,
            earlier=earlier,
            on=on,
            suggestions=lookup_diagnoses(request.viewer, definition, group, on=on),
            judged=judged,
        )

    return FormPage(
        purpose=purpose,
        title=title,
        submit_label=submit_label,
        membership=member,
        definition=definition,
        make_form=make_form,
        submit=submit,
        done=lambda done: told,
        units=units,
        operation=operation,
        first_values=first_values or {},
        cancel_url=_operation_url(operation)
        if operation is not None
        else reverse(
            "patients:detail", kwargs={"register": definition.code, "membership": member.pk}
        ),
    )


# --- Answering --------------------------------------------------------------------------------


def _answer(request: HttpRequest, page: FormPage) -> HttpResponse:
    draft = draft_for(request.viewer, page.membership, page.operation, page.purpose)
    if request.method == "GET":
        return _shown(
            request, page, page.make_form(draft.data if draft else page.first_values, False), draft
        )
    values = {name: request.POST.getlist(name) for name in request.POST if name not in NOT_TYPED}
    do = request.POST.get("do", "")
    if do == "discard":
        if draft is not None:
            discard_draft(by=request.viewer, draft=draft)
            messages.info(request, _("The draft is discarded."))
        return redirect(page.cancel_url)
    if do == "submit":
        return _submitted(request, page, values, draft)
    if do.startswith("rows-"):
        what = do.removeprefix("rows-")
        shown = page.make_form(values, False).rows(what)
        values[f"{what}-rows"] = [str(shown + 1)]
    draft = _kept(request, page, values)
    if not request.htmx:
        return redirect(request.path)
    template = "_form_body.html" if do == "fields" or do.startswith("rows-") else "_form_aside.html"
    form = page.make_form(values, False)
    return render(
        request, f"procedures/{template}", _context(request, page, form, draft, partial=True)
    )


def _submitted(
    request: HttpRequest,
    page: FormPage,
    values: dict[str, list[str]],
    draft: OperationDraft | None,
) -> HttpResponse:
    form = page.make_form(values, True)
    try:
        operation = page.submit(form)
    except ConfirmationNeeded as needed:
        form.ask(needed.warnings)
    except RuleBroken as refused:
        form.refuse(refused)
    else:
        messages.success(request, page.done(operation))
        return redirect(_operation_url(operation))
    draft = _kept(request, page, values)
    return _shown(request, page, form, draft)


def _kept(request: HttpRequest, page: FormPage, values: dict[str, list[str]]) -> OperationDraft:
    """The draft with what was typed; boxes that confirm a question are asked anew."""
    chosen = next(iter(values.get("unit", ())), "")
    unit = next((u for u in page.units if str(u.pk) == chosen), None)
    if unit is None:
        unit = page.operation.unit if page.operation is not None else next(iter(page.units), None)
    if unit is None:
        deny(
            request.viewer,
            "save_draft",
            "operation",
            patient_id=page.membership.patient_id,
            register_code=page.membership.register_id,
        )
    return save_draft(
        by=request.viewer,
        membership=page.membership,
        unit=unit,
        purpose=page.purpose,
        operation=page.operation,
        data={name: held for name, held in values.items() if name != "confirm" and any(held)},
    )


def _shown(
    request: HttpRequest,
    page: FormPage,
    form: OperationForm,
    draft: OperationDraft | None,
) -> HttpResponse:
    context = _context(request, page, form, draft)
    context["person"] = person_of(request.viewer, page.membership, on=clock.today())
    return render(request, "procedures/form.html", context)


def _context(
    request: HttpRequest,
    page: FormPage,
    form: OperationForm,
    draft: OperationDraft | None,
    *,
    partial: bool = False,
) -> dict[str, Any]:
    done, expected = form.counted()
    return {
        "page": page,
        "form": form,
        "group": form.group,  # a template would take form.group for the field of that name
        "sections": form.sections(),
        "summary": form.summary(),
        "done": done,
        "expected": expected,
        "draft": draft,
        "panels": panels_for(
            "operation_form",
            request,
            register=page.definition.code,
            definition=page.definition,
            details=form.details_as_typed(),
        ),
        "saved_at": localtime(clock.now()) if partial else draft and localtime(draft.updated_at),
        "register": page.definition.code,
        "partial": partial,
    }


def _to_change(request: HttpRequest, register: str, pk: int, action: str) -> Operation:
    return operation_for(
        request.viewer, register, pk, action=action, permission=Permission.REGISTER
    )


def _sent_away(request: HttpRequest, operation: Operation, reason: str) -> HttpResponse:
    messages.warning(request, reason)
    return redirect(_operation_url(operation))


def _operation_url(operation: Operation) -> str:
    return reverse(
        "procedures:detail",
        kwargs={"register": operation.register_id, "operation": operation.pk},
    )
