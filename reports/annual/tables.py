"""What the annual report is made of: tables of labels and numbers, the same in every format.

One rule holds for every cell: blank (None) where there was nothing to count or to assess, 0 where
something was counted and none was found. Totals are computed from the cases, never typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

Number = int | float
Cell = str | Number | None
Place = tuple[int, int]
What = Literal["label", "count", "figure"]
"""What a column holds: the label of the row, numbers of patients or operations, anything else."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the key for comparisons, the label for readers, decimals as printed."""

    key: str
    label: str
    what: What = "count"
    decimals: int = 0
    about: str | tuple[str, ...] = ""
    """The keys of columns with the number of cases behind a figure; it falls with any of them."""
    one_measure: bool = False
    """Whether every row has ``decimals``; rows of several scales have each its own."""
    adds_up: str = ""
    """The key of the column that is the sum of this one and its like, such as a total of years."""

    def as_json(self) -> dict[str, str]:
        """Return the column as the report's JSON has it."""
        return {"key": self.key, "label": self.label}


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the report. The first cell of a row is its label; the rest are numbers."""

    id: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    has_total: bool = False
    """Whether the last row is the sum of the others."""
    notes: tuple[str, ...] = ()
    withheld: frozenset[Place] = frozenset()
    """Cells (row, column) left empty because they would tell of too few patients."""
    behind: Mapping[Place, int] = field(default_factory=dict)
    """How many cases stand behind a figure, also where no column of the table says so."""

    def as_json(self) -> dict[str, Any]:
        """Return the table as the report's JSON has it."""
        return {
            "id": self.id,
            "title": self.title,
            "columns": [column.as_json() for column in self.columns],
            "rows": [list(row) for row in self.rows],
        }

    def column(self, key: str) -> int:
        """Return the position of a column. Raises KeyError."""
        for position, column in enumerate(self.columns):
            if column.key == key:
                return position
        raise KeyError(key)

    def cell(self, label: str, key: str) -> Cell:
        """Return the cell of the row labelled ``label``. Raises KeyError."""
        for row in self.rows:
            if row[0] == label:
                return row[self.column(key)]
        raise KeyError(label)


def rounded(value: float | None, decimals: int = 1) -> float | None:
    """Round as print does, a half away from zero; None stays None.

    The value is read by its shortest decimal notation, so that 2.675 is a half at two decimals.
    """
    if value is None:
        return None
    step = Decimal(1).scaleb(-decimals)
    # Adding 0.0 turns a negative zero into a zero.
    return float(Decimal(repr(value)).quantize(step, ROUND_HALF_UP)) + 0.0


def percent(part: int | None, whole: int | None) -> float | None:
    """Return 100 · part / whole with one decimal; None where there is nothing to divide."""
    if part is None or not whole:
        return None
    return float((Decimal(part) * 100 / whole).quantize(Decimal("0.1"), ROUND_HALF_UP))
