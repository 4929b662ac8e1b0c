"""Change, thresholds and rounding: where a float would decide wrongly."""

import numpy as np
import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from proms.instruments import instrument
from proms.instruments.schema import OutcomeFlag
from proms.scoring import (
    at_least,
    formatted,
    improvement,
    percent_improvement,
    reached,
    rounded,
    written,
)


@pytest.mark.parametrize(
    ("before", "after", "better", "change", "relevant"),
    [
        # ODI: lower is better, relevant from 12.8 points
        (40.8, 28.0, "lower", 12.8, True),  # as floats 12.799999999999997
        (40.7, 28.0, "lower", 12.7, False),
        (40.7999, 28.0, "lower", 12.7999, False),  # near is not enough
        (28.0, 40.8, "lower", -12.8, False),
        (40.0, 40.0, "lower", 0.0, False),
        (None, 28.0, "lower", None, False),
        (40.0, None, "lower", None, False),
    ],
)
def test_clinically_relevant_change(before, after, better, change, relevant):
    points = improvement(before, after, higher_is_better=better == "higher")
    assert points == (None if change is None else pytest.approx(change))
    assert at_least(points, 12.8) is relevant


def test_eq5d_gain_of_exactly_0_12_is_relevant():
    gain = improvement(0.17, 0.29, higher_is_better=True)
    assert gain < 0.12  # the float error that would lose this patient
    assert at_least(gain, 0.12)


@pytest.mark.parametrize(
    ("before", "after", "percent", "thirty"),
    [
        (50.0, 35.0, 30.0, True),
        (62.0, 43.4, 30.0, True),
        (50.0, 35.1, 29.8, False),
        (0.0, 10.0, None, False),  # no percentage of nothing
        (None, 10.0, None, False),
        (10.0, None, None, False),
        (10.0, 0.0, 100.0, True),
    ],
)
def test_improvement_in_percent_of_the_baseline(before, after, percent, thirty):
    change = percent_improvement(before, after, higher_is_better=False)
    assert change == (None if percent is None else pytest.approx(percent))
    assert at_least(change, 30) is thirty


def test_a_gain_from_a_negative_index_is_a_gain():
    assert percent_improvement(-0.2, 0.1, higher_is_better=True) == pytest.approx(150)


FLAGS = {
    flag.code if scale.code == "odi" else f"{scale.code}_{flag.code}": (flag, scale)
    for code in ("odi", "ndi")
    for scale in instrument(code).scales
    for flag in scale.outcome_flags
}


@pytest.mark.parametrize(
    ("flag", "before", "after", "told"),
    [
        ("points_20", 44.4, 24.4, True),  # as floats 19.999999999999996
        ("points_20", 44.4, 24.5, False),
        ("points_20", None, 10.0, None),
        ("percent_30", 62.0, 43.4, True),
        ("percent_30", 50.0, 35.1, False),
        ("percent_30", 0.0, 0.0, None),  # no percentage of nothing
        ("success", None, 22.0, True),  # nothing before is needed
        ("success", 60.0, 22.22, False),
        ("success", 60.0, None, None),
        ("failure", 60.0, 48.0, False),
        ("failure", 60.0, 48.9, True),
        ("ndi_success", 40.0, 26.0, True),
        ("ndi_success", 40.0, 27.0, False),
    ],
)
def test_outcome_flags(flag, before, after, told):
    held, scale = FLAGS[flag]
    assert reached(held, before, after, higher_is_better=scale.higher_is_better) is told


def test_every_outcome_flag_stands_in_the_table_above():
    assert set(FLAGS) == {"points_20", "percent_30", "success", "failure", "ndi_success"}


@pytest.mark.parametrize("rules", [{}, {"at_most": 22, "above": 48}])
def test_a_flag_has_exactly_one_rule(rules):
    words = {"nb": "x", "da": "x", "sv": "x", "en": "x"}
    with pytest.raises(ValueError, match="exactly one rule"):
        OutcomeFlag(code="one", label=words, source="x", **rules)


def test_many_at_once_and_missing_is_never_reached():
    before, after = np.array([40.8, 40.7, np.nan]), np.array([28.0, 28.0, 28.0])
    change = improvement(before, after, higher_is_better=False)
    assert at_least(change, 12.8).tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("value", "decimals", "shown"),
    [
        (52.5, 0, "53"), (51.5, 0, "52"), (-52.5, 0, "-53"), (0.5, 0, "1"),
        (0.12499, 2, "0.12"),  # rounded once, not first to 0.125
        (0.285, 2, "0.29"),  # a float holds it as 0.28499999…
        (2.675, 2, "2.68"), (-0.125, 2, "-0.13"), (1.005, 2, "1.01"),
        (100 * 20 / 45, 1, "44.4"), (53.0, 1, "53.0"), (-0.04, 1, "0.0"), (0.1 + 0.2, 1, "0.3"),
        (0.6 - 0.05, 1, "0.6"),  # a float makes it 0.5499999999999999
        (float("nan"), 1, ""), (None, 1, ""),
    ],
)  # fmt: skip
def test_rounding_is_half_away_from_zero(value, decimals, shown):
    assert formatted(value, decimals) == shown
    number = rounded(value, decimals)
    assert number == (float(shown) if shown else None)
    assert str(number) != "-0.0"


@given(st.integers(-100_000, 100_000), st.integers(0, 3))
def test_what_has_few_places_is_left_as_it_is(thousandths, decimals):
    value = thousandths / 10**decimals
    assert rounded(value, decimals) == value


@pytest.mark.parametrize(("language", "text"), [("da", "-0,13"), ("nb", "-0,13"), ("en", "-0.13")])
def test_people_read_the_decimal_mark_of_their_language(language, text):
    with translation.override(language):
        assert written(-0.125, 2) == text
        assert written(1234, 0) == "1234"
        assert written(None, 1) == ""
