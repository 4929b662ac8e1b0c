"""Pages made of several apps: each app registers panels for a place, the page assembles them.

A panel is a function of the request (and, for a patient's page, the membership id) that returns
the template and its context, or None when it has nothing to show to this viewer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True, slots=True)
class Panel:
    """What a panel shows: a template of the app that registered it and its context."""

    template: str
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """An entry of the main menu: text (lazy), URL name, and who sees it."""

    label: str
    url_name: str
    position: int
    visible: Callable[[HttpRequest], bool]


PanelMaker = Callable[..., Panel | None]

_panels: dict[str, list[tuple[int, PanelMaker]]] = {}
_menu: list[MenuEntry] = []


def register_panel(place: str, maker: PanelMaker, *, position: int) -> None:
    """Put a panel on a page: ``home``, ``patient`` … Lower positions come first."""
    entries = _panels.setdefault(place, [])
    if (position, maker) not in entries:
        entries.append((position, maker))
        entries.sort(key=lambda entry: entry[0])


def panels_for(place: str, request: HttpRequest, **subject: Any) -> list[Panel]:
    """Return the panels of a page that have something to show."""
    made = (maker(request, **subject) for _position, maker in _panels.get(place, []))
    return [panel for panel in made if panel is not None]


def register_menu_entry(entry: MenuEntry) -> None:
    """Add an entry to the main menu."""
    if entry not in _menu:
        _menu.append(entry)
        _menu.sort(key=lambda one: one.position)


def menu_for(request: HttpRequest) -> list[MenuEntry]:
    """Return the menu entries the viewer may use."""
    return [entry for entry in _menu if entry.visible(request)]
