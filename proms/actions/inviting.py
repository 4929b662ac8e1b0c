"""Asking patients further: reminders, and what staff do about one invitation."""

from collections import defaultdict
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from proms.actions.selecting import FIRST_RULE, PURPOSE, invite_due
from proms.links import digest_for
from proms.models import FollowUp, Invitation, RevokedLink
from proms.policies import last_day_to_answer
from proms.status import DAYS_TO_FINISH
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.messaging.actions import NewMessage, enqueue, withhold
from registry.messaging.models import Message
from registry.registers.selectors import definition_for

NEW_LINK_RULE = "new_link"
DAYS_BETWEEN_MAILS = 3
"""No reminder comes sooner after the last mail, even if a rule's day has passed."""

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
          AND NOT EXISTS (SELECT FROM proms_stoppedreminders s WHERE s.invitation_id = i.id)
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
