"""How a budget is measured: value and reference by turns in one run, medians, one table.

A machine is never quiet. Value and reference therefore take turns, in changing order, so that
whatever else runs slows both; the ratio of their medians is what a budget is about.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. ``small`` and ``large``: operations in the two databases."""

    small: int
    large: int
    rows: int
    """Patients selected, rows imported and exported, forms scored."""
    requests: int
    mails: int
    runs: int
    kills: int
    """How often a worker is killed while ten times as many messages go out."""


SCALES = {
    "full": Scale(100_000, 1_000_000, rows=100_000, requests=400, mails=300, runs=5, kills=200),
    # Proves that the measurements run; its figures mean nothing.
    "quick": Scale(1_000, 3_000, rows=400, requests=24, mails=20, runs=2, kills=5),
}


def scale() -> Scale:
    """Return what BENCH_SCALE names (full when it is not set); KeyError for another name."""
    return SCALES[os.environ.get("BENCH_SCALE") or "full"]


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit of the ratio (value / reference), or of the value itself in its unit."""

    limit: float
    of: Literal["ratio", "value"] = "ratio"
    at: Literal["most", "least"] = "most"

    def told(self, unit: str) -> str:
        """Return the budget as it is printed."""
        return f"{'≤' if self.at == 'most' else '≥'} {self.limit:g} " + (
            "×" if self.of == "ratio" else unit
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """One line of the table. ``reference`` is None where a budget has none."""

    name: str
    value: float
    reference: float | None
    budget: Budget | None
    unit: str = "ms"
    against: str = ""

    @property
    def ratio(self) -> float | None:
        """Value / reference."""
        return self.value / self.reference if self.reference else None

    @property
    def ok(self) -> bool:
        """Whether the budget is kept; without one there is nothing to break."""
        if self.budget is None:
            return True
        told = self.ratio if self.budget.of == "ratio" else self.value
        if told is None:
            return False
        return told <= self.budget.limit if self.budget.at == "most" else told >= self.budget.limit

    def as_json(self) -> dict[str, object]:
        """Return what bench/last.json holds."""
        return {
            "value": self.value,
            "reference": self.reference,
            "ratio": self.ratio,
            "budget": self.budget.told(self.unit) if self.budget else None,
            "ok": self.ok,
            "unit": self.unit,
            "against": self.against,
        }


def timed(work: Callable[[], object], *, factor: float = 1000) -> Callable[[], float]:
    """Return a function that does ``work`` and returns how long it took, in ms by default."""

    def run() -> float:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * factor

    return run


def medians(
    runs: int, contenders: Mapping[str, Callable[[], float]], *, warm: int = 1
) -> dict[str, float]:
    """Let the contenders take turns ``runs`` times; return the median of what each returned."""
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for turn in range(-warm, runs):
        order = list(contenders.items())
        for name, contender in order if turn % 2 else reversed(order):
            gc.collect()
            figure = contender()
            if turn >= 0:
                found[name].append(figure)
    return {name: statistics.median(figures) for name, figures in found.items()}


def p95(figures: Iterable[float]) -> float:
    """Return the 95th percentile (nearest rank)."""
    ordered = sorted(figures)
    return ordered[max(0, -(-95 * len(ordered) // 100) - 1)]


def note(text: str) -> None:
    """Tell on the screen what is being done; not part of the table."""
    print(f"  … {text}", file=sys.stderr, flush=True)


HEAD = (
    f"{'measurement':<34}{'value':>9} {'reference':>9} {'ratio':>9}"
    f"  {'unit':<7}{'budget':<11}{'':<8}reference is"
)


def line(one: Measured) -> str:
    """Return one line of the table."""
    shown = (_number(one.value), _number(one.reference), _number(one.ratio))
    budget = one.budget.told(one.unit) if one.budget else ""
    mark = ("ok" if one.ok else "MISSED") if one.budget else ""
    figures = " ".join(f"{text:>9}" for text in shown)
    return f"{one.name:<34}{figures}  {one.unit:<7}{budget:<11}{mark:<8}{one.against}"


def write(results: Iterable[Measured], path: Path) -> None:
    """Write the results; those of an earlier run that were not measured again are kept."""
    held = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    held |= {one.name: one.as_json() for one in results}
    path.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _number(figure: float | None) -> str:
    if figure is None:
        return "–"
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"


def peak_megabytes() -> float:
    """Return the most memory this process has held (MB).

    From /proc where there is one: getrusage counts the parent that started the process as well.
    """
    status = Path("/proc/self/status")
    if status.exists():
        held = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(held["VmHWM"].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
