"""SF-36 version 1, its summary scores and the RAND-36 scoring of the same answers."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proms.instruments import instrument
from proms.scoring import score, score_one

SF36 = instrument("sf36")
SCALES = ["pf", "rp", "bp", "gh", "vt", "sf", "re", "mh"]
# Items in which the first answer is the best; in all others the last one is.
FIRST_IS_BEST = {"sf1", "sf6", "sf7", "sf8", "sf9a", "sf9d", "sf9e", "sf9h", "sf11b", "sf11d"}
BEST = {i.code: (1 if i.code in FIRST_IS_BEST else max(i.values)) for i in SF36.items}
WORST = {i.code: (max(i.values) if i.code in FIRST_IS_BEST else 1) for i in SF36.items}
_ = None  # not answered


def value(scale, answers, code="sf36"):
    return score_one(code, answers)[f"{code}_{scale}"].value


@pytest.mark.parametrize(("answers", "scales", "pcs", "mcs"), [(BEST, 100.0, 57.872, 62.137), (WORST, 0.0, 20.136, 17.337)])  # noqa: E501  # fmt: skip
def test_published_extremes(answers, scales, pcs, mcs):
    scored = score_one("sf36", answers)
    assert {scored[f"sf36_{scale}"].value for scale in SCALES} == {scales}
    assert scored["sf36_pcs"].value == pytest.approx(pcs, abs=0.0005)
    assert scored["sf36_mcs"].value == pytest.approx(mcs, abs=0.0005)
    assert scored["sf36_pcs"].answered == 35  # the change of health (sf2) belongs to no scale


@pytest.mark.parametrize(
    ("scale", "answers", "expected"),
    [
        # scale, answers in the order of the items,  score on paper
        ("pf", [1, 1, 2, 2, 3, 3, 3, 3, 3, 3], 70.0),  # (24 − 10) / 20
        ("pf", [3, 3, 3, 3, 3, _, _, _, _, _], 100.0),
        ("pf", [1, 2, 3, 2, 2, _, _, _, _, _], 50.0),  # mean 2 stands for the missing
        ("pf", [3, 3, 3, 3, _, _, _, _, _, _], None),
        ("rp", [1, 2, 2, 1], 50.0),
        ("rp", [1, 2, _, _], 50.0),
        ("rp", [2, _, _, _], None),
        ("re", [2, 1, 1], 100 / 3),
        ("re", [2, 2, _], 100.0),
        ("re", [2, _, _], None),
        ("vt", [1, 6, 1, 6], 50.0),  # 6, 1, 1, 6
        ("vt", [2, 3, 4, 5], 70.0),  # 5 + 4 + 4 + 5
        ("vt", [2, 3, _, _], 70.0),
        ("vt", [2, _, _, _], None),
        ("sf", [1, 5], 100.0),
        ("sf", [3, 3], 50.0),
        ("sf", [2, _], 75.0),
        ("sf", [_, 2], 25.0),
        ("sf", [_, _], None),
        ("mh", [6, 6, 1, 6, 1], 100.0),
        ("mh", [3, 4, 2, 5, 3], 64.0),  # 3 + 4 + 5 + 5 + 4 = 21
        ("mh", [3, _, 2, _, 3], 60.0),  # 3, 5, 4 on average 4
        ("mh", [3, _, 2, _, _], None),
    ],
)
def test_scales(scale, answers, expected):
    items = SF36.scale(f"sf36_{scale}").formula.items
    given = dict(zip(items, answers, strict=True))
    found = score_one("sf36", given)[f"sf36_{scale}"]
    assert found.value == expected
    assert found.answered == sum(answer is not None for answer in answers)


@pytest.mark.parametrize(
    ("sf7", "sf8", "raw"),
    [
        (1, 1, 6 + 6), (2, 1, 5.4 + 5), (6, 1, 1 + 5),  # sf8 = 1 is 6 only without pain
        (1, 2, 6 + 4), (3, 3, 4.2 + 3), (4, 4, 3.1 + 2), (5, 5, 2.2 + 1), (6, 5, 1 + 1),
        # one missing takes the recoded value of the other
        (1, _, 12), (2, _, 10.8), (4, _, 6.2), (6, _, 2),
        (_, 1, 12), (_, 2, 9.5), (_, 3, 7), (_, 4, 4.5), (_, 5, 2),
        (_, _, None),
    ],
)  # fmt: skip
def test_bodily_pain(sf7, sf8, raw):
    found = value("bp", {"sf7": sf7, "sf8": sf8})
    assert found == (None if raw is None else pytest.approx(100 * (raw - 2) / 10, abs=1e-12))


@pytest.mark.parametrize(
    ("sf1", "a", "b", "c", "d", "raw"),
    [
        (1, 5, 1, 5, 1, 25), (2, 5, 1, 5, 1, 24.4), (3, 5, 1, 5, 1, 23.4), (4, 5, 1, 5, 1, 22),
        (5, 1, 5, 1, 5, 5),
        (3, 4, 2, 3, 3, 3.4 + 4 + 4 + 3 + 3),
        (3, 4, _, _, 3, (3.4 + 4 + 3) / 3 * 5),
        (3, 4, _, _, _, None),
    ],
)  # fmt: skip
def test_general_health(sf1, a, b, c, d, raw):
    given = {"sf1": sf1, "sf11a": a, "sf11b": b, "sf11c": c, "sf11d": d}
    found = value("gh", given)
    assert found == (None if raw is None else pytest.approx(100 * (raw - 5) / 20, abs=1e-12))


def test_summary_scores_need_all_eight_scales():
    without_role = {**BEST, "sf5a": None, "sf5b": None}
    scored = score_one("sf36", without_role)
    assert scored["sf36_re"].reason == "too_few_answers"
    assert scored["sf36_pcs"].value is None
    assert scored["sf36_pcs"].reason == "other_scale_missing"
    assert scored["sf36_mcs"].reason == "other_scale_missing"
    assert scored["sf36_pf"].value == 100.0
    assert score_one("sf36", {})["sf36_pcs"].reason == "too_few_answers"


def test_summary_scores_from_their_definition():
    means = [84.52404, 81.19907, 75.49196, 72.21316, 61.05453, 83.59753, 81.29467, 74.84212]
    sds = [22.89490, 33.79729, 23.55879, 20.16964, 20.86942, 22.37642, 33.02717, 18.01189]
    physical = [0.42402, 0.35119, 0.31754, 0.24954, 0.02877, -0.00753, -0.19206, -0.22069]
    mental = [-0.22999, -0.12329, -0.09731, -0.01571, 0.23534, 0.26876, 0.43407, 0.48581]
    answers = dict(zip(SF36.item_codes, np.random.default_rng(5).permutation(36) % 2 + 1, strict=True))  # noqa: E501  # fmt: skip
    scored = score_one("sf36", {code: int(answer) for code, answer in answers.items()})
    z = [(scored[f"sf36_{scale}"].value - means[n]) / sds[n] for n, scale in enumerate(SCALES)]
    for weights, code in ((physical, "sf36_pcs"), (mental, "sf36_mcs")):
        expected = 50 + 10 * sum(weight * one for weight, one in zip(weights, z, strict=True))
        assert scored[code].value == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("scale", "change"), [*[(scale, 5) for scale in SCALES], ("pcs", 2), ("mcs", 2)])  # noqa: E501  # fmt: skip
def test_relevant_change(scale, change):
    assert SF36.scale(f"sf36_{scale}").relevant_change == change


def forms(least=0):
    answers = {
        item.code: st.one_of(*([st.none()] if least == 0 else []), st.sampled_from(item.values))
        for item in SF36.items
    }
    return st.fixed_dictionaries(answers)


@given(forms())
def test_a_form_answered_in_any_way_gives_scores_or_reasons(answers):
    for code, found in score_one("sf36", answers).items():
        if found.value is None:
            assert found.reason in {"too_few_answers", "other_scale_missing"}
        elif code not in {"sf36_pcs", "sf36_mcs"}:
            assert 0 <= found.value <= 100


# --- RAND-36 ---


@pytest.mark.parametrize(
    ("scale", "answers", "expected"),
    [
        ("pf", {"sf3a": 2}, 50.0),  # one answer is enough
        ("pf", {}, None),
        ("pain", {"sf7": 1, "sf8": 1}, 100.0),
        ("pain", {"sf7": 2, "sf8": 1}, 90.0),
        ("pain", {"sf7": 4, "sf8": 3}, 45.0),
        ("pain", {"sf7": 4}, 40.0),
        ("gh", {"sf1": 2, "sf11a": 4, "sf11b": 2, "sf11c": 3, "sf11d": 3}, 65.0),
        ("ef", {"sf9a": 2, "sf9e": 3, "sf9g": 4, "sf9i": 5}, 70.0),
        ("ew", {"sf9b": 3, "sf9c": 4, "sf9d": 2, "sf9f": 5, "sf9h": 3}, 64.0),
        ("sf", {"sf6": 2, "sf10": 2}, 50.0),
        ("rp", {"sf4a": 1, "sf4b": 2}, 50.0),
        ("re", {"sf5a": 2, "sf5b": 2, "sf5c": 1}, 200 / 3),
    ],
)  # fmt: skip
def test_rand36(scale, answers, expected):
    assert value(scale, answers, "rand36") == expected


@given(forms(least=36))
def test_on_complete_forms_rand36_differs_in_pain_and_general_health_only(answers):
    pairs = (("pf", "pf"), ("rp", "rp"), ("re", "re"), ("vt", "ef"), ("mh", "ew"), ("sf", "sf"))
    for ours, theirs in pairs:
        assert value(ours, answers) == pytest.approx(value(theirs, answers, "rand36"), abs=1e-9)


def test_rand36_asks_the_items_of_sf36_and_may_be_used_with_a_credit():
    rand36 = instrument("rand36")
    assert rand36.item_codes == SF36.item_codes
    assert "RAND" in rand36.licence.credit
    assert not rand36.licence.required
    assert not any("pcs" in scale.code or "mcs" in scale.code for scale in rand36.scales)


def test_a_hundred_thousand_forms_in_under_two_seconds():
    rng = np.random.default_rng(1)
    answers = np.column_stack(
        [rng.integers(1, len(item.values) + 1, 100_000) for item in SF36.items]
    ).astype(float)
    answers[rng.random(answers.shape) < 0.05] = math.nan
    start = time.perf_counter()
    score(SF36, answers)
    assert time.perf_counter() - start < 2
