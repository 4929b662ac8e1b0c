"""Withholding small numbers in tables, for viewers who may not see every patient.

A count of 1 to threshold − 1 is withheld. Its row and its column may have totals, from which it
would follow by subtraction; so in every such line further cells are withheld by the rule of
`registry.core.disclosure`, until no line gives one away. A figure falls with the count it is
about. A count of 0 tells of nobody and stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from reports.annual.tables import Cell, Place, Table


def protected(table: Table, *, threshold: int) -> Table:
    """Return the table without what would tell of fewer than ``threshold`` patients."""
    hidden: set[Place] = {
        (row, column)
        for row, cells in enumerate(table.rows)
        for column, cell in enumerate(cells)
        if table.columns[column].what == "count" and _small(cell, threshold)
    } | _over_few(table, threshold)
    before = -1
    while before != len(hidden):
        before = len(hidden)
        for parts, total in _lines(table):
            hidden |= _line(table, parts, total, hidden, threshold)
        hidden |= _with_their_count(table, hidden)
    if not hidden:
        return table
    rows = tuple(
        tuple(None if (row, column) in hidden else cell for column, cell in enumerate(cells))
        for row, cells in enumerate(table.rows)
    )
    return replace(table, rows=rows, withheld=frozenset(hidden))


def _over_few(table: Table, threshold: int) -> set[Place]:
    """Figures over too few cases, and the figure over all from which one would follow."""
    few = {place for place, cases in table.behind.items() if _small(cases, threshold)}
    last = len(table.rows) - 1
    return few | ({(last, column) for _row, column in few} if table.has_total else set())


def _small(cell: Cell, threshold: int) -> bool:
    return isinstance(cell, int) and 0 < cell < threshold


def _lines(table: Table) -> Iterator[tuple[list[Place], Place | None]]:
    """The sums of a table: cells that add up, and where their sum stands."""
    counts = [c for c, column in enumerate(table.columns) if column.what == "count"]
    last = len(table.rows) - 1
    if table.has_total:
        for column in counts:
            yield [(row, column) for row in range(last)], (last, column)
    for name in {column.adds_up for column in table.columns} - {""}:
        parts = [c for c in counts if table.columns[c].adds_up == name]
        for row in range(len(table.rows)):
            yield [(row, column) for column in parts], (row, table.column(name))


def _line(
    table: Table, parts: list[Place], total: Place | None, hidden: set[Place], threshold: int
) -> set[Place]:
    """What else of a line must be withheld, given what is withheld already."""
    gone = [place for place in parts if place in hidden]
    if not gone or total is None or total in hidden:
        return set()
    values = {place: _count(table, place) for place in parts}
    # What is hidden already may be large; the rule asks for two cells that reach the threshold.
    rest = sorted(
        (place for place in parts if place not in hidden and values[place] > 0),
        key=lambda place: (values[place], place),
    )
    more: set[Place] = set()
    while len(gone) + len(more) < 2 or sum(values[p] for p in {*gone, *more}) < threshold:
        if not rest:
            return {*more, total}
        more.add(rest.pop(0))
    return more


def _with_their_count(table: Table, hidden: set[Place]) -> set[Place]:
    """Figures and part counts fall with the count they are about."""
    found: set[Place] = set()
    for column, told in enumerate(table.columns):
        for name in (told.about,) if isinstance(told.about, str) else told.about:
            count = table.column(name) if name else None
            found |= {
                (row, column)
                for row, cells in enumerate(table.rows)
                if (row, count) in hidden and cells[column] is not None
            }
    return found


def _count(table: Table, place: Place) -> int:
    cell = table.rows[place[0]][place[1]]
    return cell if isinstance(cell, int) else 0
