"""The words a patient sees: the project's demonstration wording, or a licensed pack over it.

The published texts of EQ-5D, ODI, NDI, SF-36 and SRS-22r belong to their owners. A register
that holds a licence puts one file per instrument and language into a directory:

    odi.da.toml
        instrument = "odi"
        instrument_version = "1.0"      # the version of the instrument file it was made for
        language = "da"
        version = "2.1a-da"             # stored with every response
        holder = "…"                    # who holds the licence, and its number
        title = "…"
        introduction = "…"              # may be left out
        [stems]
        sf3 = "…"
        [items.odi1]
        text = "…"
        options = { 0 = "…", 1 = "…" }  # every value
        low = "…"                       # ends of a VAS
        high = "…"

A pack must have words for everything and for nothing else; a half translated questionnaire is not
validated either. docs/wording-packs.md tells those who write one; `manage.py check_wording` reads
a folder of packs and names every fault.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from typing import Annotated, NamedTuple

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from pydantic import AfterValidator, Field, ValidationError

from proms.instruments.loader import InstrumentError, UnknownInstrument, instrument
from proms.instruments.schema import Instrument
from registry.registers.schema.base import LANGUAGES, Key, Language, NonEmpty, Part

DEMONSTRATION = "demo-"
"""How versions of the project's own wording begin."""


def _not_ours(version: str) -> str:
    if version.startswith(DEMONSTRATION):
        raise ValueError(f"“{DEMONSTRATION}…” is kept for the program's own wording")
    return version


class PackItem(Part):
    text: NonEmpty
    help: NonEmpty | None = None
    options: dict[int, NonEmpty] = {}
    low: NonEmpty | None = None
    high: NonEmpty | None = None
    unit: NonEmpty | None = None


class Pack(Part):
    """Licensed wording of one instrument in one language."""

    instrument: Key
    instrument_version: NonEmpty
    language: Language
    version: Annotated[str, Field(min_length=1, max_length=40), AfterValidator(_not_ours)]
    """Stored with every answer."""
    holder: NonEmpty
    title: NonEmpty
    introduction: NonEmpty | None = None
    stems: dict[Key, NonEmpty] = {}
    items: dict[Key, PackItem]


@dataclass(frozen=True, eq=False)
class WordingPacks:
    """The licensed packs of one directory."""

    packs: Mapping[tuple[str, str], Pack] = field(default_factory=dict)

    @classmethod
    def load(cls, directory: str | Path | None) -> WordingPacks:
        """Every `<instrument>.<language>.toml` of `directory`; none when it is not set.

        Raises InstrumentError with a line for every fault of every file: file, key and reason.
        """
        if not directory:
            return NO_PACKS
        return _load_packs(Path(directory))

    def get(self, instrument: Instrument, language: str) -> Pack | None:
        """The pack made for this version of the instrument, in this language."""
        pack = self.packs.get((instrument.code, language))
        if pack is None or pack.instrument_version != instrument.version:
            return None
        return pack


NO_PACKS = WordingPacks()


@dataclass(frozen=True, slots=True)
class QuestionWording:
    """The words of one item in one language."""

    text: str
    help: str = ""
    stem: str = ""
    options: tuple[tuple[int, str], ...] = ()
    low: str = ""
    high: str = ""
    unit: str = ""

    @property
    def question(self) -> str:
        """The whole question, for where it stands alone: its stem first, where it has one."""
        return f"{self.stem} {self.text}".strip()

    def label(self, value: int | None) -> str:
        """The words of the answer `value`; the number itself where there are no options."""
        if value is None:
            return ""
        if not self.options:
            return f"{value} {self.unit}".strip()
        return dict(self.options).get(value, str(value))


@dataclass(frozen=True, slots=True)
class Wording:
    """An instrument in one language. `version` is stored with every response."""

    language: str
    version: str
    licensed: bool
    validated: bool
    title: str
    introduction: str
    credit: str
    questions: Mapping[str, QuestionWording]


