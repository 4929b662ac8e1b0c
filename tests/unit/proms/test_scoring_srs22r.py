"""SRS-22r and the children's EQ-5D profile."""

import pytest

from proms.instruments import instrument
from proms.scoring import score_one

DOMAINS = {
    "function": [5, 9, 12, 15, 18],
    "pain": [1, 2, 8, 11, 17],
    "self_image": [4, 6, 10, 14, 19],
    "mental_health": [3, 7, 13, 16, 20],
    "satisfaction": [21, 22],
}
ALL_FOUR = {f"srs{number}": 4 for number in range(1, 23)}


def test_every_item_belongs_to_exactly_one_domain():
    assert sorted(number for numbers in DOMAINS.values() for number in numbers) == list(
        range(1, 23)
    )
    for domain, numbers in DOMAINS.items():
        items = instrument("srs22r").scale(f"srs22r_{domain}").formula.items
        assert items == tuple(f"srs{number}" for number in numbers)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize(
    ("left_out", "has_score"), [(0, True), (1, True), (2, True), (3, False)]
)  # fmt: skip
def test_a_domain_needs_three_of_five_and_satisfaction_one_of_two(domain, left_out, has_score):
    numbers = DOMAINS[domain]
    if domain == "satisfaction":
        has_score = left_out < 2
    answers = {**ALL_FOUR, **{f"srs{number}": None for number in numbers[:left_out]}}
    found = score_one("srs22r", answers)[f"srs22r_{domain}"]
    assert found.value == (4.0 if has_score else None)
    assert found.answered == max(len(numbers) - left_out, 0)


def test_total_is_the_mean_of_items_and_not_of_domains():
    # Satisfaction 1, everything else 5: mean of items 102/22, mean of domains 4.2
    answers = {**{f"srs{number}": 5 for number in range(1, 21)}, "srs21": 1, "srs22": 1}
    scored = score_one("srs22r", answers)
    assert scored["srs22r_subtotal"].value == 5.0
    assert scored["srs22r_total"].value == 102 / 22
    assert scored["srs22r_total"].answered == 22


@pytest.mark.parametrize(
    ("missing", "subtotal", "total"),
    [
        ([], True, True),
        ([1, 2], True, True),
        ([1, 2, 8], False, False),  # pain has no value
        ([21], True, True),
        ([21, 22], True, False),  # satisfaction belongs to the total only
    ],
)
def test_no_total_without_every_domain(missing, subtotal, total):
    answers = {**ALL_FOUR, **{f"srs{number}": None for number in missing}}
    scored = score_one("srs22r", answers)
    assert (scored["srs22r_subtotal"].value is not None) is subtotal
    assert (scored["srs22r_total"].value is not None) is total
    if not total:
        assert scored["srs22r_total"].reason == "other_scale_missing"


@pytest.mark.parametrize(
    ("scale", "change"),
    [("pain", 0.6), ("function", 0.3), ("self_image", 1.3), ("mental_health", 0.3), ("total", 0.6), ("satisfaction", None)],  # noqa: E501
)  # fmt: skip
def test_change_that_matters_in_adolescents(scale, change):
    assert instrument("srs22r").scale(f"srs22r_{scale}").relevant_change == change


def test_the_first_answer_shown_is_the_best_and_stored_as_5():
    for item in instrument("srs22r").items:
        assert item.values == (5, 4, 3, 2, 1)


@pytest.mark.parametrize(
    ("answers", "profile"),
    [([1, 1, 2, 3, 1], "11231"), ([1, 1, 1, 1, 1], "11111"), ([1, 1, None, 3, 1], None)],
)
def test_children_get_a_profile_and_no_index(answers, profile):
    items = instrument("eq5dy3l").item_codes
    scored = score_one("eq5dy3l", dict(zip(items, answers, strict=True)))
    assert list(scored) == ["eq5dy3l_profile"]
    assert scored["eq5dy3l_profile"].value == profile
