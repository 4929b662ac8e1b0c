"""The telephone worklist and its call log."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from patients.models import Membership
from patients.selectors import identities_of, member_for
from patients.vault import Identity
from proms import actions, selectors
from proms.forms import CallForm
from proms.models import CallOutcome
from proms.panels import group_label, time_point_label
from proms.policies import DAYS_UNTIL_NEXT_CALL
from proms.selectors import ToCall
from proms.selectors.telephone import LATER, NO_NUMBER, NOW, PLACES
from proms.views.staff import back_to, by_telephone
from proms.worth import ANSWERED_BEFORE, NOT_REACHED, OPENED, SILENT_BEFORE, STARTED
from registry.accounts.permissions import Permission
from registry.audit.actions import require
from registry.core import clock
from registry.core.alphabet import sort_key
from registry.core.errors import RuleBroken
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for, units_of

ROWS_A_PAGE = 25
LIKELY, POSSIBLE = 0.7, 0.45
"""From which likelihood on a call is called likely, or possible, to bring an answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """A patient to be called, as a row of the page."""

    call: ToCall
    name: str
    number: str
    dialled: str
    guardian: str
    time_point: str
    group: str
    waited: int
    chance: str
    chance_kind: str
    because: tuple[str, ...]
    share: float | None
    target: float | None


@login_required
@require_GET
def telephone(request: HttpRequest, register: str) -> HttpResponse:
    """Show whom to call, in the order in which calling pays."""
    viewer, now = request.viewer, clock.now()
    require(viewer, Permission.FOLLOW_UP, register)
    today = clock.civil_date(now)
    definition = definition_for(register)
    place = request.GET.get("show", NOW)
    place = place if place in PLACES else NOW
    unit = request.GET.get("unit", "")
    unit_id = int(unit) if unit.isdigit() else None
    number = request.GET.get("page", "")
    offset = (max(1, int(number)) - 1) * ROWS_A_PAGE if number.isdigit() else 0
    found = selectors.telephone_worklist(
        viewer,
        register,
        now=now,
        place=place,
        unit_id=unit_id,
        offset=offset,
        limit=ROWS_A_PAGE,
    )
    # The rows are already those of the page; the paginator only counts pages.
    page = Paginator(range(found.by_place[place]), ROWS_A_PAGE).get_page(number)
    members = Membership.objects.filter(pk__in=[row.membership_id for row in found.rows])
    identities = identities_of(viewer, members, action="telephone")
    labels = {
        NOW: _("To call now"),
        LATER: _("Later"),
        NO_NUMBER: _("Without a number"),
    }
    return render(
        request,
        "proms/telephone.html",
        {
            "register": register,
            "definition": definition,
            "tab": "telephone",
            "place": place,
            "places": [(key, labels[key], found.by_place[key]) for key in PLACES],
            "unit_id": unit_id,
            "units": sorted(
                (
                    (one.pk, one.name, found.by_unit.get(one.pk, 0))
                    for one in units_of(register)
                    if viewer.may(Permission.FOLLOW_UP, register, one.pk)
                ),
                key=lambda one: sort_key(one[1]),
            ),
            "page": page,
            "lines": [
                line_of(row, definition, identities.get(row.membership_id), today)
                for row in found.rows
            ],
            "outcomes": OUTCOMES,
            "earliest": now,
        },
    )


OUTCOMES = (
    CallOutcome.ANSWERED,
    CallOutcome.NO_ANSWER,
    CallOutcome.MESSAGE_LEFT,
    CallOutcome.WRONG_NUMBER,
    CallOutcome.DECLINED,
)
"""One button each, and one key: 1 to 5. To call back asks for a moment: key 6."""


@login_required
@require_POST
def log_call(request: HttpRequest, register: str, invitation: int) -> HttpResponse:
    """Note how a call ended; for an answer by telephone go on to the questions."""
    held = selectors.invitation_for(request.viewer, register, invitation)
    member_for(
        request.viewer,
        register,
        held.membership_id,
        action="call",
        permission=Permission.FOLLOW_UP,
    )
    form = CallForm(request.POST)
    try:
        if not form.is_valid():
            raise RuleBroken(" ".join(text for texts in form.errors.values() for text in texts))
        attempt = actions.log_call(
            by=request.viewer,
            invitation=held,
            outcome=form.cleaned_data["outcome"],
            now=clock.now(),
            call_back_at=form.cleaned_data["call_back_at"],
            note=form.cleaned_data["note"],
            recipient=form.cleaned_data["recipient"] or "patient",
            seen=form.cleaned_data["seen"],
        )
    except RuleBroken as error:
        messages.error(request, " ".join(error.messages))
    else:
        if attempt.outcome == CallOutcome.ANSWERED:
            return by_telephone(request, register, invitation)
        messages.success(request, _noted(attempt.outcome, attempt.call_back_at))
    return redirect(back_to(request, reverse("proms:telephone", args=[register])))


