"""Intervals and moments against values printed by R, by Newcombe, and computed by scipy."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from reports.statistics.intervals import difference_interval, mean_interval, share_interval
from reports.statistics.moments import Sums, mean, standard_deviation

# R's data set `sleep` (Student 1908): hours of extra sleep under two drugs, the same ten people.
FIRST = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]
SECOND = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]


def sums(values):
    return len(values), sum(values), sum(value * value for value in values)


def moments(values):
    n, total, squares = sums(values)
    return n, mean(n, total), standard_deviation(n, total, squares)


def test_difference_interval_against_R():
    # t.test(extra ~ group, data = sleep): -3.3654832 0.2054832
    low, high = difference_interval(*moments(FIRST), *moments(SECOND))
    assert (low, high) == pytest.approx((-3.3654832, 0.2054832), abs=5e-8)


def test_mean_interval_of_changes_against_R():
    # t.test(group1, group2, paired = TRUE): -2.4598858 -0.7001142
    changes = [a - b for a, b in zip(FIRST, SECOND, strict=True)]
    assert mean_interval(*moments(changes)) == pytest.approx((-2.4598858, -0.7001142), abs=5e-8)


@pytest.mark.parametrize(
    ("count", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_share_interval_against_Newcombe_1998(count, n, low, high):
    # Statistics in Medicine 17, table I, method 3.
    assert share_interval(count, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_share_interval_against_scipy(case):
    count, n = case
    expected = stats.binomtest(count, n).proportion_ci(method="wilson")
    assert share_interval(count, n) == pytest.approx((expected.low, expected.high), abs=1e-9)


scores = st.lists(st.integers(0, 100).map(float), min_size=2, max_size=40)


@pytest.mark.filterwarnings("ignore:Precision loss")  # scipy's, where values are nearly equal
@given(scores, scores)
def test_difference_interval_against_scipy(first, second):
    mine = difference_interval(*moments(first), *moments(second))
    if len({*first}) == 1 and len({*second}) == 1:
        assert mine == (first[0] - second[0],) * 2
        return
    theirs = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    assert mine == pytest.approx((theirs.low, theirs.high), abs=1e-6)


@given(scores)
def test_standard_deviation_from_sums(values):
    assert standard_deviation(*sums(values)) == pytest.approx(statistics.stdev(values), abs=1e-9)


def test_equal_values_have_no_spread_however_rounding_falls():
    assert standard_deviation(*sums([0.1] * 7)) == pytest.approx(0, abs=1e-8)


def test_nothing_has_no_mean_no_spread_no_interval():
    assert mean(0, 0) is None
    assert standard_deviation(1, 5, 25) is None
    assert mean_interval(1, 5, 0) is None
    assert difference_interval(1, 5, 0, 30, 4, 1) is None
    assert share_interval(0, 0) is None


def test_sums_add():
    whole = Sums(2, 10, 60, 1, 4, 2, 4, 1) + Sums(1, 5, 25)
    assert whole == Sums(3, 15, 85, 1, 4, 2, 4, 1)
    assert math.isclose(mean(whole.n, whole.total), 5)
