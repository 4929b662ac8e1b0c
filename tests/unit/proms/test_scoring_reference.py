"""Every score once more, by hand: one form at a time, in whole fractions, without the engine.

The rules below are written down a second time, from the published descriptions, as plainly as a
clinician with pencil would. Nothing is taken from the instrument files or from `proms.scoring`,
so that a slip in a file, in a formula or in the handling of missing answers shows.
"""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proms.scoring import score_one
from proms.scoring.presentation import formatted

Form = dict[str, int | None]


@st.composite
def forms(draw, highest: dict[str, int], lowest: int = 1) -> Form:
    """A form answered at random: complete, with a few gaps, with many, or empty."""
    missing = draw(st.sampled_from([0, 10, 30, 60, 100]))
    return {
        code: draw(st.integers(lowest, top)) if draw(st.integers(1, 100)) > missing else None
        for code, top in highest.items()
    }


def agree(found, expected: Fraction | None, n: int, where: str) -> None:
    assert found.answered == n, where
    if expected is None:
        assert found.value is None, where
        assert found.reason, where
    else:
        assert found.value == pytest.approx(float(expected), abs=1e-9), where


def given_answers(form: Form, codes: list[str]) -> list[int]:
    return [form[code] for code in codes if form[code] is not None]


# --- SF-36 ---

SF36_HIGHEST = {
    "sf1": 5, "sf2": 5, **{f"sf3{c}": 3 for c in "abcdefghij"}, **{f"sf4{c}": 2 for c in "abcd"},
    **{f"sf5{c}": 2 for c in "abc"}, "sf6": 5, "sf7": 6, "sf8": 5,
    **{f"sf9{c}": 6 for c in "abcdefghi"}, "sf10": 5, **{f"sf11{c}": 5 for c in "abcd"},
}  # fmt: skip

SF36_SCALES = {
    # scale: items, how many must be answered, lowest and highest raw score
    "pf": (["sf3a", "sf3b", "sf3c", "sf3d", "sf3e", "sf3f", "sf3g", "sf3h", "sf3i", "sf3j"], 5, 10, 30),  # noqa: E501
    "rp": (["sf4a", "sf4b", "sf4c", "sf4d"], 2, 4, 8),
    "bp": (["sf7", "sf8"], 1, 2, 12),
    "gh": (["sf1", "sf11a", "sf11b", "sf11c", "sf11d"], 3, 5, 25),
    "vt": (["sf9a", "sf9e", "sf9g", "sf9i"], 2, 4, 24),
    "sf": (["sf6", "sf10"], 1, 2, 10),
    "re": (["sf5a", "sf5b", "sf5c"], 2, 3, 6),
    "mh": (["sf9b", "sf9c", "sf9d", "sf9f", "sf9h"], 3, 5, 30),
}  # fmt: skip

NORMS = {
    # scale: mean, SD, weight in PCS, weight in MCS
    "pf": ("84.52404", "22.89490", "0.42402", "-0.22999"),
    "rp": ("81.19907", "33.79729", "0.35119", "-0.12329"),
    "bp": ("75.49196", "23.55879", "0.31754", "-0.09731"),
    "gh": ("72.21316", "20.16964", "0.24954", "-0.01571"),
    "vt": ("61.05453", "20.86942", "0.02877", "0.23534"),
    "sf": ("83.59753", "22.37642", "-0.00753", "0.26876"),
    "re": ("81.29467", "33.02717", "-0.19206", "0.43407"),
    "mh": ("74.84212", "18.01189", "-0.22069", "0.48581"),
}


