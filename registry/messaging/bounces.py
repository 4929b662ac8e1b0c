"""Mail that came back: delivery reports, read from a mailbox by IMAP.

A report is a message of the form of RFC 3464, or a plain text that quotes the mail. Either way it
is matched by our Message-ID, which nobody can guess. A report that nobody is reached at the address
has the same consequences as a refusal at sending; any other is only noted with its status.

A report is marked as read (``\\Seen``) after its consequences are committed, and handling it again
changes nothing. What is no report of ours is flagged and left unread for people.
"""

import imaplib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

from django.db import transaction

from registry.audit.middleware import unit_of_work
from registry.messaging import actions
from registry.messaging.composing import Undelivered, purpose
from registry.messaging.models import Message
from registry.messaging.policies import Verdict, enhanced_status, judge_smtp, judge_status

SOURCE = "task messaging.read_bounces"
LARGEST = 200_000
"""Bytes read of a message; a report that quotes a whole mail is smaller."""
REPORTS_A_RUN = 500
TIMEOUT = 30
"""Seconds."""

_MESSAGE_ID = re.compile(r"<(\d{1,18}\.[0-9a-f]{32}@[A-Za-z0-9.\-]+)>")
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[A-Za-z0-9.\-]+[A-Za-z0-9]")
_REPLY = re.compile(r"(?<!\d)(5\d\d)[ \-](.*)")


@dataclass(frozen=True, slots=True)
class Bounce:
    """What a report says: which mail, to which address, with which status."""

    message_id: str
    status: str
    """Enhanced status code such as ``5.1.1``; ``failed`` or ``delayed`` where there is none."""
    address_refused: bool
    address: str = field(default="", repr=False)


# --- Reading a report -------------------------------------------------------------------------


def read_report(content: bytes) -> list[Bounce]:
    """Return what a message reports, one for each recipient; [] when it is no report of ours."""
    mail = message_from_bytes(content, policy=policy.default)
    found = _MESSAGE_ID.search(_quoted(mail))
    if found is None:
        return []
    identifier = found.group(1)
    parts = list(_recipients(mail))
    if parts:
        return [_of_recipient(identifier, part) for part in parts if _action(part) != "delivered"]
    return [_of_text(identifier, mail)] if _is_automatic(mail) else []


def _quoted(mail: EmailMessage) -> str:
    """Everything in which our Message-ID may be quoted: reports, headers, texts."""
    texts = [str(mail.get(name, "")) for name in ("In-Reply-To", "References")]
    for part in mail.walk():
        texts.append(f"{part.get('Original-Message-ID', '')} {part.get('Message-ID', '')}")
        if part.get_content_maintype() == "text":
            texts.append(_text(part))
    return "\n".join(texts)


def _text(part: EmailMessage) -> str:
    content = part.get_payload(decode=True)
    return content.decode("utf-8", "replace") if isinstance(content, bytes) else ""


def _recipients(mail: EmailMessage) -> Iterator[EmailMessage]:
    """The blocks of a delivery-status part that are about a recipient."""
    for part in mail.walk():
        if part.get_content_type() == "message/delivery-status":
            blocks = part.get_payload()
            if isinstance(blocks, list):
                yield from (block for block in blocks if block.get("Action"))


def _action(block: EmailMessage) -> str:
    return str(block.get("Action", "")).strip().lower()


def _of_recipient(identifier: str, block: EmailMessage) -> Bounce:
    status = enhanced_status(str(block.get("Status", "")))
    failed = _action(block) == "failed"
    # The status of the report is often the relay's summary; the server's own words say more.
    diagnostic = str(block.get("Diagnostic-Code", ""))
    verdict = judge_status(status)
    if failed and verdict is not Verdict.ADDRESS and status in {"", "5.0.0"}:
        verdict = _judge_words(diagnostic)
    recipient = str(block.get("Original-Recipient") or block.get("Final-Recipient") or "")
    return Bounce(
        identifier,
        status or ("failed" if failed else "delayed"),
        address_refused=failed and verdict is Verdict.ADDRESS,
        address=parseaddr(recipient.partition(";")[2] or recipient)[1],
    )


