"""The telephone worklist: who is to be called, in the order in which calling pays.

One query finds, judges and orders a whole register, and returns a page of it. Which follow-ups
wait for an answer is told by proms.status, how likely and how valuable one is by proms.worth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Count, F, Q, QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from patients.models import Membership
from proms.models import CallAttempt, CallOutcome, FollowUp
from proms.policies import CALL_BEFORE_CLOSING_DAYS, DAYS_FOR_A_LETTER, DAYS_UNTIL_NEXT_CALL
from proms.selectors.follow_ups import follow_ups_for
from proms.status import NOT_EXPECTED, WAITING, Status, status_expression
from proms.worth import (
    ANSWERED_BEFORE,
    ASKED,
    NEW,
    NOT_REACHED,
    OPENED,
    SILENT_BEFORE,
    STARTED,
    Standing,
    likelihood_sql,
    worth,
)
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import require
from registry.core import clock
from registry.registers.schema import RegisterDefinition, TimePoint
from registry.registers.selectors import definition_for

DAYS_OF_STANDING = 365
"""A unit's distance to its target is that of the follow-ups due in the year before."""

NOW, LATER, NO_NUMBER = "now", "later", "no_number"
PLACES = (NOW, LATER, NO_NUMBER)
"""To be called; to be called at an agreed time or after a pause; nobody knows a number."""


class TelephoneReason(TextChoices):
    """Why a patient is to be called."""

    AGREED = "agreed", _("A call was agreed")
    PREFERS = "prefers", _("Wants to be called")
    UNREACHABLE = "unreachable", _("No message reaches the patient")
    LETTER = "letter", _("No answer to the letter")
    LOCKED = "locked", _("The link is locked")
    SILENT = "silent", _("No answer to any reminder")


@dataclass(frozen=True, slots=True)
class ToCall:
    """One patient to be called about one invitation.

    ``since``: since when the patient waits for a call; ``last_day``: the last on which the form
    may be started; ``call_again_at``: not before. ``likelihood`` lies between 0 and 1, ``worth``
    is the sum over the follow-ups that one answer would answer, ``standing`` that of the unit and
    time point to which it is worth most. ``recipient``: whose number is to be called, "patient" or
    "guardian", empty where none is known.
    """

    invitation_id: int
    membership_id: int
    unit_id: int
    unit: str
    time_point: str
    group: str
    operated_on: date
    age: int
    reason: TelephoneReason
    since: date
    last_day: date
    days_left: int
    recipient: str
    progress: int
    habit: int
    calls: int
    last_outcome: str
    last_at: datetime | None
    last_note: str
    call_again_at: datetime | None
    agreed: bool
    likelihood: float
    worth: float
    standing: Standing
    place: str

    @property
    def outcome_label(self) -> str:
        """How the last call ended, in words; empty where there was none."""
        return str(CallOutcome(self.last_outcome).label) if self.last_outcome else ""

    def days_waited(self, on: date) -> int:
        """Return since how many days the patient waits for a call."""
        return (on - self.since).days


@dataclass(frozen=True, slots=True)
class CallList:
    """A page of the list, how many there are in each place, and how many by unit in this one."""

    rows: Sequence[ToCall]
    by_place: Mapping[str, int]
    by_unit: Mapping[int, int]


def telephone_worklist(
    viewer: Viewer,
    register_code: str,
    *,
    now: datetime,
    place: str = NOW,
    unit_id: int | None = None,
    invitation_id: int | None = None,
    offset: int = 0,
    limit: int = 50,
) -> CallList:
    """Return patients to be called: whose reminders ran out, or whom no message reaches.

    Their window is open, they have neither answered nor declined, and nothing ended the
    follow-up. Who gets a letter first is called when it has gone unanswered. Agreed calls whose
    time has come stand first; then by likelihood × worth, and among equals by the day on which the
    window closes. ``invitation_id`` asks for one row alone.
    """
    require(viewer, Permission.FOLLOW_UP, register_code)
    on = clock.civil_date(now)
    definition = definition_for(register_code)
    standings = standings_by_unit(viewer, register_code, on=on, definition=definition)
    sql, parameters = _list(viewer, register_code, standings, now=now, definition=definition)
    parameters |= {
        "place": place,
        "unit": unit_id,
        "invitation": invitation_id,
        "offset": offset,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"{sql} SELECT place, unit_id, count(*) FROM placed GROUP BY place, unit_id",
            parameters,
        )
        counted = cursor.fetchall()
    rows = _rows(sql, parameters) if limit else []
    by_place: Counter[str] = Counter(dict.fromkeys(PLACES, 0))
    by_unit: Counter[int] = Counter()
    for each, unit, n in counted:
        by_place[each] += n if unit_id in (None, unit) else 0
        by_unit[unit] += n if each == place else 0
    return CallList([_row(row, standings) for row in rows], by_place, by_unit)


