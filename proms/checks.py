"""What must be right before the program starts, and before a register's definition is loaded."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error

from proms.instruments import InstrumentError, Item, instruments
from proms.plans import packs
from registry.registers.schema import InstrumentUse, RegisterDefinition


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
