"""Scoring as a clinician can check it on paper: answers on the left, the score on the right.

Source of every rule and number: the instrument files, which name it.
"""

import itertools
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proms.instruments import instrument
from proms.scoring import UnknownAnswer, UnknownValueSet, score, score_one
from proms.scoring.eq5d import state_value

EQ5D = ("mobility", "self_care", "usual_activities", "pain", "anxiety")
_ = None  # not answered


def answered(prefix, values):
    return {f"{prefix}{number}": value for number, value in enumerate(values, start=1)}


def state(levels):
    return dict(zip(EQ5D, (int(level) for level in str(levels)), strict=True))


# --- visual analogue scales ---


@pytest.mark.parametrize("scale", ["vas_back", "vas_leg", "vas_neck", "vas_arm", "eq_vas"])
@pytest.mark.parametrize(("answer", "value", "n"), [(0, 0.0, 1), (100, 100.0, 1), (37, 37.0, 1), (_, None, 0)])  # noqa: E501  # fmt: skip
def test_vas_is_the_answer_itself(scale, answer, value, n):
    scored = score_one(scale, {scale: answer})[scale]
    assert (scored.value, scored.answered) == (value, n)
    assert scored.reason == (None if n else "too_few_answers")


def test_pain_is_worse_the_higher_and_eq_vas_better():
    assert not instrument("vas_back").scale("vas_back").higher_is_better
    assert instrument("eq_vas").scale("eq_vas").higher_is_better


# --- EQ-5D-3L ---


@pytest.mark.parametrize(
    ("levels", "dk", "se", "uk"),
    [
        #        Denmark  Sweden   UK
        (11111, 1.000, 0.9694, 1.000),  # the Swedish start value applies to this state too
        (33333, -0.624, 0.3402, -0.594),  # published worst states
        (21111, 0.833, 0.9028, 0.850),  # the Danish constant, once
        (12111, 0.823, 0.9418, 0.815),
        (11211, 0.838, 0.8682, 0.883),
        (11121, 0.824, 0.9349, 0.796),
        (11112, 0.818, 0.9142, 0.848),
        (22222, 0.592, 0.6843, 0.516),
        (31111, 0.475, 0.8014, 0.336),  # N3 once …
        (33111, 0.283, 0.7738, 0.122),  # … and not once per item
        (11131, 0.490, 0.8357, 0.264),
        (13111, 0.694, 0.8985, 0.436),
        (11113, 0.519, 0.7184, 0.414),
        (11311, 0.742, 0.7906, 0.556),
        (21232, 0.321, 0.6127, 0.088),
    ],
)
def test_eq5d3l_index(levels, dk, se, uk):
    for value_set, expected in (("dk", dk), ("se", se), ("uk", uk)):
        scored = score_one("eq5d3l", state(levels), value_set=value_set)["eq5d3l_index"]
        assert scored.value == expected, value_set
        assert (scored.answered, scored.variant) == (5, value_set)


@pytest.mark.parametrize("value_set", ["dk", "se", "uk"])
def test_a_worse_level_never_raises_the_index_in_any_of_the_243_states(value_set):
    weights = instrument("eq5d3l").value_sets[value_set]
    states = list(itertools.product((1, 2, 3), repeat=5))
    assert len(states) == 243
    for levels in states:
        here = state_value(weights, dict(zip(EQ5D, levels, strict=True)))
        assert Decimal("-0.624") <= here <= 1
        for item in range(5):
            if levels[item] < 3:
                worse = (*levels[:item], levels[item] + 1, *levels[item + 1 :])
                assert state_value(weights, dict(zip(EQ5D, worse, strict=True))) <= here


@pytest.mark.parametrize("item", EQ5D)
def test_eq5d3l_has_no_index_when_an_answer_is_missing(item):
    scored = score_one("eq5d3l", {**state(11111), item: None}, value_set="dk")["eq5d3l_index"]
    assert (scored.value, scored.answered, scored.reason) == (None, 4, "too_few_answers")


def test_five_levels_are_not_scored_with_a_set_for_three():
    scored = score_one("eq5d3l", {**state(11111), "pain": 4}, value_set="dk")["eq5d3l_index"]
    assert (scored.value, scored.answered, scored.reason) == (None, 4, "invalid_answer")


@pytest.mark.parametrize("value_set", [None, "no", "DK"])
def test_eq5d3l_needs_one_of_its_value_sets(value_set):
    with pytest.raises(UnknownValueSet, match="known are dk, se, uk"):
        score_one("eq5d3l", state(11111), value_set=value_set)


# --- ODI and NDI ---


