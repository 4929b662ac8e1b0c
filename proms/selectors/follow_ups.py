"""Follow-ups, invitations and scores: the worklist, and what belongs to one patient."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.utils.translation import gettext as _

from patients.models import Membership
from patients.policies import age_on
from procedures.models import Operation
from proms.instruments import Instrument, Scale, instrument
from proms.models import FollowUp, Invitation, Response, Score, StoppedReminders
from proms.plans import plan_for
from proms.scoring import score_one
from proms.status import WAITING, Status, status_expression
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny
from registry.core.alphabet import sort_key
from registry.registers.schema import RegisterDefinition

WHO_ANSWERED = Subquery(
    Response.objects.filter(invitation=OuterRef("invitation"), current=True).values("answered_by")[
        :1
    ]
)
"""Of a follow-up: who gave the answers that count, None without any, "" where it was not said."""

TO_DO = (Status.UNREACHABLE, Status.TO_INVITE)
"""What waits for staff: patients to be called, and what the next run cannot send by itself."""


def follow_ups_for(
    viewer: Viewer, register_code: str, *, permission: Permission = Permission.FOLLOW_UP
) -> QuerySet[FollowUp]:
    """Return the follow-ups of operations at the viewer's units, or of the whole register."""
    everything = FollowUp.objects.filter(operation__register_id=register_code).select_related(
        "invitation", "operation__unit", "operation__membership__patient"
    )
    if viewer.whole_register(permission, register_code):
        return everything
    return everything.filter(operation__unit__in=viewer.unit_ids(permission, register_code))


def worklist(
    viewer: Viewer,
    register_code: str,
    *,
    on: date,
    statuses: Iterable[str] = (),
    unit_id: int | None = None,
) -> QuerySet[FollowUp]:
    """Return follow-ups whose window has opened, with their status on a day, oldest due first."""
    found = follow_ups_for(viewer, register_code).filter(
        opens_on__lte=on, operation__cancelled_on__isnull=True
    )
    if unit_id is not None:
        found = found.filter(operation__unit_id=unit_id)
    found = found.annotate(status=status_expression(on))
    wanted = list(statuses)
    if wanted:
        found = found.filter(status__in=wanted)
    return found.order_by("due_on", "pk")


@dataclass(frozen=True, slots=True)
class UnitCounts:
    """How many follow-ups of a unit are in each state on a day."""

    unit_id: int
    unit: str
    to_invite: int
    waiting: int
    unreachable: int
    answered: int
    missed: int

    @property
    def todo(self) -> int:
        """What waits for staff."""
        return self.to_invite + self.unreachable


def counts_by_unit(
    viewer: Viewer, register_code: str, *, on: date, since: date, language: str | None = None
) -> list[UnitCounts]:
    """Count follow-ups due since a day by unit and state, units in the alphabet of a language.

    Who has declined counts as missed.
    """
    rows = (
        worklist(viewer, register_code, on=on)
        .filter(due_on__gte=since)
        .order_by()
        .values_list("operation__unit_id", "operation__unit__name", "status")
        .annotate(n=Count("pk"))
    )
    units: dict[tuple[str, int], dict[str, int]] = {}
    for unit_id, name, status, n in rows:
        units.setdefault((name, unit_id), {})[status] = n
    return [
        UnitCounts(
            unit_id,
            name,
            held.get(Status.TO_INVITE, 0),
            sum(held.get(status, 0) for status in WAITING),
            held.get(Status.UNREACHABLE, 0),
            held.get(Status.COMPLETED, 0),
            held.get(Status.MISSED, 0) + held.get(Status.DECLINED, 0),
        )
        for (name, unit_id), held in sorted(
            units.items(), key=lambda one: (sort_key(one[0][0], language or "da"), one[0][1])
        )
    ]


def follow_ups_of(viewer: Viewer, membership: Membership, *, on: date) -> QuerySet[FollowUp]:
    """Return a member's follow-ups at the viewer's units with their status, in order of time."""
    return (
        follow_ups_for(viewer, membership.register_id)
        .filter(operation__membership=membership)
        .annotate(status=status_expression(on), answered_by=WHO_ANSWERED)
        .order_by("operation__scheduled_on", "opens_on")
    )


def follow_ups_of_operation(
    viewer: Viewer, operation: Operation, *, on: date
) -> QuerySet[FollowUp]:
    """Return an operation's follow-ups with their status in order of time, if the viewer may."""
    return follow_ups_of(viewer, operation.membership, on=on).filter(operation=operation)


def scores_of(viewer: Viewer, membership: Membership) -> QuerySet[Score]:
    """Return the current scores of a member's operations at the viewer's units."""
    return (
        Score.objects.filter(response__in=_responses_of(viewer, membership))
        .select_related("response__invitation")
        .order_by("scale", "response__answered_on")
    )


class TextScore(NamedTuple):
    """A scale whose value is a text, such as the profile 11231; "" where answers are missing."""

    response: Response
    instrument: Instrument
    scale: Scale
    value: str


def text_scores_of(viewer: Viewer, membership: Membership) -> list[TextScore]:
    """Return the scores that are texts, of the responses whose numbers ``scores_of`` returns.

    They say no more than the answers, so they are not stored: they are read from them.
    """
    found = []
    for response in (
        _responses_of(viewer, membership).select_related("invitation").order_by("answered_on")
    ):
        for code, held in response.instruments.items():
            asked = instrument(code, held["version"])
            texts = [scale for scale in asked.scales if scale.kind == "text"]
            if not texts:
                continue
            given = {item: response.answers.get(item) for item in asked.item_codes}
            scored = score_one(code, given, version=asked.version)
            found += [
                TextScore(response, asked, scale, scored[scale.code].value or "") for scale in texts
            ]
    return found


def _responses_of(viewer: Viewer, membership: Membership) -> QuerySet[Response]:
    visible = follow_ups_for(viewer, membership.register_id, permission=Permission.SEE_PATIENTS)
    return Response.objects.filter(
        current=True,
        invitation__in=visible.filter(operation__membership=membership)
        .order_by()
        .values("invitation"),
    )


def stopped_reminders_of(viewer: Viewer, membership: Membership) -> list[StoppedReminders]:
    """Return when a member said "no more reminders", at the viewer's units, the newest first."""
    asked = follow_ups_for(viewer, membership.register_id).filter(operation__membership=membership)
    return list(
        StoppedReminders.objects.filter(invitation__in=asked.order_by().values("invitation"))
        .select_related("invitation")
        .order_by("-at")
    )


def invitation_for(viewer: Viewer, register_code: str, invitation_id: int) -> Invitation:
    """Return an invitation about operations at the viewer's units; NotAllowed with a trace."""
    found = (
        Invitation.objects.filter(
            pk=invitation_id,
            pk__in=follow_ups_for(viewer, register_code).order_by().values("invitation"),
        )
        .select_related("membership")
        .first()
    )
    if found is None:
        deny(viewer, "follow_up", "invitation", invitation_id, register_code=register_code)
    return found


def why_not_sent(follow_up: FollowUp, definition: RegisterDefinition) -> str:
    """Return why the next run will not ask a follow-up that is due, "" when it will."""
    patient = follow_up.operation.membership.patient
    plan = plan_for(
        definition,
        [(follow_up.operation.group, follow_up.time_point)],
        patient.language,
        age=age_on(patient.birth_date, follow_up.opens_on),
    )
    if plan.instruments:
        return ""
    if not plan.left_out:
        return _("There are no questions for this age.")
    return " ".join(dict.fromkeys(str(reason.message) for _code, reason in plan.left_out))
