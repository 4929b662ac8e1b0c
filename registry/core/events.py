"""Typed events: how a lower app sets something going in a higher one.

A lower app defines a frozen dataclass and announces it inside its transaction; a higher app
subscribes in ``AppConfig.ready()``. Handlers run at once, in the same transaction, in the order in
which they subscribed: when one fails, the whole change is undone.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Event = TypeVar("Event")
Handler = Callable[[Any], None]

_subscribers: dict[type, list[Handler]] = {}


def subscribe(event_type: type[Event], handler: Callable[[Event], None]) -> None:
    """Let ``handler`` hear announced events of exactly this type; subscribing twice is once."""
    handlers = _subscribers.setdefault(event_type, [])
    if handler not in handlers:
        handlers.append(handler)


def announce(event: object) -> None:
    """Hand an event to its subscribers, in the caller's transaction.

    Raises whatever a subscriber raises, so that the change and its consequences stand or fall
    together.
    """
    for handler in _subscribers.get(type(event), ()):
        handler(event)


def subscriptions() -> dict[type, tuple[Handler, ...]]:
    """Return every event type with its subscribers, for the test that lists them."""
    return {event_type: tuple(handlers) for event_type, handlers in _subscribers.items()}
