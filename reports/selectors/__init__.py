"""Reads of reports. Each takes the viewer and returns only what the viewer may see."""

from reports.selectors.benchmark import Benchmark, Figures, PointResult, benchmark
from reports.selectors.completeness import (
    CompletenessTable,
    Count,
    completeness_by_unit,
    completeness_counts,
)
from reports.selectors.scope import Filters, Scope

__all__ = [
    "Benchmark",
    "CompletenessTable",
    "Count",
    "Figures",
    "Filters",
    "PointResult",
    "Scope",
    "benchmark",
    "completeness_by_unit",
    "completeness_counts",
]
