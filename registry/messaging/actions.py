"""Queueing, claiming and marking messages. The outbox decides what is sent; see sending."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.crypto import salted_hmac

from registry.core.bulk import number_array
from registry.messaging.models import Channel, Message

LEASE = timedelta(minutes=10)
"""How long a claimed message is left to the worker that took it."""
MAX_ATTEMPTS = 8
FIRST_PAUSE = timedelta(minutes=2)
LONGEST_PAUSE = timedelta(hours=6)

WAITING = Q(sent_at__isnull=True, withheld_at__isnull=True, failed_at__isnull=True)


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to be queued. ``attempt`` lets a person send the same rule anew."""

    purpose: str
    subject_id: int
    rule: str
    due_at: datetime
    channel: str = Channel.EMAIL
    attempt: int = 1

    @property
    def key(self) -> str:
        """What makes it unique: subject, rule, channel and attempt."""
        return f"{self.purpose}:{self.subject_id}:{self.rule}:{self.channel}:{self.attempt}"


def enqueue(messages: Iterable[NewMessage]) -> int:
    """Queue messages in the caller's transaction, in one statement; return how many are new.

    A key that is queued or sent already is left alone, so queueing twice is queueing once.
    """
    rows = list(messages)
    if not rows:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_message
                (key, purpose, subject_id, rule, channel, due_at, attempts,
                 withheld_reason, last_error)
            SELECT key, purpose, subject_id, rule, channel, due_at, 0, '', ''
            FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[],
                        %s::timestamptz[])
                 AS m (key, purpose, subject_id, rule, channel, due_at)
            ON CONFLICT (subject_id, key) DO NOTHING
            """,
            [
                [row.key for row in rows],
                [row.purpose for row in rows],
                [row.subject_id for row in rows],
                [row.rule for row in rows],
                [str(row.channel) for row in rows],
                [row.due_at for row in rows],
            ],
        )
        return cursor.rowcount


def enqueue_first(
    *,
    purpose: str,
    rule: str,
    subject_ids: Iterable[int],
    due_at: datetime,
    channel: str = Channel.EMAIL,
) -> int:
    """Queue the first message about many subjects that this transaction has made; return how many.

    Equal to ``enqueue`` of a NewMessage each, with keys written by the database. Nobody else knows
    these subjects, so nothing is looked for that may be queued already, which would cost as much
    as the writing; a key that is there all the same is refused (IntegrityError).
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO messaging_message
                (key, purpose, subject_id, rule, channel, due_at, attempts,
                 withheld_reason, last_error)
            SELECT concat_ws(':', %(purpose)s, subject_id, %(rule)s, %(channel)s, 1),
                   %(purpose)s, subject_id, %(rule)s, %(channel)s, %(due_at)s, 0, '', ''
            FROM unnest(%(subjects)s::bigint[]) AS subject_id
            """,
            {
                "purpose": purpose,
                "rule": rule,
                "channel": str(channel),
                "due_at": due_at,
                "subjects": number_array(subject_ids),
            },
        )
        return cursor.rowcount


WITHHOLD = """
    UPDATE messaging_message
    SET withheld_at = %(withheld_at)s, withheld_reason = %(withheld_reason)s
    WHERE sent_at IS NULL AND failed_at IS NULL AND withheld_at IS NULL
      AND purpose = %(withheld_purpose)s AND subject_id = ANY(%(withheld_subjects)s::bigint[])
      AND (claimed_until IS NULL OR claimed_until <= %(withheld_at)s)
      AND (%(except_rule)s::text IS NULL OR rule <> %(except_rule)s)
"""
"""Withholds what waits about subjects; a part of larger statements too. See `withheld`."""


def withheld(
    *,
    purpose: str,
    subject_ids: Iterable[int],
    reason: str,
    now: datetime,
    except_rule: str | None = None,
) -> dict[str, object]:
    """Return the parameters of WITHHOLD."""
    return {
        "withheld_at": now,
        "withheld_reason": reason,
        "withheld_purpose": purpose,
        "withheld_subjects": number_array(subject_ids),
        "except_rule": except_rule,
    }


def withhold(
    *,
    purpose: str,
    subject_ids: Iterable[int],
    reason: str,
    now: datetime,
    except_rule: str | None = None,
) -> int:
    """Withhold what waits about these subjects, in one statement; return how many.

    A message that a worker is just sending is left: it decides for itself when it composes.
    """
    told = withheld(
        purpose=purpose, subject_ids=subject_ids, reason=reason, now=now, except_rule=except_rule
    )
    with connection.cursor() as cursor:
        cursor.execute(WITHHOLD, told)
        return cursor.rowcount


def claim(*, now: datetime, limit: int, channel: str = Channel.EMAIL) -> list[Message]:
    """Take due messages for this worker, in a transaction of its own, and return them.

    Rows that another worker is taking are skipped, not waited for. The lease lets another worker
    take them up when this one dies; ``attempts`` counts the takes.
    """
    with transaction.atomic():
        due = (
            Message.objects.select_for_update(skip_locked=True)
            .filter(WAITING, due_at__lte=now, channel=channel)
            .filter(Q(claimed_until__isnull=True) | Q(claimed_until__lte=now))
            .order_by("due_at", "pk")[:limit]
        )
        taken = list(due)
        until = now + LEASE
        Message.objects.filter(pk__in=[message.pk for message in taken]).update(
            claimed_until=until, attempts=F("attempts") + 1
        )
    for message in taken:
        message.claimed_until = until
        message.attempts += 1
    return taken


_MARK_SENT = """
    WITH marked AS (
        UPDATE messaging_message
        SET sent_at = %(now)s, claimed_until = NULL, last_error = '', updated_at = %(now)s
        WHERE id = %(id)s AND sent_at IS NULL AND withheld_at IS NULL AND failed_at IS NULL
        RETURNING subject_id, rule
    )
    {noted}
    SELECT count(*) FROM marked
