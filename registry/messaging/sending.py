"""Sending what is due: claim, compose, send, mark.

Claim and mark are transactions of their own, and sending is in neither. A worker that dies between
sending and marking leaves a claimed message; when its lease ends another worker sends it again
with the same Message-ID. So nothing is lost, and at most one repetition arrives.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import formataddr
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from registry.audit.middleware import unit_of_work
from registry.messaging import actions
from registry.messaging.composing import ComposedMail, Purpose, Withheld, purpose
from registry.messaging.models import Message

BATCH = 20
SOURCE = "task messaging.send_due"


@dataclass
class Outcome:
    """What became of the messages of one run."""

    claimed: int = 0
    sent: int = 0
    withheld: int = 0
    put_back: int = 0
    failed: int = 0


class ServerUnavailable(Exception):
    """The mail server does not answer; nothing was sent."""


def send_due(*, now: datetime, limit: int | None = None, batch: int = BATCH) -> Outcome:
    """Send everything due at ``now``, at most ``limit``; safe to run at the same time as others.

    Each batch goes through one connection. When the server cannot be reached, the claimed messages
    are given back and the run ends: the next tick tries again.
    """
    outcome = Outcome()
    while limit is None or outcome.claimed < limit:
        wanted = batch if limit is None else min(batch, limit - outcome.claimed)
        taken = actions.claim(now=now, limit=wanted)
        if not taken:
            break
        try:
            _send_batch(taken, outcome, now=now)
            outcome.claimed += len(taken)
        except ServerUnavailable:
            actions.release(taken, now=now)
            break
    return outcome


def _send_batch(messages: list[Message], outcome: Outcome, *, now: datetime) -> None:
    with _open_connection() as server:
        for message in messages:
            _send_one(message, server, outcome, now=now)


def _send_one(
    message: Message, server: BaseEmailBackend, outcome: Outcome, *, now: datetime
) -> None:
    for_purpose = purpose(message.purpose)
    if for_purpose is None:
        # Another version of the program may know it; it is tried again later.
        outcome.put_back += 1
        actions.put_back(message, error=f"no composer for {message.purpose}", now=now)
        return
    try:
        composed = for_purpose.compose(message.subject_id, message.rule, now)
    except Exception as error:  # one broken message must not stop the others
        outcome.put_back += 1
        actions.put_back(message, error=f"composing: {type(error).__name__}", now=now)
        return
    if isinstance(composed, Withheld):
        outcome.withheld += 1
        with _marking():
            if actions.mark_withheld(message, reason=composed.reason, now=now):
                _note(for_purpose.withheld, message, now)
        return
    try:
        server.send_messages([_mail(message, composed)])
    except smtplib.SMTPRecipientsRefused as error:
        code, answer = next(iter(error.recipients.values()))
        _refused(message, code, answer, outcome, now=now)
    except smtplib.SMTPResponseException as error:
        _refused(message, error.smtp_code, error.smtp_error, outcome, now=now)
    except (smtplib.SMTPException, OSError) as error:
        outcome.put_back += 1
        actions.put_back(message, error=type(error).__name__, now=now)
        # The connection is gone; the backend opens a new one for the next message.
        server.connection = None
    else:
        outcome.sent += 1
        _mark_sent(message, for_purpose, now=now)


def _mark_sent(message: Message, for_purpose: Purpose, *, now: datetime) -> None:
    with _marking():
        if actions.mark_sent(message, now=now):
            _note(for_purpose.sent, message, now)


def _note(noting: object, message: Message, now: datetime) -> None:
    if callable(noting):
        noting(message.subject_id, message.rule, now)


@contextmanager
def _marking() -> Iterator[None]:
    with unit_of_work(actor_id=None, source=SOURCE), transaction.atomic():
        yield


def _refused(
    message: Message, code: int, answer: bytes | str, outcome: Outcome, *, now: datetime
) -> None:
    """A 5xx is for good, a 4xx passes. The answer may hold the address: it is not kept."""
    error = f"SMTP {code}"
    if 500 <= code < 600:
        outcome.failed += 1
        actions.mark_failed(message, error=error, now=now)
    else:
        outcome.put_back += 1
        actions.put_back(message, error=error, now=now)


@contextmanager
def _open_connection() -> Iterator[BaseEmailBackend]:
    server = get_connection(fail_silently=False)
    try:
        server.open()
    except (smtplib.SMTPException, OSError) as error:
        raise ServerUnavailable from error
    try:
        yield server
    finally:
        server.close()


def _mail(message: Message, composed: ComposedMail) -> EmailMultiAlternatives:
    address = settings.DEFAULT_FROM_EMAIL
    domain = urlsplit(settings.SITE_URL).hostname or "registry.invalid"
    headers = {
        "Message-ID": actions.message_id(message, domain),
        "Auto-Submitted": "auto-generated",
        **({"Content-Language": composed.language} if composed.language else {}),
        **composed.headers,
    }
    mail = EmailMultiAlternatives(
        subject=" ".join(composed.subject.split()),
        body=composed.text,
        from_email=formataddr((composed.from_name, address)) if composed.from_name else address,
        to=[composed.to],
        reply_to=[composed.reply_to] if composed.reply_to else None,
        headers=headers,
    )
    if composed.html:
        mail.attach_alternative(composed.html, "text/html")
    return mail