def first_to_call(
    viewer: Viewer, register_code: str, *, now: datetime, limit: int
) -> tuple[list[ToCall], int]:
    """Return the first on the telephone worklist, and how many are to be called now.

    In one statement, for the home page, which everybody opens all day.
    """
    require(viewer, Permission.FOLLOW_UP, register_code)
    definition = definition_for(register_code)
    standings = standings_by_unit(
        viewer, register_code, on=clock.civil_date(now), definition=definition
    )
    sql, parameters = _list(viewer, register_code, standings, now=now, definition=definition)
    parameters |= {"place": NOW, "unit": None, "invitation": None, "offset": 0, "limit": limit}
    rows = _rows(sql, parameters)
    return [_row(row, standings) for row in rows], rows[0]["in_all"] if rows else 0


def _rows(sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} {_page()}", parameters)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def invitations_by_letter(viewer: Viewer, register_code: str, *, now: datetime) -> list[int]:
    """Return the invitations of patients who get a letter, and so are not called yet.

    Those who want letters, those whom no message and no number reaches, and those whom a rule of
    the register reminds by letter; until a letter has been printed or the link was opened, and
    unless a call has been agreed. It is the same rule that
    keeps them off the telephone worklist.
    """
    require(viewer, Permission.FOLLOW_UP, register_code)
    definition = definition_for(register_code)
    sql, parameters = _list(viewer, register_code, {}, now=now, definition=definition)
    with connection.cursor() as cursor:
        cursor.execute(f"{sql} SELECT invitation_id FROM judged WHERE by_letter", parameters)
        return [row[0] for row in cursor.fetchall()]


def standings_by_unit(
    viewer: Viewer, register_code: str, *, on: date, definition: RegisterDefinition
) -> dict[tuple[int, str], Standing]:
    """Return how the viewer's units stand at each time point, over the year before ``on``."""
    rows = (
        follow_ups_for(viewer, register_code)
        .filter(
            due_on__gt=on - timedelta(days=DAYS_OF_STANDING),
            due_on__lte=on,
            operation__cancelled_on__isnull=True,
        )
        .annotate(status=status_expression(on))
        .order_by()
        .values_list("operation__unit_id", "time_point")
        .annotate(
            answered=Count("pk", filter=Q(status=Status.COMPLETED)),
            expected=Count("pk", filter=~Q(status__in=NOT_EXPECTED)),
        )
    )
    goals = definition.completeness_goals
    return {
        (unit, point): Standing(answered, expected, goals.get(point))
        for unit, point, answered, expected in rows
    }


