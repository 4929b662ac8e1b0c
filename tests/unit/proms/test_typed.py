"""What staff may type of a form, and what it means."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proms.instruments import instrument
from proms.paper.typed import differences, read, read_entry, shown
from proms.questionnaire import WrongAnswer, form_for

PLAN = [
    {"code": code, "version": instrument(code).version}
    for code in ("patient_baseline", "vas_back", "eq5d3l", "odi")
]
FORM = form_for(PLAN, "en")
ITEMS = FORM.items


@pytest.mark.parametrize(
    ("code", "text", "answer"),
    [
        ("odi1", "1", 0),  # the first box, whatever it stands for
        ("odi1", "6", 5),
        ("odi1", " 3 ", 2),
        ("mobility", "1", 1),
        ("odi1", "-", None),
        ("odi1", "–", None),  # as some keyboards write it
        ("odi1", "?", None),
        ("odi1", "", None),
        ("vas_back", "0", 0),
        ("vas_back", "100", 100),
        ("height_cm", "171", 171),
        ("height_cm", "-", None),
    ],
)
def test_what_is_typed_and_what_it_means(code, text, answer):
    assert read(ITEMS[code], text) == answer


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("odi1", "0"),
        ("odi1", "7"),
        ("odi1", "12"),
        ("odi1", "a"),
        ("odi1", "1,5"),
        ("odi1", "²"),
        ("vas_back", "101"),
        ("vas_back", "-1"),
        ("vas_back", "50.5"),
        ("height_cm", "17"),
        ("height_cm", "1e400"),
        ("height_cm", "nan"),
    ],
)
def test_what_is_no_answer(code, text):
    with pytest.raises(WrongAnswer):
        read(ITEMS[code], text)
    assert code in read_entry(FORM, {**typed("1"), code: text}).wrong


def typed(text: str) -> dict[str, str]:
    return {
        code: text if row.item.options else f"{row.item.minimum:g}" for code, row in ITEMS.items()
    }


def test_every_question_that_is_asked_needs_something():
    empty = read_entry(FORM, {})
    assert set(empty.wrong) == set(ITEMS) - {"sick_leave_days"}  # nobody was on sick leave
    assert empty.given == 0
    hyphens = read_entry(FORM, dict.fromkeys(ITEMS, "-"))
    assert (hyphens.wrong, hyphens.given) == ({}, 0)


def test_a_question_for_some_is_asked_of_those_and_dropped_for_others():
    on_leave = {**typed("1"), "work": "3"}
    assert read_entry(FORM, on_leave).answers["sick_leave_days"] == 0
    assert "sick_leave_days" in read_entry(FORM, {**on_leave, "sick_leave_days": ""}).wrong
    at_work = {**typed("1"), "work": "1", "sick_leave_days": "12"}
    assert "sick_leave_days" not in read_entry(FORM, at_work).answers


def test_a_wrong_answer_and_an_empty_one_are_told_apart():
    wrong = read_entry(FORM, {**typed("1"), "odi1": "9", "odi2": ""}).wrong
    assert wrong.keys() == {"odi1", "odi2"}
    assert wrong["odi1"] != wrong["odi2"]


def test_entries_differ_where_their_answers_do_and_not_where_their_spelling_does():
    first = {**typed("1"), "odi1": "-", "odi2": "2", "height_cm": "170"}
    second = {**typed("1"), "odi1": "?", "odi2": "3", "height_cm": "170.0"}
    assert differences(FORM, first, second) == ["odi2"]


def test_what_was_typed_is_shown_in_words():
    assert shown(ITEMS["odi1"], "1") == ITEMS["odi1"].words.options[0][1]
    assert shown(ITEMS["odi1"], "?") == "Cannot be told"
    assert shown(ITEMS["odi1"], "-") == "Not answered"
    assert shown(ITEMS["height_cm"], "171") == "171 cm"


@given(st.dictionaries(st.sampled_from(sorted(ITEMS)), st.text(max_size=8)))
def test_whatever_is_typed_gives_answers_that_are_allowed_or_says_what_is_wrong(entry):
    reading = read_entry(FORM, entry)
    for code, value in reading.answers.items():
        assert value is None or ITEMS[code].item.accepts(value)
    assert set(reading.wrong) <= set(ITEMS)
