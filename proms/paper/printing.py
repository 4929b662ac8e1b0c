"""What a letter with a questionnaire says: data for the template, without markup.

Name and address stand on the letter alone, which is a sheet of its own. The pages that come back
carry a return code and no name.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import segno
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from proms.paper.codes import shown
from proms.questionnaire import Form, Page, Row
from registry.core.typesetting import set_pdf
from registry.registers.schema import RegisterDefinition

TEMPLATE = Path(__file__).with_name("questionnaire.typ")


@dataclass(frozen=True, slots=True)
class Letter:
    """One patient's questions on paper.

    ``addressee`` is the name and the lines of the address; empty for a form that is handed over
    without a letter. ``child`` is the given name of a patient whose parents are written to.
    ``unit`` names who asks, ``return_address`` where the answers go.
    """

    form: Form
    code: str
    unit: str
    return_address: tuple[str, ...]
    is_before: bool
    closes_on: date
    addressee: tuple[str, ...] = ()
    child: str = ""


def print_letters(
    letters: Iterable[Letter], definition: RegisterDefinition, *, language: str, now: datetime
) -> bytes:
    """Return one PDF of letters, each with its questionnaire; every person begins a new sheet.

    ``language`` is that of the document's title, shown by the reader of whoever prints.
    """
    forms: dict[str, Any] = {}
    made = []
    for letter in letters:
        with translation.override(letter.form.language):
            key = f"{letter.form.language} {sorted(letter.form.instruments)} {letter.unit}"
            if key not in forms:
                forms[key] = _form(letter, definition)
            made.append({"form": key, **_letter(letter, definition, now)})
    with translation.override(language):
        title = _("Letters from %(sender)s") % {"sender": definition.about.short_name}
    return set_pdf(
        TEMPLATE,
        {
            "title": title,
            "author": definition.about.owner,
            "language": language,
            "forms": forms,
            "letters": made,
        },
        now=now,
    )


def _letter(letter: Letter, definition: RegisterDefinition, now: datetime) -> dict[str, Any]:
    about = definition.about
    language = letter.form.language
    register = about.names.in_language(language)
    paragraphs = [
        _opening(letter),
        _("That is why %(unit)s asks you some questions, together with %(register)s.")
        % {"unit": letter.unit, "register": register},
        ngettext(
            "It takes about %(minutes)s minute. Fill in the form and send it back in the envelope "
            "by %(day)s at the latest.",
            "It takes about %(minutes)s minutes. Fill in the form and send it back in the envelope "
            "by %(day)s at the latest.",
            letter.form.minutes,
        )
        % {
            "minutes": letter.form.minutes,
            # A date is not broken at the end of a line.
            "day": date_format(letter.closes_on, "DATE_FORMAT").replace(" ", "\u00a0"),
        },
        _(
            "There is no name on the form. It has a code, so that only the register can tell "
            "whose answers they are. Those who give the treatment may see them."
        ),
        _("It is voluntary. Whether you answer makes no difference to the treatment."),
    ]
    if about.sender.reply_to:
        paragraphs.append(
            _("Do you have questions? Write to %(address)s.") % {"address": about.sender.reply_to}
        )
    return {
        "language": language,
        "code": shown(letter.code),
        "qr": qr_code(letter.code),
        "has_cover": bool(letter.addressee),
        "address": list(letter.addressee),
        "return_line": " · ".join(letter.return_address),
        "return_address": list(letter.return_address),
        "sender": about.sender.name,
        "date": date_format(now, "DATE_FORMAT"),
        "heading": _("Questions about your health"),
        "paragraphs": paragraphs,
        "closing": _("Thank you for taking the time."),
        "signed": f"{letter.unit}, {about.short_name}",
    }


def _opening(letter: Letter) -> str:
    if letter.child and letter.is_before:
        text = _(
            "%(child)s is going to have an operation. We would like to know how %(child)s is "
            "before it."
        )
    elif letter.child:
        text = _("%(child)s has had an operation. We would like to know how %(child)s is now.")
    elif letter.is_before:
        text = _("You are going to have an operation. We would like to know how you are before it.")
    else:
        text = _("You have had an operation. We would like to know how you are now.")
    return text % {"child": letter.child}


def qr_code(code: str) -> str:
    """Return a return code as a picture (SVG) that a scanner reads and types."""
    return segno.make_qr(code, error="m").svg_inline(border=2, dark="#000000", light="#ffffff")


def _form(letter: Letter, definition: RegisterDefinition) -> dict[str, Any]:
    form = letter.form
    return {
        "parts": [
            {
                "title": pages[0].title,
                "introduction": pages[0].introduction,
                "credit": pages[0].credit,
                "questions": [_question(page, form) for page in pages],
            }
            for pages in (
                list(held) for _code, held in groupby(form.pages, key=lambda page: page.instrument)
            )
        ],
        "words": {
            "title": _("Questions about your health"),
            "asked_by": _("From %(unit)s and %(register)s")
            % {
                "unit": letter.unit,
                "register": definition.about.names.in_language(form.language),
            },
            "filled_in_on": _("I filled in this form on"),
            "date_parts": [[2, _("day")], [2, _("month")], [4, _("year")]],
            "how_title": _("How to fill in the form"),
            "how": [
                _("Use a pen. Put one cross in the box that fits best."),
                _("Did you put a cross in the wrong box? Fill that box in and cross another one."),
                _("Where there is a line: make one mark across it."),
                _("If there is a question you do not want to answer, leave it empty."),
            ],
            "code": _("Return code"),
            "page": _("Page"),
            "of": _("of"),
            "end_title": _("Thank you for your answers"),
            "send_to": _("Put all the pages in the envelope and send them to:"),
        },
    }


def _question(page: Page, form: Form) -> dict[str, Any]:
    return {
        "number": page.number,
        "heading": page.heading,
        "hint": when_asked(page, form),
        "rows": [
            {"letter": f"{letter})", **_row(row)}
            for letter, row in zip("abcdefghijklmnopqrstuvwxyz", page.rows, strict=False)
        ],
    }


def _row(row: Row) -> Mapping[str, Any]:
    item, words = row.item, row.words
    highest = 0 if item.maximum is None else int(item.maximum)
    return {
        "kind": item.type,
        "text": words.text,
        "help": words.help,
        "options": [label for _value, label in words.options],
        "low": words.low,
        "high": words.high,
        "unit": words.unit,
        "digits": len(str(highest)),
        "decimals": 0 if item.integer else 1,
    }


def when_asked(page: Page, form: Form) -> str:
    """Return which earlier answer a page is for, in words; "" when it is for everybody."""
    if page.condition is None:
        return ""
    earlier = next(one for one in form.pages if page.condition.item in one.codes)
    words = form.items[page.condition.item].words
    answers = [f"“{words.label(value)}”" for value in page.condition.values]
    return _("Only if you answered %(answers)s in question %(number)s.") % {
        "answers": _(" or ").join(answers),
        "number": earlier.number,
    }