_LIST = """
    WITH waiting AS ({waiting}),
    worth AS (
        SELECT * FROM unnest(%(units)s::bigint[], %(points)s::text[], %(worths)s::float8[])
            AS w (unit_id, time_point, worth)
    ),
    silence AS (
        SELECT * FROM unnest(%(rule_groups)s::text[], %(rule_points)s::text[],
                             %(after_invitation)s::int[], %(after_due)s::int[],
                             %(letter_after_invitation)s::int[], %(letter_after_due)s::int[])
            AS s ("group", time_point, after_invitation, after_due,
                  letter_after_invitation, letter_after_due)
    ),
    -- A row of each invitation, that of the follow-up to which an answer is worth most. Not by
    -- joining what waits with itself: nobody can tell the planner how many wait, and it would walk
    -- all of them for each.
    asked AS (
        SELECT DISTINCT ON (waiting.invitation_id)
               waiting.invitation_id, waiting.unit_id, waiting.time_point, waiting."group",
               waiting.operated_on,
               sum(COALESCE(worth.worth, %(unknown)s)) OVER one AS worth,
               max(waiting.closes_on) OVER one AS last_day
        FROM waiting
        LEFT JOIN worth ON worth.unit_id = waiting.unit_id
                       AND worth.time_point = waiting.time_point
        WINDOW one AS (PARTITION BY waiting.invitation_id)
        ORDER BY waiting.invitation_id, COALESCE(worth.worth, %(unknown)s) DESC, waiting.id
    ),
    judged AS (
        SELECT i.id AS invitation_id, i.membership_id, i.due_on, asked.unit_id, u.name AS unit,
               asked.time_point, asked."group", asked.operated_on,
               age.years AS age,
               asked.last_day, asked.last_day - %(on)s::date + 1 AS days_left, asked.worth,
               CASE WHEN i.started_at <= %(now)s THEN {STARTED}
                    WHEN i.opened_at <= %(now)s THEN {OPENED}
                    WHEN i.invited_at <= %(now)s THEN {ASKED}
                    ELSE {NOT_REACHED} END AS progress,
               COALESCE(tried.calls, 0) AS calls,
               COALESCE(tried.outcome, '') AS last_outcome, tried.at AS last_at,
               COALESCE(tried.note, '') AS last_note,
               CASE WHEN number.guardian AND age.years < %(guardian_until)s THEN 'guardian'
                    WHEN number.patient THEN 'patient'
                    ELSE '' END AS recipient,
               CASE tried.outcome
                   WHEN 'call_back' THEN tried.call_back_at
                   WHEN 'no_answer' THEN ((tried.at AT TIME ZONE %(zone)s)::date
                       + %(after_no_answer)s)::timestamp AT TIME ZONE %(zone)s
                   WHEN 'message_left' THEN ((tried.at AT TIME ZONE %(zone)s)::date
                       + %(after_message)s)::timestamp AT TIME ZONE %(zone)s
               END AS call_again_at,
               tried.outcome IS NOT DISTINCT FROM 'call_back' AS agreed,
               -- The one rule of who gets a letter; everybody else who waits is called in time.
               i.letter_printed_at IS NULL
                   AND i.opened_at IS NULL AND i.started_at IS NULL
                   AND tried.outcome IS DISTINCT FROM 'call_back'
                   AND (p.preferred_channel = 'letter'
                        OR COALESCE(sent.first_on + silence.letter_after_invitation <= %(on)s
                                    OR i.due_on + silence.letter_after_due <= %(on)s, false)
                        OR COALESCE(i.unreachable_at <= %(now)s, false) AND NOT number.patient
                           AND NOT (number.guardian AND age.years < %(guardian_until)s))
                   AS by_letter,
               CASE WHEN tried.outcome = 'call_back' THEN 'agreed'
                    WHEN p.preferred_channel = 'telephone' THEN 'prefers'
                    WHEN i.letter_printed_at <= %(now)s THEN 'letter'
                    WHEN i.unreachable_at <= %(now)s OR i.invited_at IS NULL THEN 'unreachable'
                    WHEN i.locked_at <= %(now)s THEN 'locked'
                    ELSE 'silent' END AS reason,
               CASE WHEN tried.outcome = 'call_back'
                        THEN (tried.call_back_at AT TIME ZONE %(zone)s)::date
                    WHEN p.preferred_channel = 'telephone'
                        THEN (COALESCE(i.invited_at, i.created_at) AT TIME ZONE %(zone)s)::date
                    WHEN i.letter_printed_at <= %(now)s
                        THEN LEAST(
                            (i.letter_printed_at AT TIME ZONE %(zone)s)::date + %(after_letter)s,
                            GREATEST((i.letter_printed_at AT TIME ZONE %(zone)s)::date + 1,
                                     asked.last_day - %(before_closing)s))
                    WHEN i.unreachable_at <= %(now)s
                        THEN (i.unreachable_at AT TIME ZONE %(zone)s)::date
                    WHEN i.locked_at <= %(now)s THEN (i.locked_at AT TIME ZONE %(zone)s)::date
                    ELSE LEAST(
                        GREATEST(
                            sent.last_on, sent.first_on + silence.after_invitation,
                            i.due_on + silence.after_due) + %(call_after)s,
                        GREATEST(sent.last_on + 1, asked.last_day - %(before_closing)s))
               END AS since
        FROM asked
        JOIN proms_invitation i ON i.id = asked.invitation_id
        JOIN patients_membership m ON m.id = i.membership_id
        JOIN patients_patient p ON p.id = m.patient_id
        JOIN units_unit u ON u.id = asked.unit_id
        LEFT JOIN patients_patientidentity identity ON identity.patient_id = p.id
        CROSS JOIN LATERAL (SELECT
            date_part('year', age(%(on)s::date, p.birth_date))::int AS years) age
        CROSS JOIN LATERAL (SELECT
            COALESCE(identity.has_telephone AND identity.telephone_refused_at IS NULL, false)
                AS patient,
            COALESCE(identity.guardian_has_telephone
                     AND identity.guardian_telephone_refused_at IS NULL, false) AS guardian
        ) number
        LEFT JOIN silence ON silence.time_point = i.time_point
                         AND silence."group" = asked."group"
        CROSS JOIN LATERAL (SELECT
            (i.invited_at AT TIME ZONE %(zone)s)::date AS first_on,
            (COALESCE(i.reminded_at, i.invited_at) AT TIME ZONE %(zone)s)::date AS last_on) sent
        LEFT JOIN LATERAL (
            SELECT c.at, c.outcome, c.call_back_at, c.note, count(*) OVER () AS calls
            FROM proms_callattempt c
            WHERE c.invitation_id = i.id AND c.at <= %(now)s AND c.voided_at IS NULL
            ORDER BY c.at DESC, c.id DESC LIMIT 1
        ) tried ON true
    ),
    -- Most who wait are not to be called yet: what follows is asked of the others alone.
    placed AS MATERIALIZED (
        SELECT judged.*,
               CASE WHEN recipient = '' THEN '{NO_NUMBER}'
                    WHEN call_again_at > %(now)s THEN '{LATER}'
                    ELSE '{NOW}' END AS place
        FROM judged
        WHERE NOT by_letter AND (since <= %(on)s OR agreed)
    )
"""

