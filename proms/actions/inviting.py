"""Asking patients: the night's selection, reminders, and what staff do about one invitation.

The selection reads what is due in one query, groups it by patient, and writes invitations, links
and messages in one statement each, whether ten patients are due or a hundred thousand.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from proms.links import digest_for
from proms.models import FollowUp, Invitation, RevokedLink
from proms.plans import Asked, Plan, plan_for
from proms.policies import last_day_to_answer
from proms.status import DAYS_TO_FINISH
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.messaging.actions import NewMessage, enqueue, withhold
from registry.messaging.models import Message
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

PURPOSE = "proms.invitation"
FIRST_RULE = "invitation"
NEW_LINK_RULE = "new_link"
DAYS_BETWEEN_MAILS = 3
"""No reminder comes sooner after the last mail, even if a rule's day has passed."""

# Two runs at the same time would ask the same patients: the later one leaves it to the first.
_LOCK = 0x70726F6D73

_DUE = """
    SELECT m.id, m.register_id, p.language, COALESCE(identity.has_email, false),
           array_agg(f.id ORDER BY f.id),
           array_agg(DISTINCT ARRAY[o."group", f.time_point]::text[]),
           (array_agg(f.time_point::text ORDER BY f.closes_on, f.id))[1],
           min(f.opens_on), min(f.due_on), max(f.closes_on)
    FROM proms_followup f
    JOIN procedures_operation o ON o.id = f.operation_id
    JOIN patients_membership m ON m.id = o.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN patients_patientidentity identity ON identity.patient_id = p.id
    WHERE f.invitation_id IS NULL AND f.completed_on IS NULL AND f.censored_on IS NULL
      AND f.opens_on <= %(on)s AND f.closes_on >= %(on)s
      AND (%(members)s::bigint[] IS NULL OR m.id = ANY(%(members)s::bigint[]))
    GROUP BY m.id, m.register_id, p.language, identity.has_email
    ORDER BY min(f.due_on), m.id
    LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Bundle:
    """The follow-ups of one member that are asked together."""

    membership_id: int
    register_code: str
    language: str
    reachable: bool
    follow_up_ids: Sequence[int]
    asked: tuple[Asked, ...]
    time_point: str
    opens_on: date
    due_on: date
    closes_on: date


@dataclass
class Selection:
    """What a run did."""

    invited: int = 0
    unreachable: int = 0
    joined: int = 0
    nothing_to_send: int = 0
    reminded: int = 0
    invitation_ids: list[int] = field(default_factory=list, repr=False)


@transaction.atomic
def invite_due(
    *, now: datetime, limit: int | None = None, membership_ids: Iterable[int] | None = None
) -> Selection:
    """Invite every patient with an open follow-up that was not asked; one invitation for each.

    A patient without an e-mail address gets an invitation marked unreachable, which the telephone
    worklist shows. Follow-ups that open while an invitation with the same questions is waiting
    join it. Where no instrument may be sent (no licensed wording) nothing is asked; the worklist
    says why. At most ``limit`` patients, those due first. Safe to run twice and at the same time.
    """
    on = clock.civil_date(now)
    done = Selection()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        if not cursor.fetchone()[0]:
            return done
        members = None if membership_ids is None else list(membership_ids)
        cursor.execute(_DUE, {"on": on, "members": members, "limit": limit})
        due = [
            Bundle(*row[:5], tuple((group, point) for group, point in row[5]), *row[6:])
            for row in cursor.fetchall()
        ]
    definitions = {code: definition_for(code) for code in {one.register_code for one in due}}
    waiting = _waiting(due, on)
    new: list[tuple[Bundle, Plan]] = []
    joining: list[tuple[int, Bundle]] = []
    for bundle in due:
        definition = definitions[bundle.register_code]
        plan = plan_for(definition, _in_order(bundle.asked, definition), bundle.language)
        if not plan.instruments:
            done.nothing_to_send += 1
            continue
        held = next(
            (pk for pk, codes in waiting[bundle.membership_id] if codes >= {*plan.instruments}),
            None,
        )
        if held is None:
            new.append((bundle, plan))
        else:
            joining.append((held, bundle))
    _join(joining)
    done.joined = len(joining)
    done.invitation_ids = _write_invitations(new, now=now)
    done.unreachable = sum(not bundle.reachable for bundle, _plan in new)
    done.invited = len(new) - done.unreachable
    enqueue(
        NewMessage(PURPOSE, pk, FIRST_RULE, now)
        for pk, (bundle, _plan) in zip(done.invitation_ids, new, strict=True)
        if bundle.reachable
    )
    return done


def _in_order(asked: tuple[Asked, ...], definition: RegisterDefinition) -> list[Asked]:
    """The most urgent questions first: those of the earliest time point."""
    order = {key: position for position, key in enumerate(definition.time_points)}
    return sorted(asked, key=lambda one: (order.get(one[1], len(order)), one[0]))


def _waiting(due: list[Bundle], on: date) -> dict[int, list[tuple[int, set[tuple[str, str]]]]]:
    """Invitations of these members that wait and were not started, with their instruments."""
    held: dict[int, list[tuple[int, set[tuple[str, str]]]]] = defaultdict(list)
    rows = Invitation.objects.filter(
        membership_id__in=[bundle.membership_id for bundle in due],
        submitted_at__isnull=True,
        started_at__isnull=True,
        declined_at__isnull=True,
        closes_on__gte=on,
    ).values_list("pk", "membership_id", "plan")
    for pk, membership_id, plan in rows:
        held[membership_id].append((pk, {(one["code"], one["version"]) for one in plan}))
    return held


def _join(joining: list[tuple[int, Bundle]]) -> None:
    if not joining:
        return
    pairs = [(pk, each) for pk, bundle in joining for each in bundle.follow_up_ids]
    with connection.cursor() as cursor:
        _link(cursor, [pk for pk, _each in pairs], [each for _pk, each in pairs])
        cursor.execute(
            """
            UPDATE proms_invitation held
            SET closes_on = GREATEST(held.closes_on, one.closes_on), updated_at = now()
            FROM unnest(%s::bigint[], %s::date[]) AS one (id, closes_on)
            WHERE held.id = one.id AND held.closes_on < one.closes_on
            """,
            [[pk for pk, _b in joining], [bundle.closes_on for _pk, bundle in joining]],
        )


def _write_invitations(new: list[tuple[Bundle, Plan]], *, now: datetime) -> list[int]:
    if not new:
        return []
    plans = list(dict.fromkeys(plan for _bundle, plan in new))
    place = {plan: position for position, plan in enumerate(plans, start=1)}
    with connection.cursor() as cursor:
        # The id is in the link, so it must be known before the row is written.
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('proms_invitation', 'id'))"
            " FROM generate_series(1, %s)",
            [len(new)],
        )
        ids = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            """
            INSERT INTO proms_invitation
                (id, membership_id, time_point, plan, opens_on, due_on, closes_on,
                 generation, token_digest, failed_attempts, unreachable_at)
            SELECT one.id, one.membership_id, one.time_point, (%s::jsonb[])[one.plan],
                   one.opens_on, one.due_on, one.closes_on, 1, one.digest, 0,
                   CASE WHEN one.reachable THEN NULL ELSE %s::timestamptz END
            FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::int[], %s::date[],
                        %s::date[], %s::date[], %s::bytea[], %s::bool[])
                 AS one (id, membership_id, time_point, plan, opens_on, due_on, closes_on,
                         digest, reachable)
            """,
            [
                [json.dumps(plan.as_json()) for plan in plans],
                now,
                ids,
                [bundle.membership_id for bundle, _plan in new],
                [bundle.time_point for bundle, _plan in new],
                [place[plan] for _bundle, plan in new],
                [bundle.opens_on for bundle, _plan in new],
                [bundle.due_on for bundle, _plan in new],
                [bundle.closes_on for bundle, _plan in new],
                [digest_for(pk, 1) for pk in ids],
                [bundle.reachable for bundle, _plan in new],
            ],
        )
        pairs = [
            (pk, each)
            for pk, (bundle, _plan) in zip(ids, new, strict=True)
            for each in bundle.follow_up_ids
        ]
        _link(cursor, [pk for pk, _each in pairs], [each for _pk, each in pairs])
    return ids


def _link(cursor: object, invitation_ids: list[int], follow_up_ids: list[int]) -> None:
    cursor.execute(
        """
        UPDATE proms_followup held
        SET invitation_id = pair.invitation_id, updated_at = now()
        FROM unnest(%s::bigint[], %s::bigint[]) AS pair (invitation_id, follow_up_id)
        WHERE held.id = pair.follow_up_id AND held.invitation_id IS NULL
        """,
        [invitation_ids, follow_up_ids],
    )


_REMIND = """
    WITH rule AS (
        SELECT * FROM unnest(
            %(registers)s::text[], %(time_points)s::text[], %(keys)s::text[], %(afters)s::text[],
            %(days)s::int[], %(positions)s::int[]
        ) AS r (register_id, time_point, key, after, days, position)
    ),
    asked AS (
        SELECT i.id, i.time_point, i.due_on, m.register_id,
               (i.invited_at AT TIME ZONE %(zone)s)::date AS invited_on,
               (COALESCE(i.reminded_at, i.invited_at) AT TIME ZONE %(zone)s)::date AS last_on
        FROM proms_invitation i
        JOIN patients_membership m ON m.id = i.membership_id
        WHERE i.invited_at IS NOT NULL AND i.submitted_at IS NULL AND i.declined_at IS NULL
          AND i.unreachable_at IS NULL AND i.locked_at IS NULL AND i.closes_on >= %(on)s
          AND EXISTS (
              SELECT FROM proms_followup f
              WHERE f.invitation_id = i.id AND f.completed_on IS NULL
                AND f.censored_on IS NULL AND f.closes_on >= %(on)s)
    ),
    newest AS (
        SELECT DISTINCT ON (asked.id) asked.id, rule.key
        FROM asked
        JOIN rule ON rule.register_id = asked.register_id AND rule.time_point = asked.time_point
        CROSS JOIN LATERAL (SELECT CASE rule.after
            WHEN 'due' THEN asked.due_on ELSE asked.invited_on END + rule.days AS rule_on) d
        WHERE d.rule_on <= %(on)s AND asked.last_on + %(gap)s <= %(on)s
        ORDER BY asked.id, d.rule_on DESC, rule.position DESC
    )
    SELECT newest.id, newest.key FROM newest
    WHERE NOT EXISTS (
        SELECT FROM messaging_message sent
        WHERE sent.purpose = %(purpose)s AND sent.subject_id = newest.id
          AND sent.rule = 'reminder.' || newest.key)
    ORDER BY newest.id LIMIT %(limit)s
