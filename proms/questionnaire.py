"""A plan as pages in one language: what the patient sees, made once and kept.

Items that share a stem are rows of one page, every other item is a page. The pages of a plan do
not depend on its patient, so they are compiled once for each plan and language.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil

from proms.instruments import QuestionWording, WordingPacks, instrument, wording
from proms.instruments.schema import Condition, Item
from proms.plans import packs

Answers = Mapping[str, float | None]
"""Answers by item code; None is a question deliberately skipped, a missing key one not seen."""


class WrongAnswer(ValueError):
    """An answer that the question does not allow."""


@dataclass(frozen=True, slots=True)
class Row:
    """One question as shown."""

    item: Item
    words: QuestionWording

    @property
    def code(self) -> str:
        """The item's code, which is also the name of its input."""
        return self.item.code

    def read(self, text: str) -> float | int | None:
        """Return the answer typed or chosen; None when nothing was.

        The unit may be typed too ("168 cm"). Raises WrongAnswer when it is none that the question
        allows.
        """
        text = text.strip().casefold().removesuffix(self.words.unit.casefold()).rstrip()
        text = text.replace(",", ".").replace("\u2212", "-")
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            raise WrongAnswer(text) from None
        if not self.item.accepts(value):
            raise WrongAnswer(text)
        return int(value) if value.is_integer() else value


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A page of the form: one question, or rows under one stem."""

    number: int
    instrument: str
    title: str
    heading: str
    rows: tuple[Row, ...]
    introduction: str
    credit: str
    condition: Condition | None

    @property
    def in_rows(self) -> bool:
        """Whether the page shows rows under a stem."""
        return bool(self.rows[0].words.stem)

    @property
    def optional(self) -> bool:
        """Whether every question may be passed over without a word."""
        return all(row.item.optional for row in self.rows)

    @property
    def codes(self) -> tuple[str, ...]:
        """The items of the page."""
        return tuple(row.code for row in self.rows)

    def is_seen(self, answers: Answers) -> bool:
        """Whether every question of the page was answered or deliberately skipped."""
        return all(code in answers for code in self.codes)


@dataclass(frozen=True, slots=True, eq=False)
class Form:
    """All pages of a plan in one language. There is one object of each: it is its own key."""

    language: str
    pages: tuple[Page, ...]
    seconds: int
    instruments: Mapping[str, Mapping[str, str]]
    validated: bool

    @property
    def minutes(self) -> int:
        """The real number of minutes an average patient needs, at least one."""
        return max(1, ceil(self.seconds / 60))

    @property
    def items(self) -> dict[str, Row]:
        """Every question by item code."""
        return {row.code: row for page in self.pages for row in page.rows}

    def visible(self, answers: Answers) -> list[Page]:
        """Return the pages that these answers ask for, in order."""
        return [
            page
            for page in self.pages
            if page.condition is None or answers.get(page.condition.item) in page.condition.values
        ]

    def page(self, number: int) -> Page | None:
        """Return a page by its number in the whole form."""
        return self.pages[number - 1] if 1 <= number <= len(self.pages) else None

    def first_unseen(self, answers: Answers) -> Page | None:
        """Return the first page still to be answered; None when all are."""
        return next((p for p in self.visible(answers) if not p.is_seen(answers)), None)

    def complete(self, answers: Answers) -> dict[str, float | None]:
        """Return the answers of visible pages only: what a changed mind has hidden is dropped."""
        return {code: answers.get(code) for page in self.visible(answers) for code in page.codes}

    def progress(self, page: Page, answers: Answers) -> tuple[int, int]:
        """Return (position, number) of a page among those visible."""
        shown = self.visible(answers)
        return (shown.index(page) + 1 if page in shown else 1), len(shown)


def form_for(plan: Iterable[Mapping[str, str]], language: str) -> Form:
    """Return the pages of an invitation's plan in a language. Kept for every later patient."""
    return _compile(tuple((one["code"], one["version"]) for one in plan), language, packs())


@lru_cache(maxsize=512)
def _compile(plan: tuple[tuple[str, str], ...], language: str, held: WordingPacks) -> Form:
    pages: list[Page] = []
    seconds = 0
    validated = True
    versions: dict[str, dict[str, str]] = {}
    known: set[str] = set()
    for code, version in plan:
        asked = instrument(code, version)
        words = wording(code, language, packs=held, version=version)
        seconds += asked.seconds
        validated = validated and words.validated
        versions[code] = {"version": version, "wording": words.version}
        # A question that an earlier questionnaire asks is not asked again: one code, one answer.
        new = [item for item in asked.items if item.code not in known]
        known.update(item.code for item in new)
        for position, items in enumerate(_grouped(new)):
            rows = tuple(Row(item, words.questions[item.code]) for item in items)
            first = rows[0]
            pages.append(
                Page(
                    number=len(pages) + 1,
                    instrument=code,
                    title=words.title,
                    heading=first.words.stem or first.words.text,
                    rows=rows,
                    introduction=words.introduction if position == 0 else "",
                    credit=words.credit,
                    condition=first.item.show_if,
                )
            )
    return Form(language, tuple(pages), seconds, versions, validated)


def _grouped(items: Iterable[Item]) -> list[list[Item]]:
    """Items that share a stem together, every other one alone."""
    groups: list[list[Item]] = []
    for item in items:
        if groups and item.stem is not None and groups[-1][0].stem == item.stem:
            groups[-1].append(item)
        else:
            groups.append([item])
    return groups


def fingerprint(invitation_id: int, plan: object) -> str:
    """Return a short text that tells one patient's form from another, for stale tabs."""
    text = f"{invitation_id}:{json.dumps(plan, sort_keys=True)}"
    return hashlib.sha256(text.encode()).hexdigest()[:12]
