"""Sending what is due: claim, compose, look again, send, mark.

Claim and mark are transactions of their own, and sending is in neither. A worker that dies between
sending and marking leaves a claimed message; when its lease ends another worker sends it again
with the same Message-ID. So nothing is lost, and at most one repetition arrives.

A claimed batch is composed at once. Right before each mail what decided about it is read again; if
it has changed, the mail is composed anew or withheld. So no mail starts after the commit of
whatever forbids it.
"""

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import pghistory
from django.db import transaction

from registry.audit.middleware import unit_of_work
from registry.messaging import actions
from registry.messaging.carriers import Carrier, Lost, Refused, carrier_of, channels
from registry.messaging.composing import (
    ComposedMail,
    ComposedText,
    Content,
    Purpose,
    State,
    Undelivered,
    Wanted,
    Withheld,
    purpose,
)
from registry.messaging.models import Message
from registry.messaging.policies import Verdict

BATCH = 20
SOURCE = "task messaging.send_due"
SAFE_SECONDS = actions.LEASE.total_seconds() / 2
"""A batch that takes longer is given back, before another worker may take it up."""


@dataclass
class Outcome:
    """What became of the messages of one run."""

    claimed: int = 0
    sent: int = 0
    withheld: int = 0
    put_back: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Unwritable:
    """A message that could not be composed; it is tried again later."""

    error: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A claimed message with what is to be sent, and the state from which it was written."""

    message: Message
    purpose: Purpose | None
    state: State
    content: Content | Unwritable


def send_due(*, now: datetime, limit: int | None = None, batch: int = BATCH) -> Outcome:
    """Send everything due at ``now``, at most ``limit``; safe to run at the same time as others.

    Each batch goes through one connection. When a channel's server cannot be reached, the claimed
    messages are given back: the next tick tries again.
    """
    outcome = Outcome()
    for channel in channels():
        while limit is None or outcome.claimed < limit:
            wanted = batch if limit is None else min(batch, limit - outcome.claimed)
            taken = actions.claim(now=now, limit=wanted, channel=channel)
            if not taken:
                break
            try:
                with carrier_of(channel) as carrier:
                    _send_batch(taken, carrier, outcome, now=now)
                outcome.claimed += len(taken)
            except Lost:
                # Those that were sent or put back meanwhile are no longer claimed.
                actions.release(taken, now=now)
                break
    return outcome


def _send_batch(
    messages: list[Message], carrier: Carrier, outcome: Outcome, *, now: datetime
) -> None:
    began = time.monotonic()
    # One context of the history for the batch: its marks are statements of their own.
    with pghistory.context(actor=None, source=SOURCE):
        for position, letter in enumerate(_compose(messages, now=now)):
            if time.monotonic() - began > SAFE_SECONDS:
                actions.release(messages[position:], now=now)
                return
            _send_one(_as_it_is_now(letter, now=now), carrier, outcome, now=now)


# --- Composing --------------------------------------------------------------------------------


def _compose(messages: Sequence[Message], *, now: datetime) -> list[Letter]:
    """Write a batch: for each purpose one reading of the states and one call of its composer."""
    by_purpose: dict[str, list[Message]] = defaultdict(list)
    for message in messages:
        by_purpose[message.purpose].append(message)
    letters = {
        letter.message.pk: letter
        for name, those in by_purpose.items()
        for letter in _compose_for(name, those, now=now)
    }
    return [letters[message.pk] for message in messages]


def _compose_for(name: str, messages: Sequence[Message], *, now: datetime) -> list[Letter]:
    for_purpose = purpose(name)
    if for_purpose is None:
        # Another version of the program may know it; it is tried again later.
        unknown = Unwritable(f"no composer for {name}")
        return [Letter(message, None, None, unknown) for message in messages]
    try:
        states = for_purpose.read([message.subject_id for message in messages])
        wanted = [
            Wanted(one.subject_id, one.rule, states.get(one.subject_id), one.channel)
            for one in messages
        ]
        contents = for_purpose.compose(wanted, now)
        return [
            Letter(message, for_purpose, one.state, content)
            for message, one, content in zip(messages, wanted, contents, strict=True)
        ]
    except Exception as error:  # one broken message must not stop the others
        if len(messages) > 1:
            return [each for one in messages for each in _compose_for(name, [one], now=now)]
        broken = Unwritable(f"composing: {type(error).__name__}")
        return [Letter(messages[0], for_purpose, None, broken)]


def _as_it_is_now(letter: Letter, *, now: datetime) -> Letter:
    """Return the letter if what decides about it is unchanged, otherwise one written anew."""
    if letter.purpose is None or isinstance(letter.content, Unwritable):
        return letter
    subject_id = letter.message.subject_id
    if letter.purpose.read([subject_id]).get(subject_id) == letter.state:
        return letter
    return _compose([letter.message], now=now)[0]


# --- Sending and marking ----------------------------------------------------------------------


def _send_one(letter: Letter, carrier: Carrier, outcome: Outcome, *, now: datetime) -> None:
    message, content = letter.message, letter.content
    if isinstance(content, Unwritable):
        _put_back(letter, content.error, outcome, now=now)
        return
    if isinstance(content, Withheld):
        outcome.withheld += 1
        with _marking():
            if actions.mark_withheld(message, reason=content.reason, now=now):
                _note(letter.purpose.withheld, message, now)
        return
    try:
        carrier.carry(message, content, now=now)
    except Refused as refusal:
        if refusal.verdict is Verdict.PASSING:
            _put_back(letter, refusal.error, outcome, now=now)
        else:
            _give_up(letter, refusal.error, outcome, now=now, verdict=refusal.verdict)
    else:
        outcome.sent += 1
        actions.mark_sent(message, now=now, note=letter.purpose.note_sent)


def _put_back(letter: Letter, error: str, outcome: Outcome, *, now: datetime) -> None:
    if actions.is_last_attempt(letter.message):
        _give_up(letter, error, outcome, now=now)
        return
    outcome.put_back += 1
    actions.put_back(letter.message, error=error, now=now)


def _give_up(
    letter: Letter,
    error: str,
    outcome: Outcome,
    *,
    now: datetime,
    verdict: Verdict | None = None,
) -> None:
    """Mark a message as failed; the purpose notes that its subject was not reached."""
    message, content = letter.message, letter.content
    known = isinstance(content, ComposedMail | ComposedText)
    outcome.failed += 1
    with _marking():
        marked = actions.mark_failed(message, error=error, now=now)
        if marked and letter.purpose is not None and letter.purpose.undelivered is not None:
            what = Undelivered(
                message.subject_id,
                message.rule,
                message.channel,
                address_refused=verdict is Verdict.ADDRESS,
                address=content.to if known else "",
            )
            letter.purpose.undelivered(what, now)


def _note(noting: object, message: Message, now: datetime) -> None:
    if callable(noting):
        noting(message.subject_id, message.rule, now)


@contextmanager
def _marking() -> Iterator[None]:
    with unit_of_work(actor_id=None, source=SOURCE), transaction.atomic():
        yield