def final_value(code: str, form: Form) -> Fraction | None:
    """The item's value after turning round and recalibrating; pain needs its neighbour."""
    answer = form[code]
    if code == "sf7":
        if answer is None:
            return None if form["sf8"] is None else final_value("sf8", form)
        return Fraction(["6", "5.4", "4.2", "3.1", "2.2", "1"][answer - 1])
    if code == "sf8":
        if answer is None:
            return None if form["sf7"] is None else final_value("sf7", form)
        if form["sf7"] is None:
            return Fraction(["6", "4.75", "3.5", "2.25", "1"][answer - 1])
        if answer == 1:
            return Fraction(6 if form["sf7"] == 1 else 5)
        return Fraction(6 - answer)
    if answer is None:
        return None
    if code == "sf1":
        return Fraction(["5", "4.4", "3.4", "2", "1"][answer - 1])
    if code in {"sf6", "sf11b", "sf11d"}:
        return Fraction(6 - answer)
    if code in {"sf9a", "sf9d", "sf9e", "sf9h"}:
        return Fraction(7 - answer)
    return Fraction(answer)


def sf36_by_hand(form: Form) -> dict[str, Fraction | None]:
    scores: dict[str, Fraction | None] = {}
    for scale, (codes, needed, lowest, highest) in SF36_SCALES.items():
        answered = len(given_answers(form, codes))
        if answered < needed:
            scores[scale] = None
            continue
        values = [v for v in (final_value(code, form) for code in codes) if v is not None]
        raw = sum(values) / len(values) * len(codes)
        scores[scale] = 100 * (raw - lowest) / (highest - lowest)
    for summary, weight in (("pcs", 2), ("mcs", 3)):
        if any(scores[scale] is None for scale in NORMS):
            scores[summary] = None
            continue
        z = {
            scale: (scores[scale] - Fraction(norm[0])) / Fraction(norm[1])
            for scale, norm in NORMS.items()
        }
        scores[summary] = 50 + 10 * sum(z[s] * Fraction(NORMS[s][weight]) for s in NORMS)
    return scores


@given(forms(SF36_HIGHEST))
def test_sf36(form):
    by_hand, scored = sf36_by_hand(form), score_one("sf36", form)
    assert set(scored) == {f"sf36_{scale}" for scale in by_hand}
    every_item = [code for codes, *_ in SF36_SCALES.values() for code in codes]
    for scale, expected in by_hand.items():
        codes = SF36_SCALES[scale][0] if scale in SF36_SCALES else every_item
        agree(scored[f"sf36_{scale}"], expected, len(given_answers(form, codes)), scale)


@pytest.mark.parametrize(("best", "pcs", "mcs"), [(True, "57.872", "62.137"), (False, "20.136", "17.337")])  # noqa: E501  # fmt: skip
def test_sf36_by_hand_gives_the_published_extremes(best, pcs, mcs):
    turned = {"sf1", "sf6", "sf7", "sf8", "sf9a", "sf9d", "sf9e", "sf9h", "sf11b", "sf11d"}
    form = {c: (1 if (c in turned) == best else top) for c, top in SF36_HIGHEST.items()}
    by_hand, scored = sf36_by_hand(form), score_one("sf36", form)
    for scale, expected in (("pcs", pcs), ("mcs", mcs)):
        assert formatted(float(by_hand[scale]), 3) == expected
        assert formatted(scored[f"sf36_{scale}"].value, 3) == expected


# --- RAND-36 ---

RAND36_SCALES = {
    **{scale: SF36_SCALES[scale][0] for scale in ("pf", "rp", "re", "sf", "gh")},
    "ef": SF36_SCALES["vt"][0],
    "ew": SF36_SCALES["mh"][0],
    "pain": SF36_SCALES["bp"][0],
}
FIRST_IS_BEST = {"sf1", "sf6", "sf7", "sf8", "sf9a", "sf9d", "sf9e", "sf9h", "sf11b", "sf11d"}


@given(forms(SF36_HIGHEST))
def test_rand36(form):
    scored = score_one("rand36", form)
    assert set(scored) == {f"rand36_{scale}" for scale in RAND36_SCALES}
    for scale, codes in RAND36_SCALES.items():
        points = []
        for code in codes:
            if form[code] is not None:
                upwards = Fraction(100 * (form[code] - 1), SF36_HIGHEST[code] - 1)
                points.append(100 - upwards if code in FIRST_IS_BEST else upwards)
        expected = sum(points) / len(points) if points else None
        agree(scored[f"rand36_{scale}"], expected, len(points), scale)


