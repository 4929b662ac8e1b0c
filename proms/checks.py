"""What must be right before the program starts, and before a register's definition is loaded."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error

from proms.instruments import Instrument, InstrumentError, Item, instruments
from proms.plans import packs
from proms.scoring.surgeon import answer_of
from registry.registers.schema import ComputedScore, InstrumentUse, RegisterDefinition


def check_wording_packs(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Refuse faulty packs of licensed wording, with file, key and reason."""
    try:
        packs()
    except InstrumentError as error:
        return [
            Error(fault, hint="WORDING_PACKS_DIR; see docs/wording-packs.md", id="proms.E001")
            for fault in str(error).splitlines()
        ]
    return []


def check_questionnaires(definition: RegisterDefinition) -> Iterator[tuple[str, str]]:
    """Yield key and reason of what a register asks and cannot be asked.

    Instruments that nobody has written, that surgeons fill in, or that put different questions
    under the same name to patients of the same age, so that one answer would serve both.
    """
    known = instruments()
    for number, questionnaire in enumerate(definition.proms.questionnaires):
        key = f"questionnaires.{number}.instruments"
        asked: dict[str, list[tuple[InstrumentUse, Item]]] = {}
        for use in questionnaire.instruments:
            held = known.get(use.code)
            if held is None:
                yield key, f"unknown instrument “{use.code}”; known are {', '.join(sorted(known))}"
                continue
            if held.respondent == "surgeon":
                yield key, f"“{use.code}” is filled in by the surgeon and not sent to patients"
            if held.parts:
                yield key, f"“{use.code}” stands for {', '.join(held.parts)}; name these"
            for item in held.items:
                before = asked.setdefault(item.code, [])
                other = next(
                    (one for one, same in before if same != item and use.overlaps(one)), None
                )
                if other is not None:
                    yield (
                        key,
                        f"“{use.code}” and “{other.code}” both ask “{item.code}”, differently",
                    )
                    break
                before.append((use, item))
    for number, question in enumerate(definition.proms.patient_questions):
        for code in question.instruments:
            if code in known and question.item not in known[code].items_by_code:
                yield f"patient_questions.{number}.item", f"“{code}” has no item “{question.item}”"


def check_computed_scores(definition: RegisterDefinition) -> Iterator[tuple[str, str]]:
    """Yield key and reason of scores that could not be computed from what surgeons enter."""
    known = {code: held for code, held in instruments().items() if held.respondent == "surgeon"}
    for number, computed in enumerate(definition.procedures.computed):
        key = f"computed.{number}"
        held = known.get(computed.instrument)
        if held is None:
            names = ", ".join(sorted(known))
            yield f"{key}.instrument", f"“{computed.instrument}” is none of surgeons: {names}"
            continue
        for item in held.item_codes:
            if item not in computed.answers:
                yield f"{key}.answers", f"nothing answers “{item}”"
        for variable in computed.values:
            if variable not in computed.answers.values():
                yield f"{key}.values", f"“{variable}” answers nothing here"
        for item, variable in computed.answers.items():
            if item not in held.items_by_code:
                yield f"{key}.answers", f"“{held.code}” has no item “{item}”"
            elif variable not in definition.variables:
                yield f"{key}.answers.{item}", f"there is no variable “{variable}”"
            else:
                for reason in _unanswerable(computed, held, item, definition):
                    yield f"{key}.answers.{item}", reason


def _unanswerable(
    computed: ComputedScore, held: Instrument, item: str, definition: RegisterDefinition
) -> Iterator[str]:
    """Yield why values of a variable are no answers to an item."""
    variable = definition.variable(computed.answers[item])
    if not variable.options and variable.type not in {"integer", "decimal"}:
        yield f"“{variable.key}” is neither a number nor a choice of one"
        return
    if variable.type == "choices":
        yield f"of “{variable.key}” several can be chosen"
    values = [option.key for option in variable.options] or [
        bound for bound in (variable.min, variable.max) if bound is not None
    ]
    for value in values:
        try:
            answer = answer_of(computed, held, item, variable, value)
        except KeyError:
            yield f"“{value}” of “{variable.key}” stands for no answer"
        else:
            if not held.item(item).accepts(answer):
                yield f"“{value}” of “{variable.key}” must be {held.item(item).expected()}"
