"""The formulas that are code, under the names that instrument files use."""

from __future__ import annotations

from collections.abc import Mapping

from proms.scoring.engine import Function

FUNCTIONS: Mapping[str, Function] = {}