# --- ODI and NDI ---


@pytest.mark.parametrize("code", ["odi", "ndi"])
def test_odi_and_ndi(code):
    codes = [f"{code}{number}" for number in range(1, 11)]

    @given(forms(dict.fromkeys(codes, 5), lowest=0))
    def check(form):
        answers = given_answers(form, codes)
        enough = len(answers) >= 9
        expected = Fraction(100 * sum(answers), 5 * len(answers)) if enough else None
        agree(score_one(code, form)[code], expected, len(answers), code)

    check()


# --- SRS-22r ---

SRS22R_DOMAINS = {
    "function": ([5, 9, 12, 15, 18], 3),
    "pain": ([1, 2, 8, 11, 17], 3),
    "self_image": ([4, 6, 10, 14, 19], 3),
    "mental_health": ([3, 7, 13, 16, 20], 3),
    "satisfaction": ([21, 22], 1),
}


@given(forms({f"srs{number}": 5 for number in range(1, 23)}))
def test_srs22r(form):
    scored = score_one("srs22r", form)

    def mean(numbers):
        answers = given_answers(form, [f"srs{number}" for number in numbers])
        return (Fraction(sum(answers), len(answers)) if answers else None), len(answers)

    has_value = {}
    for domain, (numbers, needed) in SRS22R_DOMAINS.items():
        value, n = mean(numbers)
        has_value[domain] = n >= needed
        agree(scored[f"srs22r_{domain}"], value if n >= needed else None, n, domain)
    four = all(has_value[domain] for domain in SRS22R_DOMAINS if domain != "satisfaction")
    for scale, last, allowed in (
        ("subtotal", 20, four),
        ("total", 22, four and has_value["satisfaction"]),
    ):
        value, n = mean(range(1, last + 1))
        agree(scored[f"srs22r_{scale}"], value if allowed else None, n, scale)


# --- EQ-5D ---

EQ5D = ("mobility", "self_care", "usual_activities", "pain", "anxiety")
# Thousandths (dk, uk) and ten thousandths (se), so that everything stays whole.
VALUE_SETS = {
    #     unit  start  any > 1  any 3   then each item at level 2 and at level 3
    "dk": (1000, 1000, 114, 0, [(53, 411), (63, 192), (48, 144), (62, 396), (68, 367)]),
    "se": (10_000, 9694, 0, 433, [(666, 1247), (276, 276), (1012, 1355), (345, 904), (552, 2077)]),
    "uk": (1000, 1000, 81, 269, [(69, 314), (104, 214), (36, 94), (123, 386), (71, 236)]),
}
WORST = {"dk": -0.624, "se": 0.3402, "uk": -0.594}


@pytest.mark.parametrize("value_set", VALUE_SETS)
def test_eq5d3l_in_all_243_states(value_set):
    unit, start, any_above_1, any_3, terms = VALUE_SETS[value_set]
    for state in itertools.product((1, 2, 3), repeat=5):
        whole = start
        for level, (second, third) in zip(state, terms, strict=True):
            whole -= {1: 0, 2: second, 3: third}[level]
        whole -= any_above_1 * (max(state) > 1) + any_3 * (max(state) == 3)
        scored = score_one("eq5d3l", dict(zip(EQ5D, state, strict=True)), value_set=value_set)
        assert scored["eq5d3l_index"].value == whole / unit, state
    assert scored["eq5d3l_index"].value == WORST[value_set]


@given(forms(dict.fromkeys(EQ5D, 3)))
def test_an_incomplete_state_has_neither_index_nor_profile(form):
    complete = None not in form.values()
    profile = score_one("eq5dy3l", form)["eq5dy3l_profile"]
    assert profile.value == ("".join(str(form[item]) for item in EQ5D) if complete else None)
    for value_set in VALUE_SETS:
        index = score_one("eq5d3l", form, value_set=value_set)["eq5d3l_index"]
        assert (index.value is not None) == complete
        assert index.answered == len(given_answers(form, list(EQ5D)))
