"""Pages made of several apps: each app registers panels for a place, the page assembles them.

A panel is a function of the request (and of what the page is about: ``register`` for home, also
``membership`` for a patient's page) that returns
the template and its context, or None when it has nothing to show to this viewer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse


@dataclass(frozen=True, slots=True)
class Panel:
    """What a panel shows: a template of the app that registered it and its context."""

    template: str
    context: dict[str, Any]


@dataclass(frozen=True, slots=True)
class MenuEntry:
    """An entry of the main menu: text (lazy), URL name taking the register, and who sees it."""

    label: str
    url_name: str
    position: int
    visible: Callable[[HttpRequest, str], bool]


@dataclass(frozen=True, slots=True)
class MenuLink:
    """A menu entry as shown to one viewer."""

    label: str
    url_name: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class RegisterChoice:
    """A register the viewer may enter."""

    code: str
    name: str
    short_name: str


PanelMaker = Callable[..., Panel | None]

_panels: dict[str, list[tuple[int, PanelMaker]]] = {}
_menu: list[MenuEntry] = []
_registers_source: list[Callable[[HttpRequest], list[RegisterChoice]]] = []


def register_panel(place: str, maker: PanelMaker, *, position: int) -> None:
    """Put a panel on a page: ``home``, ``patient``, ``operation`` … Lower positions come first.

    ``operation_results`` is the top of an operation's page, before what was registered.
    """
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


def menu_for(request: HttpRequest, register_code: str) -> list[MenuLink]:
    """Return the menu the viewer has in a register, made once a request; empty without one."""
    if not register_code:
        return []
    kept = request.__dict__.setdefault("_menus", {})
    if register_code not in kept:
        kept[register_code] = _menu_links(request, register_code)
    return kept[register_code]


def _menu_links(request: HttpRequest, register_code: str) -> list[MenuLink]:
    match = request.resolver_match
    app = match.app_name if match is not None else ""
    return [
        MenuLink(
            label=entry.label,
            url_name=entry.url_name,
            url=reverse(entry.url_name, kwargs={"register": register_code}),
            current=bool(app) and entry.url_name.rpartition(":")[0] == app,
        )
        for entry in _menu
        if entry.visible(request, register_code)
    ]


def provide_registers(source: Callable[[HttpRequest], list[RegisterChoice]]) -> None:
    """Say who knows the registers a viewer may enter; the ground floor does."""
    _registers_source[:] = [source]


def registers_for(request: HttpRequest) -> list[RegisterChoice]:
    """Return the registers the viewer may enter, in order; read once a request."""
    if not hasattr(request, "_register_choices"):
        request._register_choices = [
            choice for source in _registers_source for choice in source(request)
        ]
    return request._register_choices