"""


def mark_sent(message: Message, *, now: datetime, note: str = "") -> bool:
    """Note that a message went out. False when it was marked meanwhile.

    ``note`` is what the purpose writes on the subject, see composing.Purpose. Both are one
    statement: a transaction of its own outside of others, in one round trip.
    """
    noted = f", noted AS ({note})" if note else ""
    with connection.cursor() as cursor:
        cursor.execute(_MARK_SENT.format(noted=noted), {"id": message.pk, "now": now})
        return bool(cursor.fetchone()[0])


def mark_withheld(message: Message, *, reason: str, now: datetime) -> bool:
    """Note that a message is not to be sent any more, and why."""
    return _finish(message, withheld_at=now, withheld_reason=reason[:40])


def mark_failed(message: Message, *, error: str, now: datetime) -> bool:
    """Give a message up for good, with the server's answer."""
    return _finish(message, failed_at=now, last_error=error[:300])


def is_last_attempt(message: Message) -> bool:
    """Say whether a passing refusal of a claimed message is its last."""
    return message.attempts >= MAX_ATTEMPTS


def put_back(message: Message, *, error: str, now: datetime) -> bool:
    """Let a message wait after a passing refusal: twice as long each time, then give it up."""
    if is_last_attempt(message):
        return mark_failed(message, error=error, now=now)
    pause = min(FIRST_PAUSE * 2 ** (message.attempts - 1), LONGEST_PAUSE)
    return _finish(message, due_at=now + pause, last_error=error[:300])


def note_bounce(message: Message, *, status: str, now: datetime) -> bool:
    """Note that a message was reported undelivered, with its status. False when it was known."""
    fresh = Message.objects.filter(pk=message.pk).exclude(bounce_status=status[:20])
    return bool(fresh.update(bounced_at=now, bounce_status=status[:20]))


def release(messages: Iterable[Message], *, now: datetime) -> None:
    """Give claimed messages back untouched, for example when the server does not answer."""
    Message.objects.filter(
        WAITING, pk__in=[message.pk for message in messages], claimed_until__isnull=False
    ).update(claimed_until=None, attempts=F("attempts") - 1)


def retry(message: Message, *, now: datetime) -> None:
    """Take up a message that was given up."""
    Message.objects.filter(pk=message.pk, failed_at__isnull=False).update(
        failed_at=None, attempts=0, due_at=now, claimed_until=None
    )


def message_id(message: Message) -> str:
    """Return the Message-ID: the same for the same message, so that a repetition can be told.

    It begins with the message's number, by which a report of failure finds it again, and cannot
    be guessed, so that nobody makes such reports up.
    """
    digest = salted_hmac("registry.messaging.message_id", message.key, algorithm="sha256")
    return f"<{message.pk}.{digest.hexdigest()[:32]}@{_domain(settings.SITE_URL)}>"


def message_of(identifier: str) -> Message | None:
    """Return the message with a Message-ID; None for one that is not ours."""
    number = identifier.strip(" <>").partition(".")[0]
    if not (number.isascii() and number.isdecimal() and len(number) < 19):
        return None
    found = Message.objects.filter(pk=int(number)).first()
    same = found is not None and message_id(found).strip("<>") == identifier.strip(" <>")
    return found if same else None


@lru_cache(maxsize=4)
def _domain(site: str) -> str:
    return urlsplit(site).hostname or "registry.invalid"


def _finish(message: Message, **fields: object) -> bool:
    """Write the outcome of one message, unless another worker has done so."""
    return bool(Message.objects.filter(WAITING, pk=message.pk).update(claimed_until=None, **fields))
