"""Who makes the text of a message: composers, registered by purpose.

An upper app registers one function for each purpose in ``ready()``. It is asked at the moment of
sending, so that what has happened since the message was queued counts.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ComposedMail:
    """A mail as it goes out. Never stored; its repr tells neither address nor text."""

    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(default="", repr=False)
    from_name: str = ""
    reply_to: str = ""
    language: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a message is not sent any more: a short code such as ``answered``."""

    reason: str


Composer = Callable[[int, str, datetime], ComposedMail | Withheld]
"""Called as ``compose(subject_id, rule, now)``."""

Noting = Callable[[int, str, datetime], None]
"""Called as ``sent(subject_id, rule, now)`` in the transaction that marks the message."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a message is for: who writes it, and who notes that it went."""

    compose: Composer
    sent: Noting | None = None
    withheld: Noting | None = None


_purposes: dict[str, Purpose] = {}


def register_composer(
    purpose: str,
    compose: Composer,
    *,
    sent: Noting | None = None,
    withheld: Noting | None = None,
) -> None:
    """Let ``compose`` write the messages of ``purpose``. Registering again replaces it.

    ``sent`` (and ``withheld``) are called in the transaction that marks a message, so that what
    they write stands or falls with the mark.
    """
    _purposes[purpose] = Purpose(compose, sent, withheld)


def purpose(name: str) -> Purpose | None:
    """Return what was registered for a purpose."""
    return _purposes.get(name)
