"""The formulas that are code, under the names that instrument files use."""

from __future__ import annotations

from collections.abc import Mapping

from proms.scoring import sf36, spine
from proms.scoring.results import Function

FUNCTIONS: Mapping[str, Function] = {
    "sf36_scale": sf36.scale_score,
    "sf36_summary": sf36.summary_score,
    "rand36": sf36.rand36,
    "tokuhashi": spine.tokuhashi,
    "tokuhashi_band": spine.tokuhashi_band,
    "lenke": spine.lenke,
}
