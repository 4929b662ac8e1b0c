"""Distributions with given moments, and item answers with given sums."""

import numpy as np
import pytest

from demo.danespine.items import (
    ODI_PROFILE,
    OPTIONAL_ITEM,
    eq5d_distribution,
    eq5d_state_index,
    eq5d_states,
    from_sums,
)
from demo.danespine.moments import apportion, at_quantiles, ranked, tilted, visual_analogue_base


@pytest.mark.parametrize(
    ("mean", "sd"), [(58.0, 29.6), (25.8, 29.0), (39.5, 32.9), (10.0, 5.0), (50.0, 40.0)]
)
def test_tilted_has_exactly_the_moments_asked_for(mean, sd):
    values = np.arange(101.0)
    p = tilted(values, visual_analogue_base(), mean, sd)
    assert p.sum() == pytest.approx(1)
    assert values @ p == pytest.approx(mean, abs=1e-6)
    assert np.sqrt((values - mean) ** 2 @ p) == pytest.approx(sd, abs=1e-6)


def test_tilted_refuses_moments_that_no_distribution_on_the_grid_has():
    with pytest.raises(ValueError, match="no distribution"):
        tilted(np.arange(101.0), np.ones(101), 50.0, 60.0)


def test_quantiles_of_a_uniform_distribution_take_every_value_equally_often():
    assert list(at_quantiles(np.ones(4), 8)) == [0, 0, 1, 1, 2, 2, 3, 3]


def test_ranked_gives_the_lowest_value_to_the_lowest_score():
    assert list(ranked(np.array([0.3, -1.0, 2.0]), np.array([1, 2, 3]))) == [2, 1, 3]


def test_apportion_adds_up_and_keeps_proportions():
    assert list(apportion(np.array([1, 1, 1]), 10)) == [4, 3, 3]
    assert list(apportion(np.array([0.5, 0.0, 0.5]), 4)) == [2, 0, 2]


@pytest.mark.parametrize(
    ("state", "index"),
    # start 1, −0.114 once for any item above 1, then the item's own loss (Wittrup-Jensen 2009)
    [((1, 1, 1, 1, 1), 1.0), ((1, 1, 1, 2, 1), 0.824), ((2, 2, 2, 2, 2), 0.592),
     ((3, 3, 3, 3, 3), -0.624), ((1, 1, 3, 3, 1), 0.346)],
)  # fmt: skip
def test_index_of_a_profile_is_that_of_the_danish_value_set(state, index):
    place = np.flatnonzero((eq5d_states() == state).all(axis=1))
    assert eq5d_state_index()[place] == pytest.approx(index)


@pytest.mark.parametrize(("mean", "sd"), [(0.40, 0.31), (0.71, 0.28), (0.39, 0.38), (0.23, 0.40)])
def test_eq5d_profiles_have_the_moments_and_look_like_back_pain(mean, sd):
    p = eq5d_distribution(mean, sd)
    index = eq5d_state_index()
    assert index @ p == pytest.approx(mean, abs=1e-6)
    assert np.sqrt((index - mean) ** 2 @ p) == pytest.approx(sd, abs=1e-6)
    severity = p @ eq5d_states()
    mobility, self_care, usual, pain, _anxiety = severity
    assert pain == max(severity)
    assert usual > mobility > self_care


def test_items_add_up_and_only_the_optional_one_is_left_out():
    rng = np.random.default_rng(1)
    sums = np.tile(np.arange(46), 20)
    skipped = rng.random(len(sums)) < 0.5
    items = from_sums(sums, skipped, ODI_PROFILE, rng)
    assert ((items == -1).any(axis=1) == skipped).all()
    assert (items[skipped, OPTIONAL_ITEM] == -1).all()
    assert (np.where(items < 0, 0, items).sum(axis=1) == sums).all()
    assert items.max() == 5
    assert items.min() == -1