class NotSendable(StrEnum):
    """Why an instrument is not sent."""

    PLANNED = "planned"
    SURGEON = "surgeon"
    LANGUAGE = "language"
    NO_LICENSED_WORDING = "no_licensed_wording"

    @property
    def message(self) -> Promise:
        """What the coordinator reads."""
        return _NOT_SENDABLE[self]


_NOT_SENDABLE: dict[str, Promise] = {
    "planned": _("This questionnaire is planned and not yet in use."),
    "surgeon": _("This form is filled in by the surgeon and is not sent to patients."),
    "language": _("This questionnaire does not exist in the patient's language."),
    "no_licensed_wording": _(
        "There is no licensed wording of this questionnaire in the patient's language. "
        "The register administrator can add the licensed file."
    ),
}


class WordingState(StrEnum):
    """In which words a questionnaire is asked in one language, for staff."""

    LICENSED = "licensed"
    OWN = "own"
    DEMONSTRATION = "demonstration"
    NOT_SENT = "not_sent"

    @property
    def label(self) -> Promise:
        """What staff read."""
        return _WORDING_STATES[self]


_WORDING_STATES: dict[str, Promise] = {
    "licensed": _("Licensed wording"),
    "own": _("The register's own questions"),
    "demonstration": _("Demonstration wording, not validated"),
    "not_sent": _("Not sent: no licensed wording"),
}


class Sendable(NamedTuple):
    ok: bool
    reason: NotSendable | None


def sendable(
    instrument: Instrument, language: str, *, require_licensed: bool, packs: WordingPacks
) -> Sendable:
    """Whether `instrument` may be sent to a patient who reads `language`, and why not.

    `require_licensed` is the setting REQUIRE_LICENSED_WORDING: then an instrument whose licence
    asks for it needs a pack in this language.
    """
    if instrument.status == "planned":
        return Sendable(False, NotSendable.PLANNED)
    if instrument.respondent == "surgeon":
        return Sendable(False, NotSendable.SURGEON)
    if language not in LANGUAGES:
        return Sendable(False, NotSendable.LANGUAGE)
    if require_licensed and instrument.licence.required and packs.get(instrument, language) is None:
        return Sendable(False, NotSendable.NO_LICENSED_WORDING)
    return Sendable(True, None)


def wording_state(
    instrument: Instrument, language: str, *, require_licensed: bool, packs: WordingPacks
) -> WordingState:
    """In which words `instrument` would be asked in `language`.

    Raises KeyError for a language that is none of the four.
    """
    if language not in LANGUAGES:
        raise KeyError(language)
    if packs.get(instrument, language) is not None:
        return WordingState.LICENSED
    if not instrument.licence.owned:
        return WordingState.OWN
    if require_licensed and instrument.licence.required:
        return WordingState.NOT_SENT
    return WordingState.DEMONSTRATION


def is_demonstration(asked: Instrument, wording_version: str) -> bool:
    """Whether an answer was given to demonstration wording of somebody's questionnaire.

    `wording_version` is what the response stores. Questions that nobody owns have no other words.
    """
    return asked.licence.owned and wording_version.startswith(DEMONSTRATION)


def wording(
    code: str, language: str, *, packs: WordingPacks = NO_PACKS, version: str | None = None
) -> Wording:
    """The words of instrument `code` in `language`: the licensed pack where there is one.

    Raises UnknownInstrument, and KeyError for a language that is none of the four.
    """
    if language not in LANGUAGES:
        raise KeyError(language)
    return _wording(code, version, language, packs)


@lru_cache(maxsize=512)
def _wording(code: str, version: str | None, language: str, packs: WordingPacks) -> Wording:
    asked = instrument(code, version)
    pack = packs.get(asked, language)
    return _demonstration(asked, language) if pack is None else _licensed(asked, pack)


