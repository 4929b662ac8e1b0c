"""Published figures of two registers, as data. Sources and contradictions: README.md here."""

import csv
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def table(name: str) -> list[dict[str, str]]:
    """Return the rows of a published table by file name without ``.csv``; cells are as printed.

    Raises FileNotFoundError for a table that is not there.
    """
    with (FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
