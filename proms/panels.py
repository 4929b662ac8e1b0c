"""What this app shows on pages of others: home, a patient, an operation; its menu entry."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Membership
from patients.policies import age_on
from patients.reach import is_under_age
from patients.vault import Identity
from procedures.models import Operation
from procedures.views.person import persons_of
from proms import changes, selectors
from proms.instruments import Instrument, Scale, instrument
from proms.models import AnsweredBy, CensorReason, FollowUp, Invitation, Response
from proms.scoring import Score, reached, written
from proms.scoring.surgeon import computed_scores
from proms.status import CENSOR_LABELS, NOT_EXPECTED, WAITING, Status, since
from registry.accounts.permissions import Permission
from registry.core import clock
from registry.core.choices import TimePoint
from registry.core.panels import MenuEntry, Panel, register_menu_entry, register_panel
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

ON_HOME = 5

KINDS = {
    Status.COMPLETED: "success",
    Status.UNREACHABLE: "warning",
    Status.TO_INVITE: "warning",
    Status.MISSED: "danger",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A follow-up as a row of a staff page."""

    membership_id: int
    name: str
    unit_id: int
    unit: str
    group: str
    operated_on: date
    time_point: str
    due_on: date
    closes_on: date
    days: int
    status: Status
    kind: str
    reason: str
    invitation: Invitation | None
    can_act: bool


def shown(
    follow_up: FollowUp, definition: RegisterDefinition, identity: Identity | None, today: date
) -> Shown:
    """Make the row of a follow-up annotated with its status."""
    operation = follow_up.operation
    status = Status(follow_up.status)
    reason = ""
    if status in NOT_EXPECTED:
        reason = CENSOR_LABELS[CensorReason(follow_up.censor_reason)]
    elif status == Status.TO_INVITE:
        reason = selectors.why_not_sent(follow_up, definition)
    elif status == Status.COMPLETED:
        reason = who_answered(follow_up, definition)
    return Shown(
        membership_id=operation.membership_id,
        name=identity.name if identity else "",
        unit_id=operation.unit_id,
        unit=operation.unit.name,
        group=group_label(definition, operation.group),
        operated_on=operation.scheduled_on,
        time_point=time_point_label(definition, follow_up.time_point),
        due_on=follow_up.due_on,
        closes_on=follow_up.closes_on,
        days=(today - follow_up.opens_on).days,
        status=status,
        kind=KINDS.get(status, "neutral"),
        reason=str(reason),
        invitation=follow_up.invitation,
        can_act=follow_up.invitation is not None
        and status in {*WAITING, Status.UNREACHABLE, Status.TO_INVITE},
    )


def who_answered(follow_up: FollowUp, definition: RegisterDefinition) -> str:
    """Return who has answered, where it is not plain: of a child, or by a guardian."""
    told = follow_up.answered_by
    under_age = is_under_age(
        follow_up.operation.membership.patient.birth_date,
        on=follow_up.completed_on,
        guardian_until=definition.patients.guardian_until,
    )
    if told is None or not (under_age or told == AnsweredBy.GUARDIAN):
        return ""
    if not told:
        return _("It was not said who answered.")
    return _("Answered by %(who)s") % {"who": AnsweredBy(told).label}


def group_label(definition: RegisterDefinition, key: str) -> str:
    """Return a group's name; its key where the definition no longer has it."""
    group = definition.groups.get(key)
    return str(group.labels) if group else key


def time_point_label(definition: RegisterDefinition, key: str) -> str:
    """Return a time point's name in the register, or the vocabulary's."""
    point = definition.time_points.get(key)
    return str(point.labels) if point else str(TimePoint(key).label)


def home_panel(request: HttpRequest, *, register: str, **_subject: Any) -> Panel | None:
    """Patients to be called, in the order of the telephone worklist, and how many answers wait."""
    viewer, today = request.viewer, clock.today()
    if not viewer.may(Permission.FOLLOW_UP, register):
        return None
    definition = definition_for(register)
    if not definition.time_points:
        return None
    calls, number = selectors.first_to_call(viewer, register, now=clock.now(), limit=ON_HOME)
    waiting = selectors.worklist(viewer, register, on=today, statuses=WAITING).count()
    if not calls and not waiting:
        return None
    members = Membership.objects.filter(pk__in=[call.membership_id for call in calls])
    persons = persons_of(viewer, members.select_related("patient"), on=today)
    return Panel(
        "proms/panels/home.html",
        {
            "register": register,
            "rows": [
                {
                    "call": call,
                    "person": persons[call.membership_id],
                    "days": call.days_waited(today),
                    "time_point": time_point_label(definition, call.time_point),
                    "group": group_label(definition, call.group),
                }
                for call in calls
            ],
            "number": number,
            "waiting": waiting,
        },
    )


