"""The demo's mailbox: every message that the registry sends, one file each, newest first.

The messages are sent by SMTP like in production; demo/smtp_sink.py takes them and stores them
here. Nothing leaves the machine.
"""

from __future__ import annotations

import email
import html
import itertools
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import cast

_NAME = re.compile(r"\d{19}-\d{4}\.eml")
_TAG = re.compile(r"<[^>]+>")
_count = itertools.count()


class NoSuchMail(LookupError):
    """No message has that name."""


@dataclass(frozen=True)
class Mail:
    """A message as a person reads it."""

    name: str
    received: datetime
    recipient: str
    subject: str
    body: str


def store(folder: Path, content: bytes) -> str:
    """Store a message under the time of its arrival; return its name."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    name = f"{time.time_ns():019d}-{next(_count) % 10_000:04d}.eml"
    # Written aside and moved, so that the page never shows half a message.
    draft = folder / f"{name}.{os.getpid()}"
    draft.write_bytes(content)
    draft.replace(folder / name)
    return name


def names(folder: Path) -> list[str]:
    """The names of all messages, newest first."""
    if not folder.is_dir():
        return []
    return sorted((f.name for f in folder.iterdir() if _NAME.fullmatch(f.name)), reverse=True)


def read(folder: Path, name: str) -> Mail:
    """Read one message.

    Raises:
        NoSuchMail: there is none of that name, or the name is no message's.
    """
    path = folder / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NoSuchMail(name)
    message = cast(EmailMessage, email.message_from_bytes(path.read_bytes(), policy=default))
    return Mail(
        name=name,
        received=datetime.fromtimestamp(int(name[:19]) / 1e9, tz=UTC),
        recipient=str(message["To"] or ""),
        subject=str(message["Subject"] or ""),
        body=_text(message),
    )


def _text(message: EmailMessage) -> str:
    """The message's plain text; of one that has only HTML, its text without the tags."""
    part = message.get_body(preferencelist=("plain", "html"))
    if part is None:
        return ""
    content = part.get_content()
    if part.get_content_subtype() == "html":
        content = html.unescape(_TAG.sub("", content))
    return content.strip()
