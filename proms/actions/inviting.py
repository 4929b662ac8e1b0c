"""Asking patients further: reminders, and what staff do about one invitation."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta

import pghistory
from django.conf import settings
from django.db import connection, transaction
from django.utils.translation import gettext as _

from patients.reach import sms_available
from proms.actions.rerouting import note_unreached, send_another_way
from proms.actions.selecting import FIRST_RULE, PURPOSE, invite_due
from proms.asked import channel_of, definitions_of, read, way_of, why_withheld
from proms.links import digest_for
from proms.models import FollowUp, Invitation, RevokedLink
from proms.policies import last_day_to_answer
from proms.status import DAYS_TO_FINISH, end_of_day
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.messaging.actions import WAITING, NewMessage, enqueue, withhold
from registry.messaging.models import Channel, Message
from registry.registers.selectors import definition_for

NEW_LINK_RULE = "new_link"
LONGEST_REASON = 200
"""Characters of the reason for a correction."""

DAYS_BETWEEN_MAILS = 3
"""No reminder comes sooner after the last mail, even if a rule's day has passed."""

# ``quiet_from``: no mail went to the patient about any invitation on this day or later.
# The second part names older reminders that an invitation queued since has overtaken.
_REMIND = """
    WITH rule AS (
        SELECT * FROM unnest(
            %(registers)s::text[], %(groups)s::text[], %(time_points)s::text[], %(keys)s::text[],
            %(afters)s::text[], %(days)s::int[], %(positions)s::int[], %(channels)s::text[]
        ) AS r (register_id, "group", time_point, key, after, days, position, channel)
    ),
    asked AS (
        SELECT i.id, i.membership_id, i.time_point, i.due_on, m.register_id, first_one."group",
               (i.invited_at AT TIME ZONE %(zone)s)::date AS invited_on
        FROM proms_invitation i
        JOIN patients_membership m ON m.id = i.membership_id
        CROSS JOIN LATERAL (
            SELECT o."group" FROM proms_followup f
            JOIN procedures_operation o ON o.id = f.operation_id
            WHERE f.invitation_id = i.id AND f.completed_on IS NULL
              AND f.censored_on IS NULL AND f.closes_on >= %(on)s
            ORDER BY f.time_point <> i.time_point, f.closes_on, f.id LIMIT 1
        ) AS first_one
        WHERE i.invited_at IS NOT NULL AND i.submitted_at IS NULL AND i.declined_at IS NULL
          AND i.unreachable_at IS NULL AND i.locked_at IS NULL AND i.closes_on >= %(on)s
          AND NOT EXISTS (SELECT FROM proms_stoppedreminders s WHERE s.invitation_id = i.id)
          AND NOT EXISTS (
              SELECT FROM proms_invitation other
              WHERE other.membership_id = i.membership_id
                AND GREATEST(other.reminded_at, other.invited_at) >= %(quiet_from)s)
    ),
    newest AS (
        SELECT DISTINCT ON (asked.id)
               asked.id, asked.membership_id, rule.key, rule.channel, d.rule_on, rule.position
        FROM asked
        JOIN rule USING (register_id, "group", time_point)
        CROSS JOIN LATERAL (SELECT CASE rule.after
            WHEN 'due' THEN asked.due_on ELSE asked.invited_on END + rule.days AS rule_on) d
        WHERE d.rule_on <= %(on)s
        ORDER BY asked.id, d.rule_on DESC, rule.position DESC
    ),
    queued AS (
        SELECT message.id, message.subject_id, message.rule, i.membership_id
        FROM messaging_message message JOIN proms_invitation i ON i.id = message.subject_id
        WHERE message.purpose = %(purpose)s AND message.sent_at IS NULL
          AND message.withheld_at IS NULL AND message.failed_at IS NULL
    ),
    chosen AS (
        SELECT DISTINCT ON (newest.membership_id)
               newest.id, newest.key, newest.channel, newest.membership_id
        FROM newest
        WHERE NOT EXISTS (
                SELECT FROM messaging_message sent
                WHERE sent.purpose = %(purpose)s AND sent.subject_id = newest.id
                  AND sent.rule = 'reminder.' || newest.key)
          AND NOT EXISTS (
                SELECT FROM queued
                WHERE queued.membership_id = newest.membership_id
                  AND queued.rule NOT LIKE 'reminder.%%')
          -- An invitation sent again keeps the day on which it was first sent.
          AND NOT EXISTS (
                SELECT FROM proms_invitation other
                JOIN messaging_message sent ON sent.subject_id = other.id
                WHERE other.membership_id = newest.membership_id
                  AND sent.purpose = %(purpose)s AND sent.sent_at >= %(quiet_from)s)
        ORDER BY newest.membership_id, newest.rule_on DESC, newest.position DESC, newest.id DESC
    )
    (SELECT id, key, channel, membership_id FROM chosen ORDER BY id LIMIT %(limit)s)
    UNION ALL
    SELECT older.subject_id, '', '', older.membership_id
    FROM queued older
    WHERE older.rule LIKE 'reminder.%%' AND EXISTS (
        SELECT FROM queued newer
        WHERE newer.membership_id = older.membership_id AND newer.subject_id <> older.subject_id
          AND newer.rule = %(first_rule)s AND newer.id > older.id)
"""


