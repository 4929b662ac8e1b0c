"""What may not be shown can neither be read nor worked out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.core.disclosure import TOTAL, withheld


@pytest.mark.parametrize(
    ("counts", "free", "expected"),
    [
        # Nobody and enough are shown.
        ({"own": 3, "rest": 100}, {"own"}, set()),
        ({"own": 3, "rest": 0}, {"own"}, set()),
        # The rest is small: it would follow from nation − own, so the nation goes too.
        ({"own": 30, "rest": 4}, {"own"}, {"rest", TOTAL}),
        # Another's unit is small: it would follow from nation − rest.
        ({"own": 4, "rest": 100}, set(), {"own", "rest"}),
        # One small unit among many: the next smallest goes with it.
        ({"a": 2, "b": 9, "c": 50}, set(), {"a", "b"}),
        # Two small units that together stay below the threshold need a third.
        ({"a": 1, "b": 2, "c": 50, "d": 60}, set(), {"a", "b", "c"}),
        # Own figures are never withheld, so the total must be.
        ({"a": 2, "own": 9}, {"own"}, {"a", TOTAL}),
    ],
)
def test_withheld(counts, free, expected):
    assert withheld(counts, free=free, threshold=5) == expected


def test_threshold_of_zero_withholds_nothing():
    assert withheld({"a": 1, "b": 2}, threshold=0) == frozenset()


@given(
    st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 12), min_size=1),
    st.sets(st.sampled_from("abcdef"), max_size=2),
)
def test_no_small_figure_is_shown_or_follows_by_subtraction(counts, free):
    hidden = withheld(counts, free=free, threshold=5)
    assert not hidden & free
    small = {key for key, n in counts.items() if 0 < n < 5 and key not in free}
    assert small <= hidden
    if small and TOTAL not in hidden:
        # What subtraction gives is the sum over all hidden parts: never one part, never few.
        parts = hidden - {TOTAL}
        assert len(parts) >= 2
        assert sum(counts[key] for key in parts) >= 5
