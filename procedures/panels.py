"""What operations show on pages made of several apps: home, the patient's page, the menu."""

from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from patients.models import Membership
from procedures.models import Operation, OperationDraft
from procedures.selectors import (
    Waiting,
    earlier_operations,
    operations_of,
    units_for,
    worklist,
)
from procedures.views.person import persons_of
from registry.accounts.permissions import Permission
from registry.core import clock
from registry.core.panels import MenuEntry, Panel
from registry.registers.selectors import definition_for

SHOWN_AT_HOME = 8


def may_see_operations(request: HttpRequest, register: str) -> bool:
    """Whether the menu offers operations."""
    return request.viewer.may(Permission.SEE_PATIENTS, register)


MENU = MenuEntry(
    label=gettext_lazy("Operations"),
    url_name="procedures:list",
    position=30,
    visible=may_see_operations,
)


def home(request: HttpRequest, *, register: str) -> Panel | None:
    """What waits for the viewer: operations to register, drafts and results to finish."""
    if not request.viewer.may(Permission.REGISTER, register):
        return None
    today = clock.today()
    waiting = worklist(request.viewer, register, on=today, most=SHOWN_AT_HOME)
    if waiting.empty:
        return None
    shown = [*waiting.to_register, *waiting.drafts, *waiting.results]
    members = Membership.objects.select_related("patient").in_bulk(
        {one.membership_id for one in shown}
    )
    persons = persons_of(request.viewer, members.values(), on=today)

    def rows(some: list[Waiting]) -> list[tuple[Waiting, object]]:
        return [(one, persons[one.membership_id]) for one in some]

    return Panel(
        "procedures/panels/home.html",
        {
            "register": register,
            "to_register": rows(waiting.to_register),
            "to_register_count": waiting.to_register_count,
            "drafts": rows(waiting.drafts),
            "results": rows(waiting.results),
            "results_count": waiting.results_count,
            "more": SHOWN_AT_HOME,
        },
    )


def patient(request: HttpRequest, *, register: str, membership: Membership) -> Panel | None:
    """The patient's operations from left to right, and how to add one."""
    viewer = request.viewer
    if not viewer.may(Permission.SEE_PATIENTS, register):
        return None
    definition = definition_for(register)
    mine = operations_of(viewer, membership)
    known = {operation.pk for operation in mine}
    others = [
        one for one in earlier_operations(viewer, membership) if one.operation_id not in known
    ]
    steps = [
        (operation.counts_on, operation, _group(operation, definition), None) for operation in mine
    ]
    steps += [(one.performed_on, None, "", one) for one in others]
    may_register = bool(units_for(viewer, register, permission=Permission.REGISTER))
    return Panel(
        "procedures/panels/patient.html",
        {
            "register": register,
            "membership": membership,
            "steps": sorted(steps, key=lambda step: step[0]),
            "drafts": OperationDraft.objects.filter(
                author_id=viewer.user_id, membership=membership, operation__isnull=True
            ),
            "may_register": may_register and membership.opted_out_on is None,
        },
    )


def _group(operation: Operation, definition: object) -> str:
    group = definition.groups.get(operation.group)
    return str(group.labels) if group else operation.group
