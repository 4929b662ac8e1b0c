"""The table of tests/architecture/access_matrix.txt, for the tests that walk over every address."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver, reverse

from tests.world import RegisterWorld, World

TABLE = Path(__file__).parent / "architecture" / "access_matrix.txt"
LIMB = ("referrals:", "reports:annual", "reports:latest_annual")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table."""

    address: str
    method: str
    expected: tuple[str, ...]

    @property
    def name(self) -> str:
        """The URL's name."""
        return self.address.partition("[")[0]

    def register(self, world: World) -> RegisterWorld:
        """The register in which the table asks: not every register has every page."""
        return world.limb_no if self.name.startswith(LIMB) else world.danespine

    def path(self, register: RegisterWorld) -> str:
        """The address in this world."""
        told = re.search(r"\[(.*)\]", self.address)
        given = dict(pair.split("=") for pair in told[1].split(",")) if told else {}
        known = register.ids | {
            name: register.ids.get(value, value) for name, value in given.items()
        }
        parts = parts_of_addresses()[self.name]
        return reverse(self.name, kwargs={part: known[part] for part in parts})


def lines() -> list[Line]:
    """The lines of the table."""
    text = TABLE.read_text("utf-8").splitlines()
    rows = (line.split() for line in text if line and not line.startswith("#"))
    return [Line(address, method, tuple(cells)) for address, method, *cells in rows]


def _addresses(
    patterns: list[URLPattern | URLResolver], namespace: str = "", given: tuple[str, ...] = ()
) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every URL's name with the names of the parts that its address takes."""
    for pattern in patterns:
        parts = (*given, *pattern.pattern.regex.groupindex)
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _addresses(pattern.url_patterns, inner, parts)
        else:
            yield f"{namespace}{pattern.name}", parts


@cache
def parts_of_addresses() -> dict[str, tuple[str, ...]]:
    """The parts that an address takes, by the URL's name."""
    return dict(_addresses(get_resolver().url_patterns))