@transaction.atomic
def queue_reminders(*, now: datetime, limit: int | None = None) -> int:
    """Queue the reminders whose day has come by the register's rules; return how many.

    Each rule once for each invitation, and one message a member: when several have become due at
    once, about one invitation or several, the newest goes, and older ones still waiting are
    overtaken. Nobody hears of any invitation again within DAYS_BETWEEN_MAILS. A reminder goes by
    the channel that its rule names, if that reaches the patient, otherwise by the one that does
    (patients.reach); whom no message reaches is marked unreachable, which the worklists show.
    """
    on = clock.civil_date(now)
    rules = _rules()
    if not rules:
        return 0
    names = ("registers", "groups", "time_points", "keys", "afters", "days", "positions")
    columns = zip(*rules, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(
            _REMIND,
            {
                **{
                    name: list(column)
                    for name, column in zip((*names, "channels"), columns, strict=True)
                },
                "on": on,
                "zone": settings.TIME_ZONE,
                "quiet_from": end_of_day(on - timedelta(days=DAYS_BETWEEN_MAILS)),
                "purpose": PURPOSE,
                "first_rule": FIRST_RULE,
                "limit": limit,
            },
        )
        rows = cursor.fetchall()
    chosen = [row for row in rows if row[1]]
    overtaken = [row[0] for row in rows if not row[1]]
    members = [member for _pk, _key, _channel, member in chosen]
    if members:
        overtaken += Invitation.objects.filter(membership_id__in=members).values_list(
            "pk", flat=True
        )
    if overtaken:
        withhold(
            purpose=PURPOSE,
            subject_ids=overtaken,
            reason="overtaken",
            now=now,
            except_rule=FIRST_RULE,
        )
    ways = list(_by_what_reaches([row[:3] for row in chosen], on))
    queued = enqueue(
        NewMessage(PURPOSE, pk, f"reminder.{key}", now, channel=channel)
        for pk, key, channel in ways
        if channel is not None
    )
    note_unreached(invitation_ids=[pk for pk, _key, channel in ways if channel is None], now=now)
    return queued + _without_gateway(now)


def _by_what_reaches(
    chosen: list[tuple[int, str, str]], on: date
) -> Iterator[tuple[int, str, Channel | None]]:
    """Yield each (invitation, rule, channel that the rule names) with the channel it goes by."""
    if not chosen:
        return
    states = read(pk for pk, _key, _channel in chosen)
    definitions = definitions_of(states.values())
    for pk, key, named in chosen:
        state = states[pk]
        way = way_of(definitions[state.register_code], state, on, rule_channel=named)
        yield pk, key, channel_of(way)


def _without_gateway(now: datetime) -> int:
    """Send by another way what waits for an SMS gateway that is no longer there."""
    if sms_available():
        return 0
    stranded = list(Message.objects.filter(WAITING, purpose=PURPOSE, channel=Channel.SMS))
    if not stranded:
        return 0
    Message.objects.filter(WAITING, pk__in=[one.pk for one in stranded]).update(
        withheld_at=now, withheld_reason="no_sms_gateway"
    )
    return send_another_way(messages=[(one.subject_id, one.rule) for one in stranded], now=now)


def _rules() -> list[tuple[str, str, str, str, str, int, int, str]]:
    codes = (
        Invitation.objects.filter(submitted_at__isnull=True)
        .order_by()
        .values_list("membership__register_id", flat=True)
        .distinct()
    )
    return [
        (code, group, point.key, rule.key, rule.after, rule.days, position, rule.channel or "")
        for code in codes
        for definition in [definition_for(code)]
        for group in definition.groups
        for point in definition.time_points_for(group)
        for position, rule in enumerate(point.reminders)
        # Letters are printed, see proms.selectors.invitations_by_letter.
        if not rule.is_notice and rule.channel != "letter"
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
def reach_again(*, patient_ids: Iterable[int], now: datetime) -> int:
    """Send the invitations anew that had reached nobody, now that addresses have changed.

    Those that still wait for an answer and reach somebody by a message, once each; such patients
    leave the worklists. A locked link is left to be reopened by staff. Returns how many are sent.
    """
    held = {
        one.pk: one
        for one in Invitation.objects.select_for_update(of=("self",)).filter(
            membership__patient_id__in=list(patient_ids),
            unreachable_at__isnull=False,
            submitted_at__isnull=True,
            declined_at__isnull=True,
            locked_at__isnull=True,
        )
    }
    if not held:
        return 0
    on = clock.civil_date(now)
    states = read(held)
    definitions = definitions_of(states.values())
    reached = [
        one
        for pk, one in held.items()
        if not why_withheld(states[pk], FIRST_RULE, on)
        and channel_of(way_of(definitions[states[pk].register_code], states[pk], on))
    ]
    for one in reached:
        send_again(invitation=one, now=now)
    return len(reached)


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
def undo_decline(*, invitation: Invitation, reason: str, now: datetime) -> None:
    """Take back a refusal that was noted by mistake; ``reason`` is typed, and kept in history.

    What was not sent yet is sent, and reminders go on, if there is time left to answer. Raises
    RuleBroken without a reason, and when nothing is to be taken back.
    """
    held = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if held.declined_at is None:
        raise RuleBroken(_("The patient has not declined to answer."))
    if not reason.strip():
        raise RuleBroken({"reason": _("Say why, in words.")})
    held.declined_at = None
    with pghistory.context(reason=reason.strip()[:LONGEST_REASON]):
        held.save(update_fields=["declined_at", "updated_at"])
    if held.invited_at is None and held.unreachable_at is None:
        send_another_way(messages=[(held.pk, FIRST_RULE)], now=now)


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
    channel = _channel_of(invitation, clock.civil_date(now))
    enqueue([NewMessage(PURPOSE, invitation.pk, rule, now, channel=channel, attempt=attempt + 1)])


def _channel_of(invitation: Invitation, on: date) -> Channel:
    """Return how a message that staff or the patient ask for goes: by text where only that works.

    Who would rather have a letter or a call is written to by e-mail all the same: it was asked for.
    """
    state = read([invitation.pk])[invitation.pk]
    return channel_of(way_of(definition_for(state.register_code), state, on)) or Channel.EMAIL