_PAGE = """
    SELECT placed.*, habit, {likelihood} AS likelihood, count(*) OVER () AS in_all
    FROM placed
    LEFT JOIN LATERAL (
        SELECT f.completed_on IS NOT NULL AS answered
        FROM procedures_operation o
        JOIN proms_followup f ON f.operation_id = o.id
        WHERE o.membership_id = placed.membership_id
          AND f.due_on < placed.due_on AND f.due_on <= %(on)s
          AND f.invitation_id IS DISTINCT FROM placed.invitation_id
          AND f.censored_on IS NULL
        ORDER BY f.due_on DESC, f.id DESC LIMIT 1
    ) earlier ON true
    CROSS JOIN LATERAL (SELECT CASE earlier.answered WHEN true THEN {ANSWERED_BEFORE}
                                    WHEN false THEN {SILENT_BEFORE} ELSE {NEW} END AS habit) held
    WHERE place = %(place)s AND (%(unit)s::bigint IS NULL OR unit_id = %(unit)s)
      AND (%(invitation)s::bigint IS NULL OR invitation_id = %(invitation)s)
    ORDER BY CASE WHEN agreed OR place = 'later' THEN call_again_at END NULLS LAST,
             {likelihood} * worth DESC, last_day, invitation_id
    OFFSET %(offset)s LIMIT %(limit)s
"""


