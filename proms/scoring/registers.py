"""What a register decides about scoring: one place for single answers and for whole registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from registry.registers.schema import RegisterDefinition


@dataclass(frozen=True, slots=True)
class ScoringOptions:
    """Settings of a register; the value set is for EQ-5D-3L and None where that is not asked."""

    value_set: str | None
    minimum_answered: Mapping[str, int]
    """Scale to the least number of answers, where the register decides."""
    variants: Mapping[str, str]
    """Instrument to its variant, where the register decides."""


def scoring_options(definition: RegisterDefinition) -> ScoringOptions:
    """The settings of `definition`."""
    about = definition.about
    return ScoringOptions(
        about.eq5d_value_set,
        {"odi": about.odi_minimum_answered, "ndi": about.ndi_minimum_answered},
        {"tokuhashi": about.tokuhashi_bands},
    )
