"""Synthetic answers as the registry stores them: JSON by item code, and their scores."""

import json
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from demo.danespine.answers import Responses
from demo.danespine.frame import TIME_POINTS
from proms.instruments import instrument
from proms.instruments.schema import Instrument
from proms.instruments.wording import wording
from proms.scoring import score
from registry.registers.schema import RegisterDefinition

LANGUAGE = "da"
# Items of the register's own questions, by the column that holds their answers.
BASELINE = {
    "height_cm": "height_cm",
    "weight_kg": "weight_kg",
    "smoking": "smoker",
    "work": "work",
    "sick_leave_days": "sick_leave_days",
    "symptom_duration_axial": "duration_axial",
    "symptom_duration_limb": "duration_limb",
    "painkillers": "painkillers",
    "walking_distance": "walking",
}
FOLLOW_UP = {"walking_distance": "walking", "work": "work", "satisfaction": "satisfaction"}
ITEM_COLUMNS = {"patient_baseline": BASELINE, "patient_followup": FOLLOW_UP}
ANSWER_COLUMNS = {"eq5d3l": "eq5d", "odi": "odi", "ndi": "ndi", "vas_back": "vas_back",
                  "vas_leg": "vas_leg", "vas_neck": "vas_neck", "vas_arm": "vas_arm"}  # fmt: skip
UNANSWERED = -1


GROWN_UP = 18
"""Years. All of the synthetic history was answered in the forms for those of age."""


class Forms:
    """The answered forms of a synthetic register, in the order of its responses."""

    def __init__(
        self, responses: Responses, groups: NDArray[np.str_], definition: RegisterDefinition
    ) -> None:
        self.responses = responses
        self.asked: dict[tuple[str, str], tuple[Instrument, ...]] = {
            (group, point): tuple(
                instrument(use.code)
                for use in definition.instruments_for(group, point)
                if use.status == "active" and use.is_for(GROWN_UP)
            )
            for group in definition.groups
            for point in definition.time_points
        }
        codes = np.array(list(definition.groups))
        self._group = np.searchsorted(np.sort(codes), groups[responses.operation])
        self._group_codes = np.sort(codes).tolist()
        self._plans = {key: self._plan(held) for key, held in self.asked.items()}
        self._versions = {key: self._instruments(held) for key, held in self.asked.items()}

    def plan(self, group: str, point: str) -> str:
        """The plan of an invitation, as JSON."""
        return self._plans[group, point]

    def instruments(self, group: str, point: str) -> str:
        """Instruments of a response with version and wording version, as JSON."""
        return self._versions[group, point]

    def answers(self) -> Iterator[str]:
        """The answers of every response as JSON by item code; what was skipped is left out."""
        found: list[dict[str, int]] = [{} for _ in self.responses.operation]
        for key, rows in self._rows_by_form():
            for held in self.asked[key]:
                matrix = self._matrix(held)[rows].tolist()
                for row, values in zip(rows.tolist(), matrix, strict=True):
                    answers = found[row]
                    for code, value in zip(held.item_codes, values, strict=True):
                        if value != UNANSWERED:
                            answers[code] = value
        return map(json.dumps, found)

    def scores(
        self, value_set: str | None, minimum_answered: Mapping[str, int]
    ) -> Iterator[tuple[int, str, float | None, str, int, str, str, str]]:
        """Rows of scores: response, scale, value, reason, answered, instrument and its version,
        variant."""
        rows_of: dict[str, list[NDArray[np.int64]]] = {}
        held_by_code: dict[str, Instrument] = {}
        for key, rows in self._rows_by_form():
            for held in self.asked[key]:
                held_by_code[held.code] = held
                rows_of.setdefault(held.code, []).append(rows)
        for code, parts in rows_of.items():
            held = held_by_code[code]
            if not held.scales:
                continue
            rows = np.sort(np.concatenate(parts))
            matrix = self._matrix(held)[rows]
            chosen = value_set if held.value_sets else None
            scored = score(
                held,
                np.where(matrix == UNANSWERED, np.nan, matrix),
                value_set=chosen,
                minimum_answered=minimum_answered,
            )
            for scale in held.scales:
                if scale.kind != "number":
                    continue
                result = scored[scale.code]
                for row, value, answered, reason in zip(
                    rows.tolist(),
                    result.values.tolist(),
                    result.answered.tolist(),
                    result.reasons.tolist(),
                    strict=True,
                ):
                    yield (
                        row, scale.code, None if reason else value, reason, answered, code,
                        held.version, chosen or (held.variants[0] if held.variants else ""),
                    )  # fmt: skip

    def _rows_by_form(self) -> Iterator[tuple[tuple[str, str], NDArray[np.int64]]]:
        """Rows of responses that were asked the same: by group and time point."""
        forms = self._group * len(TIME_POINTS) + self.responses.point
        for form in np.unique(forms):
            group, point = divmod(int(form), len(TIME_POINTS))
            yield (
                (self._group_codes[group], TIME_POINTS[point]),
                np.flatnonzero(forms == form),
            )

    def _matrix(self, held: Instrument) -> NDArray:
        """Answers of all responses to the items of an instrument, −1 where unanswered."""
        if held.code in ITEM_COLUMNS:
            columns = ITEM_COLUMNS[held.code]
            return np.column_stack(
                [getattr(self.responses, columns[code]) for code in held.item_codes]
            )
        values = getattr(self.responses, ANSWER_COLUMNS[held.code])
        return values.reshape(len(values), -1)

    @staticmethod
    def _plan(asked: tuple[Instrument, ...]) -> str:
        return json.dumps([{"code": held.code, "version": held.version} for held in asked])

    @staticmethod
    def _instruments(asked: tuple[Instrument, ...]) -> str:
        return json.dumps(
            {
                held.code: {
                    "version": held.version,
                    "wording": wording(held.code, LANGUAGE).version,
                }
                for held in asked
            }
        )