def patient_panel(
    request: HttpRequest, *, register: str, membership: Membership, **_subject: Any
) -> Panel | None:
    """A patient's follow-ups, what can be done about them, and the course of each scale."""
    viewer, today = request.viewer, clock.today()
    if not viewer.may(Permission.FOLLOW_UP, register):
        return None
    definition = definition_for(register)
    found = list(selectors.follow_ups_of(viewer, membership, on=today))
    if not found:
        return None
    rows = [shown(one, definition, None, today) for one in found]
    asked = {row.invitation.pk: row for row in rows if row.can_act}
    return Panel(
        "proms/panels/patient.html",
        {
            "register": register,
            "membership": membership,
            "rows": rows,
            "asked": list(asked.values()),
            "can_invite": any(
                row.status == Status.TO_INVITE and row.invitation is None and not row.reason
                for row in rows
            ),
            "calls": selectors.calls_to(viewer, membership),
            "stopped": [
                (time_point_label(definition, one.invitation.time_point), one.at)
                for one in selectors.stopped_reminders_of(viewer, membership)
            ],
            "words": _words(found, membership, definition, today),
            "courses": _courses(
                request, membership, definition, [one.operation.group for one in found]
            ),
        },
    )


def _words(
    found: list[FollowUp], membership: Membership, definition: RegisterDefinition, today: date
) -> selectors.Words:
    """The words of what is asked now or will be: neither answered nor given up."""
    ahead = [
        (one.operation.group, one.time_point)
        for one in found
        if one.status in {*WAITING, Status.TO_INVITE, Status.UNREACHABLE, Status.UPCOMING}
    ]
    patient = membership.patient
    return selectors.words_for(
        definition, ahead, patient.language, age=age_on(patient.birth_date, today)
    )


def _courses(
    request: HttpRequest,
    membership: Membership,
    definition: RegisterDefinition,
    groups: Iterable[str],
) -> list[dict[str, Any]]:
    viewer, courses = request.viewer, {}

    def add(response: Response, code: str, scale: Scale, value: str) -> None:
        course = courses.setdefault(
            scale.code, {"label": str(scale.label), "direction": scale.direction, "points": []}
        )
        point = definition.time_points.get(response.invitation.time_point)
        course["points"].append(
            {
                "on": response.answered_on,
                "time_point": str(point.labels) if point else "",
                "value": value,
                "demonstration": selectors.answered_in_demonstration(response, code),
            }
        )

    for score in selectors.scores_of(viewer, membership):
        asked = instrument(score.instrument, score.instrument_version)
        scale = asked.scales_by_code.get(score.scale)
        if scale is not None and scale.kind == "number":
            add(score.response, asked.code, scale, _written_of_one(asked, scale, score.value))
    for response, asked, scale, value in selectors.text_scores_of(viewer, membership):
        add(response, asked.code, scale, scale.named(value))
    for course in courses.values():
        course["all_demonstration"] = all(point["demonstration"] for point in course["points"])
    return [courses[code] for code in _main_first(definition, groups, courses)]


def _main_first(
    definition: RegisterDefinition, groups: Iterable[str], codes: Iterable[str]
) -> list[str]:
    """Scales in the order in which the groups are compared by them, then the others as they are."""
    main = dict.fromkeys(code for group in groups for code in definition.scales_for(group))
    places = {code: place for place, code in enumerate(main)}
    return sorted(codes, key=lambda code: places.get(code, len(places)))


@dataclass(frozen=True, slots=True)
class PointOfOperation:
    """A time point of one operation: its status since when, and the main scales as text."""

    row: Shown
    since: date
    is_old: bool
    values: list[tuple[str, str]]
    """(name of the scale, value); "" while nothing is answered."""