def _demonstration(asked: Instrument, language: str) -> Wording:
    stems = {stem.code: stem.text.in_language(language) for stem in asked.stems}
    questions = {
        item.code: QuestionWording(
            text=item.text.in_language(language),
            help=item.help.in_language(language) if item.help else "",
            stem=stems.get(item.stem or "", ""),
            options=tuple((option.value, option.in_language(language)) for option in item.options),
            low=item.low.in_language(language) if item.low else "",
            high=item.high.in_language(language) if item.high else "",
            unit=item.unit.in_language(language) if item.unit else "",
        )
        for item in asked.items
    }
    return Wording(
        language=language,
        version=asked.wording.version,
        licensed=False,
        validated=asked.wording.validated,
        title=asked.name.in_language(language),
        introduction=asked.introduction.in_language(language) if asked.introduction else "",
        credit=asked.licence.credit or "",
        questions=questions,
    )


def _licensed(asked: Instrument, pack: Pack) -> Wording:
    questions = {
        item.code: QuestionWording(
            text=pack.items[item.code].text,
            help=pack.items[item.code].help or "",
            stem=pack.stems[item.stem] if item.stem else "",
            options=tuple((value, pack.items[item.code].options[value]) for value in item.values),
            low=pack.items[item.code].low or "",
            high=pack.items[item.code].high or "",
            unit=pack.items[item.code].unit or "",
        )
        for item in asked.items
    }
    return Wording(
        language=pack.language,
        version=pack.version,
        licensed=True,
        validated=True,
        title=pack.title,
        introduction=pack.introduction or "",
        credit=asked.licence.credit or "",
        questions=questions,
    )


@lru_cache(maxsize=8)
def _load_packs(directory: Path) -> WordingPacks:
    if not directory.is_dir():
        raise InstrumentError(f"licensed wording: there is no directory {directory}")
    packs: dict[tuple[str, str], Pack] = {}
    faults: list[str] = []
    for path in sorted(directory.glob("*.toml")):
        try:
            pack = _read_pack(path)
        except InstrumentError as error:
            faults.append(str(error))
        else:
            packs[pack.instrument, pack.language] = pack
    if faults:
        raise InstrumentError("\n".join(faults))
    return WordingPacks(packs)


def _read_pack(path: Path) -> Pack:
    try:
        pack = Pack.model_validate(tomllib.loads(path.read_text("utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InstrumentError(f"{path.name}: {error}") from error
    except ValidationError as error:
        problems = (
            f"{path.name}: {'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
            for problem in error.errors()
        )
        raise InstrumentError("\n".join(problems)) from error
    if path.stem != f"{pack.instrument}.{pack.language}":
        raise InstrumentError(
            f"{path.name}: holds {pack.instrument} in {pack.language}; rename the file"
        )
    try:
        asked = instrument(pack.instrument, pack.instrument_version)
    except UnknownInstrument as error:
        raise InstrumentError(f"{path.name}: instrument, instrument_version: {error}") from error
    missing, surplus = _expected(asked) - _given(pack), _given(pack) - _expected(asked)
    faults = [f"{path.name}: {key}: no words" for key in sorted(missing)]
    faults += [f"{path.name}: {key}: {asked.code} has no such key" for key in sorted(surplus)]
    if faults:
        raise InstrumentError("\n".join(faults))
    return pack


def _expected(asked: Instrument) -> set[str]:
    """The keys for which a pack needs words."""
    keys = {f"stems.{stem.code}" for stem in asked.stems}
    for item in asked.items:
        keys.add(f"items.{item.code}")
        keys |= {f"items.{item.code}.options.{value}" for value in item.values}
        if item.type == "vas":
            keys |= {f"items.{item.code}.low", f"items.{item.code}.high"}
    return keys


def _given(pack: Pack) -> set[str]:
    """The keys for which a pack has words."""
    keys = {f"stems.{code}" for code in pack.stems}
    for code, words in pack.items.items():
        keys.add(f"items.{code}")
        keys |= {f"items.{code}.options.{value}" for value in words.options}
        keys |= {f"items.{code}.{end}" for end in ("low", "high") if getattr(words, end)}
    return keys
