"""What takes messages away: the mail server and, where there is one, the SMS gateway.

Both raise Refused when they do not take a message, and Lost when they cannot be reached.
"""

import http.client
import json
import smtplib
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail.backends.smtp import EmailBackend

from registry.messaging.actions import message_id
from registry.messaging.composing import ComposedMail, ComposedText
from registry.messaging.mime import NotSendable, as_bytes, ascii_address
from registry.messaging.models import Channel, Message
from registry.messaging.policies import Verdict, enhanced_status, judge_gateway, judge_smtp


class Refused(Exception):
    """A message was not taken. ``verdict`` None: for good, though not because of the address.

    ``error`` is short and holds no address, unlike the server's own answer.
    """

    def __init__(self, error: str, verdict: Verdict | None) -> None:
        super().__init__(error)
        self.error = error
        self.verdict = verdict


class Lost(Exception):
    """The server does not answer."""


class Carrier(AbstractContextManager, Protocol):
    """Takes messages one by one, over one connection."""

    def carry(self, message: Message, content: object, *, now: datetime) -> None:
        """Hand one message over. Raises Refused or Lost."""


def channels() -> list[str]:
    """Return the channels by which this installation sends."""
    return [Channel.EMAIL, *([Channel.SMS] if settings.SMS_GATEWAY_URL else [])]


def carrier_of(channel: str) -> Carrier:
    """Return what carries a channel's messages; entering it raises Lost."""
    return SmsGateway() if channel == Channel.SMS else MailServer()


class MailServer:
    """The SMTP server of EMAIL_HOST."""

    def __enter__(self) -> Self:
        self._server = EmailBackend(fail_silently=False)
        self._open()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.close()

    def _open(self) -> None:
        try:
            self._server.open()
        except (smtplib.SMTPException, OSError) as error:
            raise Lost(type(error).__name__) from error

    def carry(self, message: Message, content: ComposedMail, *, now: datetime) -> None:
        """Send a mail. The envelope's sender is where reports of failure shall go."""
        from_address = content.from_address or settings.DEFAULT_FROM_EMAIL
        try:
            letter = as_bytes(
                content, message_id=message_id(message), from_address=from_address, sent_at=now
            )
            recipient = ascii_address(content.to)
        except NotSendable as error:
            raise Refused(str(error), Verdict.ADDRESS) from error
        if self._server.connection is None:
            self._open()
        try:
            self._server.connection.sendmail(
                settings.BOUNCE_ADDRESS or from_address, [recipient], letter
            )
        except smtplib.SMTPRecipientsRefused as error:
            code, answer = next(iter(error.recipients.values()))
            raise _refused(code, answer, about_recipient=True) from error
        except smtplib.SMTPResponseException as error:
            raise _refused(error.smtp_code, error.smtp_error, about_recipient=False) from error
        except (smtplib.SMTPException, OSError) as error:
            # The connection is gone; a new one is opened for the next message.
            self._server.connection = None
            raise Refused(type(error).__name__, Verdict.PASSING) from error


def _refused(code: int, answer: bytes | str, *, about_recipient: bool) -> Refused:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else str(answer)
    verdict = judge_smtp(code, text, about_recipient=about_recipient)
    return Refused(f"SMTP {code} {enhanced_status(text)}".strip(), verdict)


class SmsGateway:
    """An SMS gateway over HTTP: one POST of JSON for each message.

    ``{"id", "to", "text"}`` with the token as bearer. ``id`` is also the Idempotency-Key: a
    gateway that knows it sends a repetition only once. Redirections are not followed.
    """

    TIMEOUT = 20
    """Seconds."""

    def __enter__(self) -> Self:
        address = urlsplit(settings.SMS_GATEWAY_URL)
        secure = address.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._path = address.path or "/"
        self._connection = kind(address.hostname or "", address.port, timeout=self.TIMEOUT)
        try:
            self._connection.connect()
        except OSError as error:
            raise Lost(type(error).__name__) from error
        return self

    def __exit__(self, *_exception: object) -> None:
        self._connection.close()

    def carry(self, message: Message, content: ComposedText, *, now: datetime) -> None:
        """Hand a text message over."""
        name = message_id(message).strip("<>")
        body = json.dumps({"id": name, "to": content.to, "text": content.text}).encode()
        headers = {
            "Authorization": f"Bearer {settings.SMS_GATEWAY_TOKEN}",
            "Content-Type": "application/json",
            "Idempotency-Key": name,
        }
        try:
            self._connection.request("POST", self._path, body, headers)
            answer = self._connection.getresponse()
            answer.read()
        except (http.client.HTTPException, OSError) as error:
            self._connection.close()  # opened again by the next request
            raise Refused(type(error).__name__, Verdict.PASSING) from error
        if not 200 <= answer.status < 300:
            raise Refused(f"HTTP {answer.status}", judge_gateway(answer.status))
