"""The scales that a register compares: name, range, direction, and the change that matters."""

from __future__ import annotations

from dataclasses import dataclass, field

from proms.instruments import instruments
from proms.instruments.schema import OutcomeFlag, Scale
from registry.registers.schema import RegisterDefinition, Text

DIMENSIONS = ("symptom_duration_axial", "symptom_duration_limb", "smoking")
"""Questions whose answer before surgery is a column of every fact."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A scale as reports print it."""

    code: str
    labels: Text
    lowest: float
    highest: float
    higher_is_better: bool
    decimals: int
    instrument_change: float | None
    """The instrument's own clinically relevant change, in points of the scale."""
    flags: dict[str, OutcomeFlag] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The scale's name in the active language."""
        return str(self.labels)

    def improves_by(self, definition: RegisterDefinition, group: str) -> float | None:
        """Return the relevant change in ``group``, negative where lower scores are better.

        None where neither the register nor the instrument names one.
        """
        change = definition.relevant_change(self.code, group) or self.instrument_change
        if change is None:
            return None
        return float(change if self.higher_is_better else -change)


def measures(definition: RegisterDefinition) -> dict[str, Measure]:
    """Return the scales that the register's active questionnaires yield, by code.

    Only numbers with a direction: a profile such as 11231 has no mean.
    """
    held = instruments()
    asked = dict.fromkeys(
        use.code
        for questionnaire in definition.proms.questionnaires
        for use in questionnaire.instruments
        if use.status == "active" and use.code in held
    )
    return {
        scale.code: _measure(scale)
        for code in asked
        for scale in held[code].scales
        if scale.kind == "number" and scale.range is not None and scale.direction is not None
    }


def reported_questions(definition: RegisterDefinition) -> dict[str, str]:
    """Return the patients' questions that tables of the report are about: key and item.

    Facts hold their answers like scores. Those that are dimensions of every fact are not here.
    """
    named = {
        name
        for table in definition.reports.tables
        for name in (table.by, *(column.variable for column in table.columns))
    }
    return {
        key: question.item
        for key, question in definition.patient_questions.items()
        if key in named and key not in DIMENSIONS
    }


def compared_scales(definition: RegisterDefinition, groups: list[str]) -> list[str]:
    """Return the scales compared for some groups joined, the most important first.

    Those of every group, in the order in which the first group names them.
    """
    known = measures(definition)
    named = [definition.scales_for(group) for group in groups]
    if not named:
        return []
    return [
        scale for scale in named[0] if scale in known and all(scale in other for other in named)
    ]


def _measure(scale: Scale) -> Measure:
    assert scale.range is not None
    return Measure(
        code=scale.code,
        labels=scale.label,
        lowest=float(scale.range[0]),
        highest=float(scale.range[1]),
        higher_is_better=scale.higher_is_better,
        decimals=scale.decimals,
        instrument_change=None if scale.relevant_change is None else float(scale.relevant_change),
        flags={flag.code: flag for flag in scale.outcome_flags},
    )