@login_required
@require_POST
def void_call(request: HttpRequest, register: str, invitation: int) -> HttpResponse:
    """Mark a call (``call`` in the form) that was noted by mistake."""
    held = selectors.invitation_for(request.viewer, register, invitation)
    member = member_for(
        request.viewer,
        register,
        held.membership_id,
        action="void_call",
        permission=Permission.FOLLOW_UP,
    )
    chosen = request.POST.get("call", "")
    calls = {str(one.pk): one for one in selectors.calls_to(request.viewer, member)}
    try:
        if chosen not in calls or calls[chosen].invitation_id != held.pk:
            raise RuleBroken(_("Choose the call that was noted by mistake."))
        actions.void_call(
            by=request.viewer,
            attempt=calls[chosen],
            reason=request.POST.get("reason", ""),
            now=clock.now(),
        )
    except RuleBroken as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("The call counts no more. It stays in the log."))
    default = reverse("patients:detail", args=[register, held.membership_id])
    return redirect(back_to(request, default))


def _noted(outcome: str, call_back_at: datetime | None) -> str:
    days = DAYS_UNTIL_NEXT_CALL.get(outcome, 0)
    if outcome == CallOutcome.NO_ANSWER:
        return ngettext(
            "Noted: no answer. The patient comes back to the list in %(days)d day.",
            "Noted: no answer. The patient comes back to the list in %(days)d days.",
            days,
        ) % {"days": days}
    if outcome == CallOutcome.MESSAGE_LEFT:
        return ngettext(
            "Noted: message left. The patient comes back to the list in %(days)d day.",
            "Noted: message left. The patient comes back to the list in %(days)d days.",
            days,
        ) % {"days": days}
    if outcome == CallOutcome.CALL_BACK:
        moment = date_format(timezone.localtime(call_back_at), "SHORT_DATETIME_FORMAT")
        return _("Noted: to be called back %(moment)s.") % {"moment": moment}
    if outcome == CallOutcome.WRONG_NUMBER:
        return _("Noted: the number is wrong. It is not called until it has been changed.")
    return _("Noted: the patient does not want to answer.")


def line_of(
    row: ToCall, definition: RegisterDefinition, identity: Identity | None, today: date
) -> Line:
    """Make the row of a patient to be called; without an identity it has no name or number."""
    guardian = row.recipient == "guardian"
    number = ""
    if identity is not None and row.recipient:
        number = identity.guardian_telephone if guardian else identity.telephone
    chance, kind = _chance(row.likelihood)
    return Line(
        call=row,
        name=identity.name if identity else "",
        number=number,
        dialled=re.sub(r"[^\d+]", "", number),
        guardian=(identity.guardian_name or _("guardian")) if guardian and identity else "",
        time_point=time_point_label(definition, row.time_point),
        group=group_label(definition, row.group),
        waited=row.days_waited(today),
        chance=chance,
        chance_kind=kind,
        because=tuple(_because(row)),
        share=None if row.standing.share is None else 100 * row.standing.share,
        target=None if row.standing.target is None else 100 * row.standing.target,
    )


def _chance(likelihood: float) -> tuple[str, str]:
    if likelihood >= LIKELY:
        return _("An answer is likely"), "success"
    if likelihood >= POSSIBLE:
        return _("An answer is possible"), "neutral"
    return _("An answer is less likely"), "neutral"


def _because(row: ToCall) -> list[str]:
    """Say what makes an answer more or less likely, as proms.worth judges it."""
    texts = {
        STARTED: _("has begun the form"),
        OPENED: _("has opened the link"),
        NOT_REACHED: _("has not been reached yet"),
    }
    found = [texts[row.progress]] if row.progress in texts else []
    if row.habit == ANSWERED_BEFORE:
        found.append(_("answered last time"))
    elif row.habit == SILENT_BEFORE:
        found.append(_("did not answer last time"))
    if row.days_left <= 14:
        found.append(
            ngettext("%(days)d day left", "%(days)d days left", row.days_left)
            % {"days": row.days_left}
        )
    return found
