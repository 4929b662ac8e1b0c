"""Rounding as print does, and withholding small numbers in tables."""

import pytest

from reports.annual.protection import protected
from reports.annual.tables import Column, Table, percent, rounded


@pytest.mark.parametrize(
    ("part", "whole", "printed"),
    [(6, 18, 33.3), (5, 18, 27.8), (1, 18, 5.6), (1, 8, 12.5), (1, 16, 6.3), (3, 16, 18.8),
     (0, 18, 0.0), (18, 18, 100.0), (0, 0, None), (None, 4, None)],
)  # fmt: skip
def test_percent_has_one_decimal_half_away_from_zero(part, whole, printed):
    assert percent(part, whole) == printed


@pytest.mark.parametrize(
    ("value", "decimals", "printed"),
    [(0.25, 1, 0.3), (-0.25, 1, -0.3), (2.675, 2, 2.68), (41.55, 1, 41.6), (-0.04, 1, 0.0),
     (None, 1, None), (0.125, 2, 0.13)],
)  # fmt: skip
def test_rounding_is_half_away_from_zero(value, decimals, printed):
    assert rounded(value, decimals) == printed
    assert str(rounded(value, decimals)) != "-0.0"


def by_region(*rows, total=True):
    cells = [(label, *counts, sum(counts)) for label, counts in rows]
    cells.append(("Total", *(sum(column) for column in zip(*(r[1:] for r in cells), strict=True))))
    columns = (
        Column("region", "Region", "label"),
        Column("2022", "2022", adds_up="total"),
        Column("2023", "2023", adds_up="total"),
        Column("total", "Total"),
    )
    return Table("t", "T", columns, tuple(cells), has_total=total)


def test_a_table_without_small_numbers_is_shown_whole():
    table = by_region(("A", (5, 9)), ("B", (0, 7)), ("C", (12, 0)))
    assert protected(table, threshold=5) is table


def solvable(table):
    """The withheld cells that follow from shown ones by subtracting along rows and columns."""
    known = {
        (r, c): cell
        for r, row in enumerate(table.rows)
        for c, cell in enumerate(row)
        if c and (r, c) not in table.withheld
    }
    last_row, last_column = len(table.rows) - 1, len(table.columns) - 1
    lines = [[(r, c) for r in range(last_row + 1)] for c in range(1, last_column + 1)]
    lines += [[(r, c) for c in range(1, last_column + 1)] for r in range(last_row + 1)]
    found = set()
    changed = True
    while changed:
        changed = False
        for line in lines:
            unknown = [place for place in line if place not in known]
            if len(unknown) == 1:
                known[unknown[0]] = 0
                found.add(unknown[0])
                changed = True
    return found


@pytest.mark.parametrize(
    "rows",
    [
        [("A", (2, 9)), ("B", (8, 7)), ("C", (12, 30))],
        [("A", (4, 0)), ("B", (0, 7)), ("C", (12, 30))],
        [("A", (1, 1)), ("B", (8, 7)), ("C", (12, 30))],
        [("A", (3, 0)), ("B", (0, 0)), ("C", (0, 0))],
        [("A", (3, 40)), ("B", (0, 1)), ("C", (9, 8))],
    ],
)
def test_small_numbers_are_withheld_and_do_not_follow_from_the_totals(rows):
    table = protected(by_region(*rows), threshold=5)
    assert all(cell is None or cell == 0 or cell >= 5 for row in table.rows for cell in row[1:])
    assert solvable(table) == set()


def test_a_percentage_falls_with_its_count():
    columns = (
        Column("type", "Type", "label"),
        Column("count", "Number"),
        Column("percent", "Percent", "figure", 1, about="count"),
    )
    rows = (("A", 2, 10.0), ("B", 8, 40.0), ("C", 10, 50.0), ("Total", 20, 100.0))
    table = protected(Table("t", "T", columns, rows, has_total=True), threshold=5)
    assert table.rows == (
        ("A", None, None),
        ("B", None, None),
        ("C", 10, 50.0),
        ("Total", 20, 100.0),
    )
