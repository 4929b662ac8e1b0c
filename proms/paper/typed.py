"""What staff type of a form that came back on paper, or of answers on the telephone.

A choice is typed as the number of its box, counted from one as printed, whatever value it stands
for. A line is typed in millimetres from its left end, a number as written. Where nothing was
answered stands a hyphen, and a question mark where it cannot be told which answer was meant (two
boxes crossed): both are missing. Empty means that nobody has looked yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext as _

from proms.questionnaire import Form, Row, WrongAnswer

NOT_ANSWERED = "-"
AMBIGUOUS = "?"
_DASHES = str.maketrans("–—−", "---")


@dataclass(frozen=True, slots=True)
class Reading:
    """An entry as answers, and what is wrong with it by item code."""

    answers: dict[str, float | None]
    wrong: dict[str, str]

    @property
    def given(self) -> int:
        """How many questions were answered."""
        return sum(value is not None for value in self.answers.values())


def read(row: Row, text: str) -> float | int | None:
    """Return the answer that was typed; None for one that is missing. Raises WrongAnswer."""
    text = text.strip().translate(_DASHES)
    if text in ("", NOT_ANSWERED, AMBIGUOUS):
        return None
    if not row.item.options:
        return row.read(text)
    values = [value for value, _label in row.words.options]
    if not text.isdecimal() or not 1 <= int(text) <= len(values):
        raise WrongAnswer(text)
    return values[int(text) - 1]


def read_entry(form: Form, typed: Mapping[str, str]) -> Reading:
    """Return the answers of a whole form as typed.

    Every question that its earlier answers ask for needs something; those they do not ask for may
    stay empty, and what was typed there all the same is left out, as on the web.
    """
    answers: dict[str, float | None] = {}
    wrong: dict[str, str] = {}
    for row in form.items.values():
        try:
            answers[row.code] = read(row, typed.get(row.code, ""))
        except WrongAnswer:
            wrong[row.code] = what_is_allowed(row)
    for page in form.visible(answers):
        for code in page.codes:
            if code not in wrong and not typed.get(code, "").strip():
                wrong[code] = _("Type the answer, or - where there is none.")
    return Reading(form.complete(answers), wrong)


def what_is_allowed(row: Row) -> str:
    """Return which answers may be typed."""
    if row.item.options:
        return _("Type a number from 1 to %(last)s, or - where there is no answer.") % {
            "last": len(row.words.options)
        }
    return _("Type a number from %(first)s to %(last)s, or - where there is no answer.") % {
        "first": f"{row.item.minimum:g}",
        "last": f"{row.item.maximum:g}",
    }


def shown(row: Row, text: str) -> str:
    """Return what was typed in words, for whoever compares two entries."""
    text = text.strip().translate(_DASHES)
    if text == AMBIGUOUS:
        return _("Cannot be told")
    try:
        value = read(row, text)
    except WrongAnswer:
        return text
    return _("Not answered") if value is None else row.words.label(value)


def differences(form: Form, one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Return the codes of the questions to which two entries give different answers, in order.

    Entries hold nothing wrong: they are checked before they are kept.
    """
    return [
        code
        for code, row in form.items.items()
        if read(row, one.get(code, "")) != read(row, other.get(code, ""))
    ]
