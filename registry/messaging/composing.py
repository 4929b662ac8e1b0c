"""Who writes the messages of a purpose: an upper app, which registers it in ``ready()``.

Messages are written for a claimed batch, in a few queries for all of them. What decides about a
message (is it still wanted, which link, which address) is its subject's *state*. It is read once
more before each mail is sent, and when it has changed since the batch was written, the mail is
written anew or withheld. So what happens while a batch is being sent counts, for one small query.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

State = object
"""What decides about a message: compared by ``==``, and otherwise the composer's own."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A message that is to be written."""

    subject_id: int
    rule: str
    state: State
    channel: str = "email"


@dataclass(frozen=True, slots=True)
class ComposedMail:
    """A mail as it goes out. Never stored; its repr tells neither address nor text."""

    to: str = field(repr=False)
    subject: str = field(repr=False)
    text: str = field(repr=False)
    html: str = field(default="", repr=False)
    from_name: str = ""
    from_address: str = ""
    reply_to: str = ""
    language: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class ComposedText:
    """A text message as it goes out. Never stored; its repr tells neither number nor text."""

    to: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Why a message is not sent any more: a short code such as ``answered``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undelivered:
    """A message that did not arrive and will not: given up, or sent back by a later report.

    ``address_refused``: nobody is reached at ``address``. Otherwise it failed for another reason,
    and the address may be good. ``address`` is "" when it is not known.
    """

    subject_id: int
    rule: str
    channel: str
    address_refused: bool = False
    address: str = field(default="", repr=False)


Content = ComposedMail | ComposedText | Withheld

Composer = Callable[[Sequence[Wanted], datetime], Sequence[Content]]
"""Called as ``compose(wanted, now)``; returns one answer for each, in the same order: a mail for
the channel email, a text for sms."""

Reader = Callable[[Iterable[int]], Mapping[int, State]]
"""Called as ``read(subject_ids)``; one query. A subject that is gone is left out (state None)."""

Noting = Callable[[int, str, datetime], None]
"""Called as ``withheld(subject_id, rule, now)`` in the transaction that marks the message."""

NotingUndelivered = Callable[[Undelivered, datetime], None]
"""Called as ``undelivered(what, now)`` in the transaction that marks the message; safe twice."""


def _nothing_decides(_subject_ids: Iterable[int]) -> Mapping[int, State]:
    return {}


@dataclass(frozen=True, slots=True)
class Purpose:
    """What a message is for: who writes it, what decides about it, and who notes what became of it.

    ``note_sent`` is a statement that notes on the subject that the message went. It becomes a part
    of the marking statement, so that both stand or fall together in one round trip: it may use
    ``marked (subject_id, rule)``, which holds a row unless another worker was first, and
    ``%(now)s``.
    """

    compose: Composer
    read: Reader = _nothing_decides
    note_sent: str = ""
    withheld: Noting | None = None
    undelivered: NotingUndelivered | None = None


_purposes: dict[str, Purpose] = {}


def register_purpose(name: str, purpose: Purpose) -> None:
    """Let ``purpose`` write the messages of that name. Registering again replaces it."""
    _purposes[name] = purpose


def purpose(name: str) -> Purpose | None:
    """Return what was registered for a purpose."""
    return _purposes.get(name)