def _list(
    viewer: Viewer,
    register_code: str,
    standings: Mapping[tuple[int, str], Standing],
    *,
    now: datetime,
    definition: RegisterDefinition,
) -> tuple[str, dict[str, Any]]:
    """Return the CTEs up to ``placed``, every patient to be called, and their parameters."""
    on = clock.civil_date(now)
    waiting, parameters = as_sql(waiting_for(viewer, register_code, on))
    points = [
        (group, point.for_group(group))
        for group in definition.groups
        for point in definition.time_points.values()
    ]
    keys = list(standings)
    sql = _LIST.format(
        waiting=waiting,
        STARTED=STARTED,
        OPENED=OPENED,
        ASKED=ASKED,
        NOT_REACHED=NOT_REACHED,
        NOW=NOW,
        LATER=LATER,
        NO_NUMBER=NO_NUMBER,
    )
    return sql, parameters | {
        "on": on,
        "now": now,
        "zone": settings.TIME_ZONE,
        "call_after": definition.proms.call_after_days,
        "units": [unit for unit, _point in keys],
        "points": [point for _unit, point in keys],
        "worths": [worth(standings[key]) for key in keys],
        "unknown": worth(
            Standing(target=max(definition.completeness_goals.values(), default=None))
        ),
        "rule_groups": [group for group, _point in points],
        "rule_points": [point.key for _group, point in points],
        "after_invitation": [_last_reminder(point, "invitation") for _group, point in points],
        "after_due": [_last_reminder(point, "due") for _group, point in points],
        "letter_after_invitation": [_letter(point, "invitation") for _group, point in points],
        "letter_after_due": [_letter(point, "due") for _group, point in points],
        "after_no_answer": DAYS_UNTIL_NEXT_CALL[CallOutcome.NO_ANSWER],
        "after_message": DAYS_UNTIL_NEXT_CALL[CallOutcome.MESSAGE_LEFT],
        "guardian_until": definition.patients.guardian_until,
        "before_closing": CALL_BEFORE_CLOSING_DAYS,
        "after_letter": DAYS_FOR_A_LETTER,
    }


def _page() -> str:
    """Return the query for a page of ``placed``, the most worthwhile calls first."""
    return _PAGE.format(
        likelihood=likelihood_sql(),
        ANSWERED_BEFORE=ANSWERED_BEFORE,
        SILENT_BEFORE=SILENT_BEFORE,
        NEW=NEW,
    )


def _last_reminder(point: TimePoint, after: str) -> int | None:
    """Return how many days after the invitation, or after the due date, the last reminder goes."""
    return max((rule.days for rule in point.reminders if rule.after == after), default=None)


def _letter(point: TimePoint, after: str) -> int | None:
    """Return how many days after the invitation, or after the due date, a letter is to go."""
    return min(
        (one.days for one in point.reminders if one.after == after and one.channel == "letter"),
        default=None,
    )


def waiting_for(viewer: Viewer, register_code: str, on: date) -> QuerySet[FollowUp]:
    """Return the follow-ups with an open window whose invitation waits for an answer."""
    return (
        follow_ups_for(viewer, register_code)
        .filter(
            operation__cancelled_on__isnull=True,
            invitation__isnull=False,
            opens_on__lte=on,
            closes_on__gte=on,
        )
        .annotate(status=status_expression(on))
        .filter(status__in=[*WAITING, Status.UNREACHABLE, Status.TO_INVITE])
        .order_by()
        .values(
            "id",
            "invitation_id",
            "time_point",
            "closes_on",
            unit_id=F("operation__unit_id"),
            group=F("operation__group"),
            operated_on=F("operation__scheduled_on"),
        )
    )


def as_sql(queryset: QuerySet[FollowUp]) -> tuple[str, dict[str, Any]]:
    """Return a query as text with named parameters, to stand within a larger one."""
    text, values = queryset.query.sql_with_params()
    named = {f"waiting_{position}": value for position, value in enumerate(values)}
    return text % tuple(f"%({name})s" for name in named), named


def _row(row: dict[str, Any], standings: Mapping[tuple[int, str], Standing]) -> ToCall:
    held = {field.name: row[field.name] for field in fields(ToCall) if field.name in row}
    standing = standings.get((row["unit_id"], row["time_point"]), Standing())
    return ToCall(**held | {"standing": standing, "reason": TelephoneReason(row["reason"])})


def calls_to(viewer: Viewer, membership: Membership) -> list[CallAttempt]:
    """Return the calls to a member about operations at the viewer's units, the newest first."""
    asked = follow_ups_for(viewer, membership.register_id).filter(operation__membership=membership)
    return list(
        CallAttempt.objects.filter(invitation__in=asked.order_by().values("invitation"))
        .select_related("by", "voided_by", "invitation")
        .order_by("-at", "-pk")
    )
