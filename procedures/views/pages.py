"""Pages of operations: the list, one operation, cancelling, another day."""

from collections.abc import Iterable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from procedures import policies
from procedures.actions import cancel_operation, reschedule_operation, withdraw_operation
from procedures.forms import CancelForm, ListFilterForm, RescheduleForm, WithdrawForm
from procedures.forms.values import show_refusal
from procedures.models import Operation, OperationState
from procedures.selectors import (
    earlier_operations,
    history_of,
    operation_for,
    operations_for,
    units_for,
)
from procedures.views.person import person_of, persons_of
from procedures.views.reading import facts_of
from registry.accounts.permissions import Permission
from registry.audit.actions import deny
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.core.panels import Panel, panels_for
from registry.registers.selectors import definition_for, definition_of

A_PAGE = 50


@login_required
@require_GET
def operation_list(request: HttpRequest, register: str) -> HttpResponse:
    """List the operations the viewer may see, narrowed by state, unit and dates."""
    viewer = request.viewer
    if not viewer.may(Permission.SEE_PATIENTS, register):
        deny(viewer, "list", "operation", register_code=register)
    units = units_for(viewer, register, permission=Permission.SEE_PATIENTS)
    form = ListFilterForm(request.GET, units=units)
    operations = operations_for(viewer, register).order_by("-scheduled_on", "-pk")
    if form.is_valid():
        told = form.cleaned_data
        match told["state"]:
            case OperationState.PLANNED:
                operations = operations.filter(
                    performed_on__isnull=True, cancelled_on__isnull=True
                ).order_by("scheduled_on", "pk")
            case OperationState.PERFORMED:
                operations = operations.filter(performed_on__isnull=False)
            case OperationState.CANCELLED:
                operations = operations.filter(cancelled_on__isnull=False, withdrawn=False)
            case OperationState.WITHDRAWN:
                operations = operations.filter(withdrawn=True)
        if told["unit"]:
            operations = operations.filter(unit=told["unit"])
        if told["since"]:
            operations = operations.filter(scheduled_on__gte=told["since"])
        if told["until"]:
            operations = operations.filter(scheduled_on__lte=told["until"])
    page = Paginator(operations, A_PAGE).get_page(request.GET.get("page"))
    persons = persons_of(viewer, (o.membership for o in page), on=clock.today())
    definition = definition_for(register)
    return render(
        request,
        "procedures/list.html",
        {
            "register": register,
            "form": form,
            "page": page,
            "several_units": len(units) > 1,
            "rows": [
                (operation, persons[operation.membership_id], *_labels(operation, definition))
                for operation in page
            ],
        },
    )


def _labels(operation: Operation, definition: object) -> tuple[str, str]:
    group = definition.groups.get(operation.group)
    kind = definition.procedure_types.get(operation.procedure_type)
    return (
        str(group.labels) if group else operation.group,
        str(kind.labels) if kind else operation.procedure_type,
    )


@login_required
@require_GET
def detail(request: HttpRequest, register: str, operation: int) -> HttpResponse:
    """Show one operation: what is registered, what can be done now, and its history."""
    viewer = request.viewer
    current = operation_for(viewer, register, operation)
    definition = definition_of(current.definition)
    others = [
        earlier
        for earlier in earlier_operations(viewer, current.membership)
        if earlier.operation_id != current.pk
    ]
    mine = set(
        operations_for(viewer, register)
        .filter(pk__in=[earlier.operation_id for earlier in others])
        .values_list("pk", flat=True)
    )
    return render(
        request,
        "procedures/detail.html",
        {
            "register": register,
            "operation": current,
            "person": person_of(viewer, current.membership, on=clock.today()),
            "facts": facts_of(current, definition),
            "others": [(earlier, earlier.operation_id in mine) for earlier in others],
            "history": history_of(current, definition),
            "may_change": viewer.may(Permission.REGISTER, register, current.unit_id),
            "may_perform": bool(policies.may_perform(current.state)),
            "may_reschedule": bool(policies.may_reschedule(current.state)),
            "may_cancel": bool(policies.may_cancel(current.state)),
            "may_withdraw": bool(policies.may_withdraw(current.state)),
            "may_correct": bool(policies.may_correct(current.state)),
            "may_record_result": bool(policies.may_record_result(current.state)),
            "labels": [label for label in _labels(current, definition) if label],
            **{
                name: panels_for(
                    place,
                    request,
                    register=register,
                    operation=current,
                    definition=definition,
                    details=current.details,
                )
                for name, place in (("results", "operation_results"), ("panels", "operation"))
            },
        },
    )