def _of_text(identifier: str, mail: EmailMessage) -> Bounce:
    """A report in plain words: the status is looked for in its text, the address as well."""
    body = mail.get_body(preferencelist=("plain", "html"))
    text = _text(body) if body is not None else ""
    status = enhanced_status(text)
    verdict = judge_status(status) if status else _judge_words(text)
    failed = str(mail.get("X-Failed-Recipients", ""))
    address = parseaddr(failed)[1] or next(iter(_ADDRESS.findall(_without_ids(text))), "")
    return Bounce(
        identifier,
        status or "failed",
        address_refused=verdict is Verdict.ADDRESS,
        address=address,
    )


def _judge_words(text: str) -> Verdict:
    reply = _REPLY.search(text)
    if reply is None:
        return Verdict.PASSING
    return judge_smtp(int(reply.group(1)), reply.group(2), about_recipient=True)


def _without_ids(text: str) -> str:
    return _MESSAGE_ID.sub("", text)


def _is_automatic(mail: EmailMessage) -> bool:
    """Whether a program wrote it as a report, and not a person or an absence notice."""
    sender = parseaddr(str(mail.get("From", "")))[1].lower()
    empty_path = str(mail.get("Return-Path", "-")).strip() == "<>"
    return sender.startswith(("mailer-daemon@", "postmaster@")) or (
        empty_path and str(mail.get("Auto-Submitted", "")).lower() != "auto-replied"
    )


# --- What follows from it ---------------------------------------------------------------------


def handle(bounce: Bounce, *, now: datetime) -> bool:
    """Note a report on its message and on the subject. False when it is not ours or was known."""
    message = actions.message_of(bounce.message_id)
    if message is None:
        return False
    with unit_of_work(actor_id=None, source=SOURCE), transaction.atomic():
        if not actions.note_bounce(message, status=bounce.status, now=now):
            return False
        if bounce.address_refused:
            _tell(message, bounce, now=now)
    return True


def _tell(message: Message, bounce: Bounce, *, now: datetime) -> None:
    found = purpose(message.purpose)
    if found is not None and found.undelivered is not None:
        found.undelivered(
            Undelivered(
                message.subject_id,
                message.rule,
                message.channel,
                address_refused=True,
                address=bounce.address,
            ),
            now,
        )


# --- The mailbox ------------------------------------------------------------------------------


def read_mailbox(url: str, *, now: datetime) -> int:
    """Handle the unread reports of a mailbox (``imaps://user:password@host/folder``); return how
    many were reports of ours. Raises OSError or imaplib.IMAP4.error when it cannot be read.
    """
    handled = 0
    with _mailbox(url) as mailbox:
        _kind, found = mailbox.uid("SEARCH", "UNSEEN", "UNFLAGGED")
        for number in (found[0] or b"").split()[:REPORTS_A_RUN]:
            reports = read_report(_fetch(mailbox, number))
            for report in reports:
                handle(report, now=now)
            handled += bool(reports)
            mailbox.uid(
                "STORE", number.decode(), "+FLAGS", r"(\Seen)" if reports else r"(\Flagged)"
            )
    return handled


@contextmanager
def _mailbox(url: str) -> Iterator[imaplib.IMAP4]:
    parts = urlsplit(url)
    if parts.scheme not in {"imap", "imaps"}:
        raise ValueError("BOUNCE_IMAP_URL must begin with imaps:// or imap://.")
    secure = parts.scheme == "imaps"
    kind = imaplib.IMAP4_SSL if secure else imaplib.IMAP4
    mailbox = kind(parts.hostname or "", parts.port or (993 if secure else 143), timeout=TIMEOUT)
    try:
        mailbox.login(unquote(parts.username or ""), unquote(parts.password or ""))
        answer, _count = mailbox.select(unquote(parts.path.strip("/")) or "INBOX")
        if answer != "OK":
            raise imaplib.IMAP4.error("The folder of BOUNCE_IMAP_URL cannot be opened.")
        yield mailbox
    finally:
        mailbox.logout()


def _fetch(mailbox: imaplib.IMAP4, number: bytes) -> bytes:
    _kind, found = mailbox.uid("FETCH", number.decode(), f"(BODY.PEEK[]<0.{LARGEST}>)")
    return next((part[1] for part in found if isinstance(part, tuple)), b"")
