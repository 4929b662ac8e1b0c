"""What is wrong with the rows of a set: shared by the set forms of actions and by imports."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from registry.core.errors import RuleBroken


@dataclass(frozen=True, slots=True)
class RowError:
    """One thing that is wrong in one row.

    ``row`` counts from 0 within the set that was given; ``column`` names the field (or, in a
    file, the column), empty when the row as a whole is meant.
    """

    row: int
    column: str
    message: str


class RowsRefused(Exception):
    """Rows of a set were refused; none of the set was written. Lists every fault found."""

    def __init__(self, errors: Iterable[RowError]) -> None:
        self.errors = tuple(sorted(errors, key=lambda error: error.row))
        super().__init__("\n".join(f"{e.row}: {e.column}: {e.message}" for e in self.errors))


@contextmanager
def as_rule() -> Iterator[None]:
    """Turn what is wrong with a set of one row into messages beside the fields (RuleBroken)."""
    try:
        yield
    except RowsRefused as refused:
        messages: dict[str, list[str]] = {}
        for error in refused.errors:
            messages.setdefault(error.column or "__all__", []).append(error.message)
        raise RuleBroken(messages) from refused
