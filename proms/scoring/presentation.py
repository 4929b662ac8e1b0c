"""Rounding for people. Nothing else in the project rounds a score."""

from __future__ import annotations

import math
from decimal import ROUND_HALF_UP, Decimal

from django.utils.formats import number_format


def rounded(value: float | None, decimals: int) -> float | None:
    """`value` to `decimals` places, half away from zero: 52.5 gives 53, -0.125 gives -0.13.

    The float's shortest decimal form is what is rounded, after float error beyond the tenth
    place is dropped, so that 0.285 (which a float holds as 0.28499999999999998) gives 0.29.
    None and NaN give None.
    """
    exact = _quantized(value, decimals)
    return None if exact is None else float(exact) + 0.0  # never -0.0


def formatted(value: float | None, decimals: int) -> str:
    """`rounded`, with all its places and a point: "53.0"; "" when there is no value."""
    exact = _quantized(value, decimals)
    if exact is None:
        return ""
    return str(abs(exact) if exact.is_zero() else exact)


def written(value: float | None, decimals: int) -> str:
    """As `formatted`, with the decimal mark of the reader's language: "53,0" in Danish."""
    text = formatted(value, decimals)
    return number_format(text, use_l10n=True) if text else ""


def _quantized(value: float | None, decimals: int) -> Decimal | None:
    if value is None or math.isnan(value):
        return None
    exact = Decimal(repr(round(float(value), 10)))
    return exact.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)
