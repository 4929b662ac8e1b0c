"""The printed questionnaire, read back from the PDF as a patient and a scanner would."""

import io
import re
from datetime import UTC, date, datetime

import pytest
from pypdf import PdfReader

from proms.instruments import instrument
from proms.paper.codes import codes_for, shown
from proms.paper.printing import Letter, print_letters, qr_code, when_asked
from proms.questionnaire import Form, form_for
from registry.registers.loader import definition_files, read_definition

NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
PLAN = [
    {"code": code, "version": instrument(code).version}
    for code in ("patient_baseline", "vas_back", "eq5d3l", "odi", "sf36", "eq_vas", "srs22r")
]
NAME, STREET = "Karen Prøve #1 *Ågård*", "Prøvevej 7 $x$"
LANGUAGES = ("nb", "da", "sv", "en")


@pytest.fixture(scope="module")
def definition():
    return read_definition(next(f for f in definition_files() if f.stem == "danespine"))


def letter(language: str, number: int = 1, **changes) -> Letter:
    return Letter(
        **{
            "form": form_for(PLAN, language),
            "code": next(codes_for(number, language)),
            "unit": "Rygkirurgisk afdeling",
            "return_address": ("Registeret", "Returvej 9", "0000 Prøveby"),
            "is_before": True,
            "closes_on": date(2026, 12, 24),
            "addressee": (NAME, STREET),
            **changes,
        }
    )


def pages(pdf: bytes) -> list[str]:
    """The text of each page, with single spaces."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(pdf)).pages]


def spaceless(text: str) -> str:
    return re.sub(r"\s+", "", text)


def all_words(form: Form) -> list[str]:
    words: list[str] = []
    for page in form.pages:
        words += [page.title, page.heading, page.introduction, page.credit]
        for row in page.rows:
            words += [row.words.text, row.words.help, row.words.low, row.words.high]
            words += [row.words.unit, *(label for _value, label in row.words.options)]
    return [word for word in words if word]


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_asked_is_printed_and_no_name_is_with_it(definition, language):
    asked = letter(language)
    cover, back, *questions = pages(print_letters([asked], definition, language="da", now=NOW))
    assert NAME in cover
    assert STREET in cover
    assert back == ""  # the back of the letter is no page of the form
    text = spaceless("".join(questions))
    missing = [word for word in all_words(asked.form) if spaceless(word) not in text]
    assert not missing
    for number, page in enumerate(questions, start=1):
        assert shown(asked.code) in page, number
        assert re.search(rf"\b{number} \w+ {len(questions)}\b", page), number
        for secret in ("Karen", "Ågård", "Prøvevej"):
            assert secret not in page
    assert "Returvej 9" in questions[-1]


def test_the_document_is_tagged_and_carries_its_own_fonts(definition):
    reader = PdfReader(
        io.BytesIO(print_letters([letter("sv")], definition, language="da", now=NOW))
    )
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    assert "pdfuaid:part" in reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert reader.metadata.title == "Breve fra DaneSpine"
    for page in reader.pages:
        for font in page["/Resources"].get("/Font", {}).values():
            for descendant in font.get_object()["/DescendantFonts"]:
                held = descendant.get_object()["/FontDescriptor"]
                assert "/FontFile2" in held or "/FontFile3" in held


def test_every_person_begins_a_new_sheet(definition):
    """Printed on both sides, no sheet carries two people or a name behind answers."""
    letters = [letter("da", 1), letter("nb", 2), letter("da", 3, addressee=()), letter("da", 4)]
    found = pages(print_letters(letters, definition, language="da", now=NOW))
    for sheet in (" ".join(found[place : place + 2]) for place in range(0, len(found), 2)):
        codes = {one.code for one in letters if shown(one.code) in sheet}
        assert len(codes) + (NAME in sheet) <= 1, sheet[:200]
    for one in letters:
        first = next(place for place, page in enumerate(found) if shown(one.code) in page)
        assert first % 2 == 0
        assert re.search(r"\b1 \w+ \d+\b", found[first])  # pages are counted for each
    assert sum(NAME in page for page in found) == 3


def test_text_is_data_and_never_markup(definition):
    made = letter("en", addressee=('#panic("x") \\ $y$ @a', "_b_ *c* = d"), unit="#eval(1) [x")
    text = " ".join(pages(print_letters([made], definition, language="en", now=NOW)))
    assert '#panic("x")' in text
    assert "_b_ *c* = d" in text
    assert "#eval(1) [x" in text


def test_equal_letters_give_equal_bytes(definition):
    first, second = (
        print_letters([letter("da")], definition, language="da", now=NOW) for _ in range(2)
    )
    assert first == second


def test_the_line_is_100_mm_long(definition):
    pdf = print_letters([letter("da")], definition, language="da", now=NOW)
    lines = 0
    for page in PdfReader(io.BytesIO(pdf)).pages:
        drawn = page.get_contents().get_data().decode("latin-1")
        for x, y in re.findall(r"(?<![\d.])0 0 m\s+([\d.]+) ([-\d.]+) l", drawn):
            lines += abs(float(x) - 283.465) < 0.01 and float(y) == 0
    assert lines == 2  # pain in the back, and health


def test_a_question_for_some_says_for_whom():
    form = form_for(PLAN, "en")
    asked = next(page for page in form.pages if "sick_leave_days" in page.codes)
    with_answer = when_asked(asked, form)
    assert "partly on sick leave" in with_answer
    assert with_answer.endswith("in question 3.")
    assert when_asked(form.pages[0], form) == ""


def test_parents_are_written_to_about_their_child(definition):
    made = letter("en", child="Ola", is_before=False)
    cover, *_rest = pages(print_letters([made], definition, language="en", now=NOW))
    assert "Ola has had an operation" in cover


def test_a_qr_code_is_a_picture():
    assert qr_code("7K2MF9RT4J").startswith("<svg")