@login_required
@require_http_methods(["GET", "POST"])
def cancel(request: HttpRequest, register: str, operation: int) -> HttpResponse:
    """Cancel a planned operation with a reason."""
    current = operation_for(
        request.viewer, register, operation, action="cancel", permission=Permission.REGISTER
    )
    if not (verdict := policies.may_cancel(current.state)):
        return _away(request, current, verdict.reason)
    form = CancelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            cancel_operation(
                by=request.viewer,
                operation=current,
                reason=form.cleaned_data["reason"],
                on=clock.today(),
            )
        except RuleBroken as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("The operation is cancelled."))
            return redirect("procedures:detail", register=register, operation=current.pk)
    return _short(
        request,
        current,
        form,
        title=_("Cancel the operation"),
        explanation=_(
            "The operation will not be performed. Questionnaires that were not sent are not sent. "
            "This cannot be undone; plan a new operation if it is done after all."
        ),
        button=_("Cancel the operation"),
        dangerous=True,
    )


@login_required
@require_http_methods(["GET", "POST"])
def withdraw(request: HttpRequest, register: str, operation: int) -> HttpResponse:
    """Withdraw an operation registered by mistake; shows first what was registered."""
    current = operation_for(
        request.viewer, register, operation, action="withdraw", permission=Permission.REGISTER
    )
    if not (verdict := policies.may_withdraw(current.state)):
        return _away(request, current, verdict.reason)
    form = WithdrawForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            withdraw_operation(
                by=request.viewer,
                operation=current,
                reason=form.cleaned_data["reason"],
                answers_confirmed=form.cleaned_data.get("answers_confirmed", False),
                on=clock.today(),
            )
        except RuleBroken as refused:
            form.ask_about_answers_if(refused)
            show_refusal(form, refused)
        else:
            messages.success(request, _("The operation is withdrawn."))
            return redirect("procedures:detail", register=register, operation=current.pk)
    return _short(
        request,
        current,
        form,
        title=_("Withdraw the operation"),
        explanation=_(
            "For an operation that was registered by mistake, such as on the wrong patient. It "
            "counts nowhere any more and questionnaires about it end. What was registered stays "
            "in its history. This cannot be undone; an operation that was performed is "
            "registered anew."
        ),
        button=_("Withdraw the operation"),
        dangerous=True,
        preview=True,
    )


@login_required
@require_http_methods(["GET", "POST"])
def reschedule(request: HttpRequest, register: str, operation: int) -> HttpResponse:
    """Move a planned operation to another day.

    Where other apps have something to say about the new date (panels of the place
    ``reschedule``, made with ``operation`` and ``new_date``), it is shown and confirmed first.
    """
    current = operation_for(
        request.viewer, register, operation, action="reschedule", permission=Permission.REGISTER
    )
    if not (verdict := policies.may_reschedule(current.state)):
        return _away(request, current, verdict.reason)
    form = RescheduleForm(request.POST or None, initial={"planned_on": current.planned_on})
    consequences = []
    if request.method == "POST" and form.is_valid():
        if not form.is_confirmed():
            consequences = panels_for(
                "reschedule",
                request,
                register=register,
                operation=current,
                new_date=form.cleaned_data["planned_on"],
            )
        if consequences:
            form.ask_to_confirm()
            return _reschedule_page(request, current, form, consequences)
        try:
            reschedule_operation(
                by=request.viewer,
                operation=current,
                planned_on=form.cleaned_data["planned_on"],
                on=clock.today(),
            )
        except RuleBroken as refused:
            show_refusal(form, refused)
        else:
            messages.success(request, _("The operation has a new planned date."))
            return redirect("procedures:detail", register=register, operation=current.pk)
    return _reschedule_page(request, current, form, [])


def _reschedule_page(
    request: HttpRequest, operation: Operation, form: RescheduleForm, consequences: list[Panel]
) -> HttpResponse:
    return _short(
        request,
        operation,
        form,
        title=_("Another planned date"),
        explanation=_("Questionnaires that were not sent yet move with the date."),
        button=_("Move the operation"),
        dangerous=False,
        consequences=consequences,
    )


def _short(
    request: HttpRequest,
    operation: Operation,
    form: CancelForm | RescheduleForm | WithdrawForm,
    *,
    title: str,
    explanation: str,
    button: str,
    dangerous: bool,
    preview: bool = False,
    consequences: Iterable[Panel] = (),
) -> HttpResponse:
    definition = definition_of(operation.definition)
    return render(
        request,
        "procedures/short.html",
        {
            "register": operation.register_id,
            "operation": operation,
            "group": _labels(operation, definition)[0],
            "person": person_of(request.viewer, operation.membership, on=clock.today()),
            "form": form,
            "title": title,
            "explanation": explanation,
            "button": button,
            "dangerous": dangerous,
            "facts": facts_of(operation, definition) if preview else [],
            "panels": consequences,
        },
    )


def _away(request: HttpRequest, operation: Operation, reason: str) -> HttpResponse:
    messages.warning(request, reason)
    return redirect("procedures:detail", register=operation.register_id, operation=operation.pk)
