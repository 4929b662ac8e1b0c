"""A plan as pages: several questionnaires asked together."""

import pytest

from proms.instruments import instrument, instruments
from proms.questionnaire import form_for

PATIENTS = [
    held
    for held in instruments().values()
    if held.status == "active" and held.respondent == "patient" and not held.parts
]


def plan(*codes: str) -> list[dict[str, str]]:
    return [{"code": code, "version": instrument(code).version} for code in codes]


def test_a_question_of_two_questionnaires_is_asked_once():
    form = form_for(plan("patient_baseline", "patient_followup"), "da")
    codes = [code for page in form.pages for code in page.codes]
    assert len(codes) == len(set(codes))
    assert {"work", "satisfaction"} <= set(codes)
    assert form.instruments.keys() == {"patient_baseline", "patient_followup"}


@pytest.mark.parametrize("one", PATIENTS, ids=lambda held: held.code)
@pytest.mark.parametrize("other", PATIENTS, ids=lambda held: held.code)
def test_questions_of_the_same_code_take_the_same_answers(one, other):
    for code in one.items_by_code.keys() & other.items_by_code.keys():
        mine, theirs = one.item(code), other.item(code)
        assert (mine.type, mine.values, mine.minimum, mine.maximum) == (
            theirs.type,
            theirs.values,
            theirs.minimum,
            theirs.maximum,
        ), code
