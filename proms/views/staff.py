"""Following up as staff see it: the worklist, and what is done about one patient."""

from dataclasses import dataclass
from datetime import timedelta

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from patients.models import Membership
from patients.selectors import identities_of, member_for
from proms import actions, selectors
from proms.models import EntryMethod
from proms.panels import group_label, shown, time_point_label
from proms.status import WAITING, Status
from registry.accounts.permissions import Permission
from registry.audit.actions import deny
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.messaging.models import Channel
from registry.messaging.policies import enhanced_status
from registry.registers.selectors import definition_for

ROWS_A_PAGE = 50
VIEWS = {
    "todo": (Status.UNREACHABLE, Status.TO_INVITE),
    "waiting": tuple(WAITING),
    "answered": (Status.COMPLETED,),
    "missed": (Status.MISSED, Status.DECLINED),
}


@dataclass(frozen=True, slots=True)
class FailedLine:
    """A patient whose last message did not arrive, as a row of the page."""

    what: selectors.NotArrived
    name: str
    time_point: str
    group: str
    why: str


WHY = {
    "1": gettext_lazy("There is no such address."),
    "2": gettext_lazy("The mailbox does not take it; it may be full."),
    "3": gettext_lazy("The other mail server has a fault."),
    "4": gettext_lazy("The other mail server was not reached."),
    "5": gettext_lazy("The other mail server has a fault."),
    "6": gettext_lazy("The other mail server did not take the text."),
    "7": gettext_lazy("A rule or a filter refused it, for example as spam."),
}
"""By the second part of an enhanced status code (RFC 3463)."""


def why_not_arrived(one: selectors.NotArrived) -> str:
    """Say in words why a message did not arrive, with the code for who looks into it."""
    status = one.status or enhanced_status(one.error)
    if status == "delayed":
        return _("It is delayed; the other mail server goes on trying.")
    parts = status.split(".")
    words = str(WHY.get(parts[1], "")) if len(parts) == 3 else ""
    if one.channel == Channel.SMS:
        words = _("The text message was not taken.")
    code = status if len(parts) == 3 else one.error
    words = words or _("It was not taken, and no reason was given.")
    return f"{words} ({code})" if code else words


@login_required
@require_GET
def worklist(request: HttpRequest, register: str) -> HttpResponse:
    """Show what is due, sent, waiting and missed by unit, and the patients behind it."""
    viewer, today = request.viewer, clock.today()
    if not viewer.may(Permission.FOLLOW_UP, register):
        deny(viewer, "follow_up", "register", register, register_code=register)
    definition = definition_for(register)
    view = request.GET.get("show", "todo")
    view = view if view in VIEWS else "todo"
    unit = request.GET.get("unit", "")
    unit_id = int(unit) if unit.isdigit() else None
    found = selectors.worklist(
        viewer, register, on=today, statuses=VIEWS[view], unit_id=unit_id
    ).filter(due_on__gte=today - timedelta(days=730))
    found = found.annotate(answered_by=selectors.WHO_ANSWERED)
    page = Paginator(found, ROWS_A_PAGE).get_page(request.GET.get("page"))
    members = {one.operation.membership_id: one.operation.membership for one in page}
    identities = identities_of(viewer, members.values(), action="follow_up")
    counts = selectors.counts_by_unit(
        viewer, register, on=today, since=today - timedelta(days=730), language=get_language()
    )
    to_call = selectors.telephone_worklist(viewer, register, now=clock.now(), limit=0)
    letters: set[int] = set()
    if any(one.status == Status.UNREACHABLE for one in page):
        letters.update(selectors.invitations_by_letter(viewer, register, now=clock.now()))
    failed, failed_number = selectors.not_arrived(viewer, register, on=today, unit_id=unit_id)
    members_failed = Membership.objects.filter(pk__in=[one.membership_id for one in failed])
    names = {
        pk: held.name
        for pk, held in identities_of(viewer, members_failed, action="not_arrived").items()
    }
    chosen = [unit for unit in counts if unit_id in (None, unit.unit_id)]
    labels = {
        "todo": _("To do"),
        "waiting": _("Waiting for an answer"),
        "answered": _("Answered"),
        "missed": _("Not answered"),
    }
    return render(
        request,
        "proms/worklist.html",
        {
            "register": register,
            "register_code": register,
            "definition": definition,
            "tab": "worklist",
            "counts": [(unit, to_call.by_unit.get(unit.unit_id, 0)) for unit in counts],
            "page": page,
            "rows": [
                shown(one, definition, identities.get(one.operation.membership_id), today)
                for one in page
            ],
            "failed": [
                FailedLine(
                    one,
                    names.get(one.membership_id, ""),
                    time_point_label(definition, one.time_point),
                    group_label(definition, one.group),
                    why_not_arrived(one),
                )
                for one in failed
            ],
            "failed_number": failed_number,
            "letters": letters,
            "view": view,
            "unit_id": unit_id,
            "views": [
                (key, label, sum(getattr(unit, key) for unit in chosen))
                for key, label in labels.items()
            ],
        },
    )