def operation_panel(
    request: HttpRequest,
    *,
    register: str,
    operation: Operation,
    **_subject: Any,
) -> Panel | None:
    """An operation's time points, how far each has come, and the group's main scales in each."""
    viewer, today = request.viewer, clock.today()
    if not viewer.may(Permission.FOLLOW_UP, register, operation.unit_id):
        return None
    definition = definition_for(register)
    found = list(selectors.follow_ups_of_operation(viewer, operation, on=today))
    if not found:
        return None
    main, scores = _main_scores(request, operation, definition, found)
    points = []
    for one in found:
        row = shown(one, definition, None, today)
        no_value = "–" if row.status == Status.COMPLETED else ""
        points.append(
            PointOfOperation(
                row,
                since(one, row.status),
                one.old_at_surgery and row.status == Status.COMPLETED,
                [
                    (name, _text(scores.get((one.invitation_id, code)), no_value))
                    for code, name in main.items()
                ],
            )
        )
    return Panel(
        "proms/panels/operation.html",
        {
            "register": register,
            "membership_id": operation.membership_id,
            "points": points,
            "scales": list(main.values()),
            "outcomes": [
                (time_point_label(definition, one.time_point), main[code], earned)
                for one in found
                for code in main
                if (earned := _flags(found, scores, one, code))
            ],
        },
    )


class ShownScore(NamedTuple):
    """A score on an operation's page: the number, and as it is written."""

    scale: Scale
    value: float
    text: str


Scores = dict[tuple[int | None, str], ShownScore]
"""Scores by (invitation, scale)."""


def _main_scores(
    request: HttpRequest,
    operation: Operation,
    definition: RegisterDefinition,
    found: list[FollowUp],
) -> tuple[dict[str, str], Scores]:
    """The names of the scales that the group is compared by, by code, and their scores. A scale
    that is answered at no time point is left out."""
    invitations = {one.invitation_id for one in found}
    names: dict[str, str] = {}
    scores: Scores = {}
    for score in selectors.scores_of(request.viewer, operation.membership):
        asked_in = score.response.invitation_id
        asked = instrument(score.instrument, score.instrument_version)
        scale = asked.scales_by_code.get(score.scale)
        if asked_in in invitations and scale and score.value is not None:
            names[scale.code] = str(scale.label)
            text = _written_of_one(asked, scale, score.value)
            scores[asked_in, scale.code] = ShownScore(scale, score.value, text)
    main = [code for code in definition.scales_for(operation.group) if code in names]
    return {code: names[code] for code in main}, scores


def _text(score: ShownScore | None, missing: str) -> str:
    return missing if score is None else score.text


def _flags(found: list[FollowUp], scores: Scores, one: FollowUp, code: str) -> list[str]:
    """What published reports would count the outcome at a time point as, by one scale."""
    after = scores.get((one.invitation_id, code))
    if after is None or one.time_point == "before":
        return []
    first = next((held.invitation_id for held in found if held.time_point == "before"), None)
    before = scores.get((first, code))
    return [
        str(flag.label)
        for flag in after.scale.outcome_flags
        if reached(
            flag,
            before.value if before else None,
            after.value,
            higher_is_better=after.scale.higher_is_better,
        )
    ]


def _written_of_one(asked: Instrument, scale: Scale, value: float | None) -> str:
    return written(value, asked.decimals_of_one(scale))


def computed_panel(
    request: HttpRequest,
    *,
    definition: RegisterDefinition,
    details: Mapping[str, Any],
    **_subject: Any,
) -> Panel | None:
    """What the register computes from what is entered about an operation, such as Lenke."""
    return _computed("proms/panels/computed.html", definition, details)


def computed_beside_panel(
    request: HttpRequest,
    *,
    definition: RegisterDefinition,
    details: Mapping[str, Any],
    **_subject: Any,
) -> Panel | None:
    """The same beside the form, of what is typed so far."""
    return _computed("proms/panels/computed_beside.html", definition, details)


def _computed(
    template: str, definition: RegisterDefinition, details: Mapping[str, Any]
) -> Panel | None:
    rows = [
        (str(scale.label), _computed_text(scale, score), score.reason is not None)
        for scale, score in computed_scores(definition, details)
    ]
    return Panel(template, {"rows": rows}) if rows else None


def _computed_text(scale: Scale, score: Score) -> str:
    if score.reason is not None:
        return str(score.reason.message)
    if isinstance(score.value, str):
        return scale.named(score.value)
    return written(score.value, scale.decimals)


def register_all() -> None:
    """Put the panels and the menu entry in their places. Called in ``ready()``."""
    register_panel("home", home_panel, position=30)
    register_panel("patient", patient_panel, position=40)
    register_panel("operation", computed_panel, position=10)
    register_panel("operation_results", operation_panel, position=10)
    register_panel("operation_form", computed_beside_panel, position=10)
    register_panel("reschedule", changes.panel, position=10)
    register_menu_entry(
        MenuEntry(
            label=gettext_lazy("Follow-up"),
            url_name="proms:worklist",
            position=50,
            visible=lambda request, register: request.viewer.may(Permission.FOLLOW_UP, register),
        )
    )
