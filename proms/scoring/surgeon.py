"""Scores of what surgeons enter with an operation, such as Tokuhashi: computed when shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from proms.instruments import Instrument, Scale, instrument
from proms.scoring.engine import score_one
from proms.scoring.registers import scoring_options
from proms.scoring.results import Score
from registry.registers.schema import ComputedScore, RegisterDefinition, Variable


class Computed(NamedTuple):
    """A scale of a surgeon's instrument with its score, or the reason why there is none."""

    scale: Scale
    score: Score


def computed_scores(
    definition: RegisterDefinition, details: Mapping[str, Any]
) -> Iterator[Computed]:
    """Yield what the register computes from `details`, as `validate_details` left them.

    Nothing of an instrument none of whose variables was filled in; and one reason only where
    scales lack a value for the same one.
    """
    variants = scoring_options(definition).variants
    for computed in definition.procedures.computed:
        asked = instrument(computed.instrument)
        answers = {
            item: answer_of(computed, asked, item, definition.variable(key), details[key])
            for item, key in computed.answers.items()
            if details.get(key) not in (None, "")
        }
        if not answers:
            continue
        told = set()
        scored = score_one(computed.instrument, answers, variant=variants.get(asked.code))
        for code, score in scored.items():
            if score.reason not in told:
                yield Computed(asked.scale(code), score)
            if score.reason is not None:
                told.add(score.reason)


def answer_of(
    computed: ComputedScore, asked: Instrument, item: str, variable: Variable, value: Any
) -> float:
    """The answer to `item` that a value of `variable` stands for. KeyError: for none."""
    if not variable.options:
        return float(value)
    named = computed.values.get(variable.key, {})
    if value in named:
        return float(named[value])
    return float({option.code: option.value for option in asked.item(item).options}[value])