@pytest.mark.parametrize("code", ["odi", "ndi"])
@pytest.mark.parametrize(
    ("answers", "value", "n"),
    [
        ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0], 0.0, 10),
        ([5, 5, 5, 5, 5, 5, 5, 5, 5, 5], 100.0, 10),
        ([2, 2, 2, 2, 2, 2, 2, 2, 2, 2], 40.0, 10),
        ([3, 2, 2, 1, 4, 0, 5, 1, 2, 1], 42.0, 10),
        ([3, 2, 2, 1, 4, 0, 5, _, 2, 1], 100 * 20 / 45, 9),  # one left out: divide by 45
        ([5, 5, 5, 5, 5, 5, 5, _, 5, 5], 100.0, 9),
        ([_, 1, 1, 1, 1, 1, 1, 1, 1, 1], 20.0, 9),
        ([3, 2, 2, 1, 4, 0, 5, _, 2, _], None, 8),  # two left out: no score
        ([_, _, _, _, _, _, _, _, _, _], None, 0),  # never 0 for missing
    ],
)
def test_odi_and_ndi(code, answers, value, n):
    scored = score_one(code, answered(code, answers))[code]
    assert (scored.value, scored.answered) == (value, n)
    assert scored.reason == (None if value is not None else "too_few_answers")


def test_the_minimum_answered_is_a_setting_of_the_register():
    eight = answered("odi", [1, 1, 1, 1, 1, 1, 1, 1, _, _])
    assert score_one("odi", eight, minimum_answered={"odi": 8})["odi"].value == 20.0
    ten = {"odi": 10}
    nine = answered("odi", [1, 1, 1, 1, 1, 1, 1, 1, 1, _])
    assert score_one("odi", nine, minimum_answered=ten)["odi"].value is None


@pytest.mark.parametrize("wrong", [-1, 6, 2.5])
def test_an_answer_outside_the_options_gives_no_score_rather_than_a_wrong_one(wrong):
    scored = score_one("odi", answered("odi", [wrong, 1, 1, 1, 1, 1, 1, 1, 1, 1]))["odi"]
    assert (scored.value, scored.answered, scored.reason) == (None, 9, "invalid_answer")


@pytest.mark.parametrize(
    ("code", "value", "band"),
    [
        ("odi", 0.0, "minimal"), ("odi", 20.0, "minimal"), ("odi", 100 * 10 / 45, "moderate"),
        ("odi", 40.0, "moderate"), ("odi", 42.0, "severe"), ("odi", 60.0, "severe"),
        ("odi", 62.0, "crippled"), ("odi", 80.0, "crippled"), ("odi", 82.0, "bed_bound"),
        ("odi", 100.0, "bed_bound"),
        ("odi", 21.0, "moderate"), ("odi", 41.0, "severe"), ("odi", 61.0, "crippled"),
        ("odi", 81.0, "bed_bound"),
        # NDI on half the score: under 5, 15, 25, 35
        ("ndi", 8.0, "none"), ("ndi", 10.0, "mild"), ("ndi", 28.0, "mild"),
        ("ndi", 30.0, "moderate"), ("ndi", 48.0, "moderate"), ("ndi", 50.0, "severe"),
        ("ndi", 68.0, "severe"), ("ndi", 70.0, "complete"), ("ndi", 100.0, "complete"),
    ],
)  # fmt: skip
def test_bands(code, value, band):
    assert instrument(code).scale(code).band(value).code == band


# --- all instruments ---


def test_one_answer_and_many_are_scored_by_the_same_function():
    odi = instrument("odi")
    rng = np.random.default_rng(7)
    rows = rng.integers(-1, 7, (300, 10)).astype(float)
    rows[rng.random(rows.shape) < 0.08] = np.nan
    together = score(odi, rows)["odi"]
    for row, value, n, reason in zip(rows, together.values, together.answered, together.reasons, strict=True):  # noqa: E501  # fmt: skip
        given = answered("odi", [None if np.isnan(cell) else cell for cell in row])
        alone = score_one("odi", given)["odi"]
        assert (alone.value is None) == np.isnan(value)
        assert alone.value in (None, value)
        assert (alone.answered, alone.reason or "") == (n, reason)


@given(st.lists(st.one_of(st.none(), st.integers(0, 5)), min_size=10, max_size=10))
def test_odi_lies_between_0_and_100_or_says_why_not(values):
    scored = score_one("odi", answered("odi", values))["odi"]
    if scored.value is None:
        assert scored.reason == "too_few_answers"
        assert sum(value is not None for value in values) < 9
    else:
        assert scored.reason is None
        assert 0 <= scored.value <= 100


@given(
    st.lists(st.integers(0, 4), min_size=10, max_size=10),
    st.integers(0, 9),
    st.sampled_from(["odi", "ndi"]),
)
def test_a_worse_answer_gives_a_higher_score(values, item, code):
    worse = [*values[:item], values[item] + 1, *values[item + 1 :]]
    before = score_one(code, answered(code, values))[code].value
    assert score_one(code, answered(code, worse))[code].value > before


def test_no_answers_at_all_is_no_row_and_no_error():
    assert score(instrument("odi"), np.empty((0, 10)))["odi"].values.shape == (0,)


def test_answers_are_not_changed_by_scoring():
    rows = np.array([[9.0, *[1.0] * 9]])
    score(instrument("odi"), rows)
    assert rows[0, 0] == 9.0


def test_an_item_of_another_form_is_refused():
    with pytest.raises(UnknownAnswer, match="odi has no item ndi1"):
        score_one("odi", {"ndi1": 1})
    with pytest.raises(ValueError, match="shape"):
        score(instrument("odi"), np.zeros((3, 9)))


def test_a_score_knows_the_version_it_was_computed_with():
    assert score_one("odi", {})["odi"].instrument_version == instrument("odi").version