"""


@transaction.atomic
def queue_reminders(*, now: datetime, limit: int | None = None) -> int:
    """Queue the reminders whose day has come by the register's rules; return how many.

    Each rule once for each invitation. When several have become due at once, only the newest goes.
    """
    on = clock.civil_date(now)
    rules = _rules()
    if not rules:
        return 0
    names = ("registers", "time_points", "keys", "afters", "days", "positions")
    columns = dict(zip(names, (list(c) for c in zip(*rules, strict=True)), strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            _REMIND,
            {
                **columns,
                "on": on,
                "zone": settings.TIME_ZONE,
                "gap": DAYS_BETWEEN_MAILS,
                "purpose": PURPOSE,
                "limit": limit,
            },
        )
        rows = cursor.fetchall()
    by_rule: dict[str, list[int]] = defaultdict(list)
    for pk, key in rows:
        by_rule[f"reminder.{key}"].append(pk)
    for rule, ids in by_rule.items():
        # An older reminder that could not be sent yet is overtaken.
        withhold(purpose=PURPOSE, subject_ids=ids, reason="overtaken", now=now, except_rule=rule)
    return enqueue(
        NewMessage(PURPOSE, pk, rule, now) for rule, ids in by_rule.items() for pk in ids
    )


def _rules() -> list[tuple[str, str, str, str, int, int]]:
    codes = (
        Invitation.objects.filter(submitted_at__isnull=True)
        .order_by()
        .values_list("membership__register_id", flat=True)
        .distinct()
    )
    return [
        (code, key, rule.key, rule.after, rule.days, position)
        for code in codes
        for key, point in definition_for(code).time_points.items()
        for position, rule in enumerate(point.reminders)
        if rule.channel == "email"
    ]


# --- One invitation ---------------------------------------------------------------------------


@transaction.atomic
def send_again(*, invitation: Invitation, now: datetime) -> None:
    """Send the invitation now, for example when an address has been added. Raises RuleBroken."""
    held = locked_open(invitation, now)
    held.unreachable_at = None
    held.save(update_fields=["unreachable_at", "updated_at"])
    _queue_next(held, FIRST_RULE, now)


@transaction.atomic
def send_new_link(*, invitation: Invitation, now: datetime) -> None:
    """Revoke the link, unlock, and send a new one to the address on file. Raises RuleBroken."""
    held = locked_open(invitation, now)
    if held.token_digest is not None:
        RevokedLink.objects.create(token_digest=held.token_digest, invitation=held)
    held.generation += 1
    held.token_digest = digest_for(held.pk, held.generation)
    held.failed_attempts = 0
    held.locked_at = None
    held.unreachable_at = None
    held.save(
        update_fields=[
            "generation",
            "token_digest",
            "failed_attempts",
            "locked_at",
            "unreachable_at",
            "updated_at",
        ]
    )
    _queue_next(held, NEW_LINK_RULE, now)


@transaction.atomic
def decline(*, invitation: Invitation, now: datetime) -> None:
    """Note that the patient does not want to answer this time; nothing more is sent about it."""
    held = locked_open(invitation, now)
    held.declined_at = now
    held.save(update_fields=["declined_at", "updated_at"])
    withhold(purpose=PURPOSE, subject_ids=[held.pk], reason="declined", now=now)


@transaction.atomic
def mark_unreachable(*, invitation: Invitation, now: datetime) -> None:
    """Note that mail and letters do not reach the patient; the telephone worklist shows it."""
    held = locked_open(invitation, now)
    held.unreachable_at = now
    held.letter_printed_at = None
    held.save(update_fields=["unreachable_at", "letter_printed_at", "updated_at"])
    withhold(purpose=PURPOSE, subject_ids=[held.pk], reason="unreachable", now=now)


def invite_member(*, membership_id: int, now: datetime) -> int | None:
    """Ask one patient now what is open; return the invitation, None when nothing is."""
    made = invite_due(now=now, membership_ids=[membership_id]).invitation_ids
    return made[0] if made else None


def locked_open(invitation: Invitation, now: datetime) -> Invitation:
    """Lock the invitation. Raises RuleBroken when it waits for no answer."""
    held = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if held.submitted_at is not None:
        raise RuleBroken(_("The patient has answered already."))
    if held.declined_at is not None:
        raise RuleBroken(_("The patient has declined to answer."))
    last_day = last_day_to_answer(
        closes_on=held.closes_on,
        started=held.started_at is not None,
        days_to_finish=DAYS_TO_FINISH,
    )
    if last_day < clock.civil_date(now):
        raise RuleBroken(_("The time for answering has passed."))
    if not _asks_something(held):
        raise RuleBroken(_("The patient is no longer asked: the follow-up has ended."))
    return held


def _asks_something(invitation: Invitation) -> bool:
    return FollowUp.objects.filter(
        invitation=invitation, completed_on__isnull=True, censored_on__isnull=True
    ).exists()


def _queue_next(invitation: Invitation, rule: str, now: datetime) -> None:
    """Queue a message anew, with the next attempt of its rule; what waited is overtaken."""
    withhold(purpose=PURPOSE, subject_ids=[invitation.pk], reason="overtaken", now=now)
    attempt = Message.objects.filter(purpose=PURPOSE, subject_id=invitation.pk, rule=rule).count()
    enqueue([NewMessage(PURPOSE, invitation.pk, rule, now, attempt=attempt + 1)])
