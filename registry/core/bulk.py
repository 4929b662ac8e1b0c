"""Handing many rows to PostgreSQL in one statement."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.db.backends.utils import CursorWrapper


def number_array(numbers: Iterable[int]) -> str:
    """Return whole numbers as PostgreSQL writes an array, to be cast (``%s::bigint[]``).

    The driver looks at each member of a list; for a hundred thousand that takes ten times as long.
    """
    return "{" + ",".join(map(str, numbers)) + "}"


_MEMORY = "SET LOCAL work_mem = '64MB'"
_USUAL_MEMORY = "SET LOCAL work_mem = DEFAULT"


@contextmanager
def memory_for_many(cursor: CursorWrapper) -> Iterator[None]:
    """Let statements and their triggers hold a hundred thousand rows, inside the transaction."""
    cursor.execute(_MEMORY)
    yield
    cursor.execute(_USUAL_MEMORY)


@contextmanager
def planned_for_many(cursor: CursorWrapper) -> Iterator[None]:
    """Let statements be planned for many rows, with memory for them, inside the transaction.

    Where a table has just been filled its statistics tell of a few rows, and a plan that walks
    one set of rows for each of another would never end.
    """
    cursor.execute(f"SET LOCAL enable_nestloop = off; {_MEMORY}")
    yield
    cursor.execute(f"SET LOCAL enable_nestloop = DEFAULT; {_USUAL_MEMORY}")
