"""In which words a register's questionnaires are asked, and what is not asked for want of them."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from proms.instruments import (
    Instrument,
    NotSendable,
    WordingState,
    instrument,
    is_demonstration,
    wording,
    wording_state,
)
from proms.models import Response
from proms.plans import Asked, packs, plan_for
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.base import LANGUAGES


@dataclass(frozen=True, slots=True)
class InLanguage:
    """An instrument in one language; ``version`` is that of the wording, "" when not sent."""

    language: str
    state: WordingState
    version: str


@dataclass(frozen=True, slots=True)
class Questionnaire:
    """An instrument of a register with its wording in every language."""

    code: str
    title: str
    version: str
    owner: str
    asked: bool
    """Whether the register sends it; otherwise it is planned."""
    languages: tuple[InLanguage, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be known about the words of what a patient is asked, by name of questionnaire."""

    not_sent: tuple[tuple[str, NotSendable], ...]
    demonstration: tuple[str, ...]


def questionnaires(definition: RegisterDefinition) -> list[Questionnaire]:
    """Return every instrument of a register in asking order, those in use first."""
    uses: dict[str, bool] = {}
    for questionnaire in definition.proms.questionnaires:
        for use in questionnaire.instruments:
            uses[use.code] = uses.get(use.code, False) or use.status == "active"
    found = [_questionnaire(instrument(code), asked) for code, asked in uses.items()]
    return sorted(found, key=lambda one: not one.asked)


def _questionnaire(held: Instrument, asked: bool) -> Questionnaire:
    return Questionnaire(
        held.code,
        str(held.name),
        held.version,
        held.licence.owner if held.licence.owned else "",
        asked and held.status == "active",
        tuple(_in_language(held, language) for language in LANGUAGES),
    )


def _in_language(held: Instrument, language: str) -> InLanguage:
    state = _state(held, language)
    version = (
        ""
        if state == WordingState.NOT_SENT
        else wording(held.code, language, packs=packs(), version=held.version).version
    )
    return InLanguage(language, state, version)


def _state(held: Instrument, language: str) -> WordingState:
    return wording_state(
        held, language, require_licensed=settings.REQUIRE_LICENSED_WORDING, packs=packs()
    )


def words_for(
    definition: RegisterDefinition,
    asked: Iterable[Asked],
    language: str,
    *,
    age: int | None = None,
) -> Words:
    """Return what of these follow-ups (group, time point) is not sent to a patient of an age who
    reads ``language``, with the reason, and what is sent in demonstration wording."""
    plan = plan_for(definition, asked, language, age=age)
    return Words(
        tuple((str(instrument(code).name), reason) for code, reason in plan.left_out),
        tuple(
            str(held.name)
            for held in (instrument(code, version) for code, version in plan.instruments)
            if _state(held, language) == WordingState.DEMONSTRATION
        ),
    )


def answered_in_demonstration(response: Response, code: str) -> bool:
    """Whether a response answered an instrument in demonstration wording."""
    held = response.instruments.get(code)
    return held is not None and is_demonstration(
        instrument(code, held["version"]), held.get("wording", "")
    )
