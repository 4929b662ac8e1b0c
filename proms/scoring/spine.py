"""Two classifications that surgeons enter: Tokuhashi (revised) and Lenke.

Sources: Tokuhashi et al., Spine 2005; Lenke et al., J Bone Joint Surg 2001; DaneSpine's own
survival bands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from proms.instruments.schema import Item, Scale
from proms.scoring.arrays import FloatArray, no_reasons
from proms.scoring.results import Answers, Computed, Reason, ScaleScores

# --- Tokuhashi ------------------------------------------------------------------------------

_BANDS: dict[str, tuple[tuple[int, str], ...]] = {
    # variant: (highest score of the band, expected survival)
    "revised": ((8, "under_6_months"), (11, "6_months_or_more"), (15, "12_months_or_more")),
    "danespine": ((5, "3_months_or_less"), (8, "12_months_or_less"), (15, "12_months_or_more")),
}


def tokuhashi(held: Answers, scale: Scale, _: Mapping[str, ScaleScores]) -> Computed:
    """0–15, higher is a better prognosis. What organ metastases, palsy and primary tumour count
    stands with their options in the instrument file."""
    answers = held.columns
    karnofsky = np.digitize(answers["karnofsky"], [50, 80])
    bone = 2 - np.digitize(answers["bone_foci"], [1, 3])
    vertebral = 2 - np.digitize(answers["vertebral_metastases"], [2, 3])
    total = karnofsky + bone + vertebral
    for code in ("organ_metastases", "frankel", "primary"):
        total = total + _points(held.instrument.item(code), answers[code])
    return total.astype(np.float64), no_reasons(len(total))


def _points(item: Item, column: FloatArray) -> FloatArray:
    """The points of each answer; NaN stays NaN."""
    points = np.full(len(column), np.nan)
    for option in item.options:
        points[column == option.value] = option.points
    return points


def tokuhashi_band(held: Answers, scale: Scale, scores: Mapping[str, ScaleScores]) -> Computed:
    """Expected survival, by the bands of the variant (revised, danespine)."""
    values = scores["tokuhashi"].values
    bands = np.full(len(values), None, dtype=object)
    for highest, name in reversed(_BANDS[held.variant]):
        bands[values <= highest] = name
    return bands, no_reasons(len(values))


# --- Lenke ----------------------------------------------------------------------------------


class _Curves(NamedTuple):
    """Which curves are structural, with the region of the major curve."""

    major: str
    pt: bool
    mt: bool
    tl: bool


_TYPES = {
    _Curves("mt", pt=False, mt=True, tl=False): 1,
    _Curves("mt", pt=True, mt=True, tl=False): 2,
    _Curves("mt", pt=False, mt=True, tl=True): 3,
    _Curves("mt", pt=True, mt=True, tl=True): 4,
    _Curves("tl", pt=True, mt=True, tl=True): 4,
    _Curves("tl", pt=False, mt=False, tl=True): 5,
    _Curves("tl", pt=False, mt=True, tl=True): 6,
}
_STRUCTURAL_BEND = 25
_STRUCTURAL_KYPHOSIS = 20
_LUMBAR_MODIFIERS = {1: "A", 2: "B", 3: "C"}  # csvl: between pedicles, touches, clear


def lenke(held: Answers, scale: Scale, _: Mapping[str, ScaleScores]) -> Computed:
    """Codes such as 1A-, 3CN, 6C+. A measurement that decides nothing may be missing: the
    side-bending of the major curve, or the kyphosis where the bending is structural."""
    rows = len(held.columns["csvl"])
    codes = np.full(rows, None, dtype=object)
    reasons = no_reasons(rows)
    for row in range(rows):
        found = _classify({code: column[row] for code, column in held.columns.items()})
        if isinstance(found, Reason):
            reasons[row] = found.code
        else:
            codes[row] = found
    return codes, reasons


def _classify(measured: Mapping[str, float]) -> str | Reason:
    needed = ("pt_cobb", "mt_cobb", "tl_cobb", "kyphosis_t5_t12", "csvl")
    if any(np.isnan(measured[code]) for code in needed):
        return Reason.TOO_FEW_ANSWERS
    major = "mt" if measured["mt_cobb"] >= measured["tl_cobb"] else "tl"
    structural: dict[str, bool] = {}
    for region, kyphosis in (("pt", "t2_t5"), ("mt", "t10_l2"), ("tl", "t10_l2")):
        decided = region == major or _structural(
            measured[f"{region}_bend"], measured[f"kyphosis_{kyphosis}"]
        )
        if decided is None:
            return Reason.TOO_FEW_ANSWERS
        structural[region] = decided
    number = _TYPES.get(_Curves(major, **structural))
    if number is None:
        return Reason.NO_TYPE
    lumbar = _LUMBAR_MODIFIERS[int(measured["csvl"])]
    if number in (5, 6) and lumbar != "C":
        return Reason.CONTRADICTION
    thoracic = measured["kyphosis_t5_t12"]
    sagittal = "-" if thoracic < 10 else "+" if thoracic > 40 else "N"
    return f"{number}{lumbar}{sagittal}"


def _structural(bend: float, kyphosis: float) -> bool | None:
    """Whether a minor curve is structural; None when what was measured cannot tell."""
    if bend >= _STRUCTURAL_BEND or kyphosis >= _STRUCTURAL_KYPHOSIS:
        return True
    return None if np.isnan(bend) or np.isnan(kyphosis) else False