@login_required
@require_POST
def invite(request: HttpRequest, register: str, membership: int) -> HttpResponse:
    """Ask one patient now what is open."""
    member = member_for(
        request.viewer, register, membership, action="invite", permission=Permission.FOLLOW_UP
    )
    if actions.invite_member(membership_id=member.pk, now=clock.now()) is None:
        messages.warning(request, _("There is nothing to ask this patient now."))
    else:
        messages.success(request, _("The questions will be sent within a few minutes."))
    return redirect(back_to(request, reverse("patients:detail", args=[register, member.pk])))


@login_required
@require_POST
def act(request: HttpRequest, register: str, invitation: int, what: str) -> HttpResponse:
    """Send again, send a new link, note a refusal or that mail does not reach the patient."""
    held = selectors.invitation_for(request.viewer, register, invitation)
    member_for(
        request.viewer,
        register,
        held.membership_id,
        action=what,
        permission=Permission.FOLLOW_UP,
    )
    does = {
        "send": (actions.send_again, _("The questions will be sent within a few minutes.")),
        "new-link": (actions.send_new_link, _("A new link will be sent. The old one is closed.")),
        "decline": (actions.decline, _("Noted: the patient does not want to answer.")),
        "unreachable": (actions.mark_unreachable, _("Noted: to be called instead.")),
    }
    try:
        do, done = does[what]
        do(invitation=held, now=clock.now())
    except RuleBroken as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, done)
    default = reverse("patients:detail", args=[register, held.membership_id])
    return redirect(back_to(request, default))


@login_required
@require_POST
def undo_decline(request: HttpRequest, register: str, invitation: int) -> HttpResponse:
    """Take back a refusal that was noted by mistake."""
    held = selectors.invitation_for(request.viewer, register, invitation)
    member_for(
        request.viewer,
        register,
        held.membership_id,
        action="undo_decline",
        permission=Permission.FOLLOW_UP,
    )
    try:
        actions.undo_decline(
            invitation=held, reason=request.POST.get("reason", ""), now=clock.now()
        )
    except RuleBroken as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("Taken back. The patient is asked again."))
    default = reverse("patients:detail", args=[register, held.membership_id])
    return redirect(back_to(request, default))


def back_to(request: HttpRequest, default: str) -> str:
    """Return the page of ours on which a button was pressed, as its form says; else ``default``."""
    back = request.POST.get("back", "")
    safe = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    return back if safe else default


@login_required
@require_POST
def by_telephone(request: HttpRequest, register: str, invitation: int) -> HttpResponse:
    """Open the page on which answers given by telephone are typed; they are marked as such."""
    held = selectors.invitation_for(request.viewer, register, invitation)
    reason = actions.why_not_open(held, clock.today())
    if reason:
        messages.error(request, reason)
        return redirect("patients:detail", register, held.membership_id)
    return redirect("proms:enter", register, held.pk, EntryMethod.TELEPHONE.value)
