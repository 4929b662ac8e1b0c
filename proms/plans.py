"""Which instruments an invitation asks: those of its follow-ups that may be sent to the patient."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

from django.conf import settings

from patients.policies import age_on
from patients.reach import Answerer, is_under_age, joint_answerer
from proms.instruments import NotSendable, WordingPacks, instrument, sendable
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.followup import OLDEST

Asked = tuple[str, str]
"""A group and a time point."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Instruments with versions in the order asked, and what was left out, with the reason."""

    instruments: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, NotSendable], ...] = ()

    def as_json(self) -> list[dict[str, str]]:
        """Return what is stored with the invitation."""
        return [{"code": code, "version": version} for code, version in self.instruments]


def packs() -> WordingPacks:
    """Return the licensed wording of this installation."""
    return WordingPacks.load(settings.WORDING_PACKS_DIR)


def plan_for(
    definition: RegisterDefinition,
    asked: Iterable[Asked],
    language: str,
    *,
    age: int | None = None,
) -> Plan:
    """Return the plan for follow-ups (group, time point) asked together, each instrument once.

    ``age`` (whole years, on the day of asking) chooses among instruments that are for some ages;
    without it all are included, as for a register that has none.
    """
    return _plan(
        definition.about.code,
        tuple(
            dict.fromkeys(
                (use.code, use.status)
                for group, time_point in asked
                for use in definition.instruments_for(group, time_point)
                if age is None or use.is_for(age)
            )
        ),
        language,
        settings.REQUIRE_LICENSED_WORDING,
        packs(),
    )


@lru_cache(maxsize=2048)
def _plan(
    _register: str,
    uses: tuple[tuple[str, str], ...],
    language: str,
    require_licensed: bool,
    held: WordingPacks,
) -> Plan:
    chosen: list[tuple[str, str]] = []
    left_out: list[tuple[str, NotSendable]] = []
    for code, status in uses:
        if status == "planned":
            continue
        asked = instrument(code)
        verdict = sendable(asked, language, require_licensed=require_licensed, packs=held)
        if verdict.ok:
            chosen.append((code, asked.version))
        else:
            left_out.append((code, verdict.reason))
    return Plan(tuple(chosen), tuple(left_out))


def answerer_of(
    definition: RegisterDefinition,
    plan: Iterable[dict[str, str]],
    *,
    time_point: str,
    birth_date: date,
    on: date,
) -> Answerer:
    """Return who answers a plan on a day: of age the patient, under age whom the register says."""
    if not definition.asks_guardians or not is_under_age(
        birth_date, on=on, guardian_until=definition.patients.guardian_until
    ):
        return "patient"
    codes, age = {one["code"] for one in plan}, age_on(birth_date, on)
    return joint_answerer(
        use.answerer
        for questionnaire in definition.proms.questionnaires
        if time_point in questionnaire.time_points
        for use in questionnaire.instruments
        if use.code in codes and use.is_for(age)
    )


def ages_asked(definition: RegisterDefinition, group: str, time_point: str) -> list[int]:
    """Return the ages in whole years at which a group is asked something at a time point."""
    uses = [one for one in definition.instruments_for(group, time_point) if one.status == "active"]
    return [age for age in range(OLDEST + 1) if any(use.is_for(age) for use in uses)]


def answerer_at(
    definition: RegisterDefinition, group: str, time_point: str, *, age: int
) -> Answerer:
    """Return who answers what a group is asked at a time point at an age, if under age."""
    return joint_answerer(
        use.answerer
        for use in definition.instruments_for(group, time_point)
        if use.status == "active" and use.is_for(age)
    )


def languages_for(plan: Iterable[dict[str, str]], offered: Iterable[str]) -> tuple[str, ...]:
    """Return the languages among ``offered`` in which everything in a plan may be shown."""
    return _languages(
        tuple((one["code"], one["version"]) for one in plan),
        tuple(offered),
        settings.REQUIRE_LICENSED_WORDING,
        packs(),
    )


@lru_cache(maxsize=512)
def _languages(
    plan: tuple[tuple[str, str], ...],
    offered: tuple[str, ...],
    require_licensed: bool,
    held: WordingPacks,
) -> tuple[str, ...]:
    return tuple(
        language
        for language in offered
        if all(
            sendable(
                instrument(code, version), language, require_licensed=require_licensed, packs=held
            ).ok
            for code, version in plan
        )
    )
