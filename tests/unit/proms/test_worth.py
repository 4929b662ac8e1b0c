"""Whom to call first: tables to be read by those who know patients, and properties that hold."""

from dataclasses import fields, replace

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proms.worth import (
    ANSWERED_BEFORE,
    ASKED,
    FACTORS,
    NEW,
    NOT_REACHED,
    OPENED,
    SILENT_BEFORE,
    STARTED,
    Prospect,
    Standing,
    likelihood,
    likelihood_sql,
    worth,
)

SIXTY = Prospect(age=60)


@pytest.mark.parametrize(
    ("prospect", "percent"),
    [
        (SIXTY, 64),  # published: of those silent to mail, so many answer when called
        (replace(SIXTY, age=29), 47),
        (replace(SIXTY, age=30), 56),
        (replace(SIXTY, age=45), 64),
        (replace(SIXTY, age=85), 59),
        (replace(SIXTY, progress=NOT_REACHED), 73),
        (replace(SIXTY, progress=OPENED), 78),
        (replace(SIXTY, progress=STARTED), 88),
        (replace(SIXTY, habit=ANSWERED_BEFORE), 78),
        (replace(SIXTY, habit=SILENT_BEFORE), 47),
        (replace(SIXTY, calls=1), 59),
        (replace(SIXTY, calls=2), 52),
        (replace(SIXTY, calls=4), 42),
        (replace(SIXTY, calls=5), 26),
        (replace(SIXTY, days_left=13), 59),
        (replace(SIXTY, days_left=6), 52),
        (replace(SIXTY, days_left=2), 42),
        (Prospect(age=25, habit=SILENT_BEFORE, calls=3, days_left=2), 7),
        (Prospect(age=70, progress=STARTED, habit=ANSWERED_BEFORE), 94),
    ],
)
def test_how_likely_an_answer_still_is(prospect, percent):
    assert round(100 * likelihood(prospect)) == percent


@pytest.mark.parametrize(
    ("answered", "expected", "target", "missing", "value"),
    [
        (320, 400, 0.8, 0, 0.1),  # at the target
        (390, 400, 0.8, 0, 0.1),  # above it
        (300, 400, 0.8, 20, 0.17),  # a little below
        (200, 400, 0.8, 120, 0.49),
        (0, 400, 0.8, 320, 1.15),
        (20, 40, 0.8, 12, 0.66),  # as far away, and smaller: one answer moves it more
        (5, 10, 0.8, 3, 0.85),
        (0, 10, 0.8, 8, 2.1),
        (4, 5, 0.8, 0, 0.1),  # 0.8 × 5 is not quite 4 in binary fractions
        (0, 0, 0.8, 0, 2.1),  # nothing due yet: the first answers begin its figure
        (7, 10, None, 0, 1.0),  # no target: everybody alike
    ],
)
def test_what_an_answer_is_worth_to_the_unit(answered, expected, target, missing, value):
    standing = Standing(answered, expected, target)
    assert standing.missing == missing
    assert worth(standing) == pytest.approx(value, abs=0.006)


prospects = st.builds(
    Prospect,
    age=st.integers(0, 105),
    progress=st.sampled_from([ASKED, NOT_REACHED, OPENED, STARTED]),
    habit=st.sampled_from([SILENT_BEFORE, NEW, ANSWERED_BEFORE]),
    calls=st.integers(0, 9),
    days_left=st.integers(1, 400),
)


@given(prospects)
def test_a_likelihood_is_a_probability_and_every_further_call_lowers_it(prospect):
    assert 0 < likelihood(prospect) < 1
    assert likelihood(replace(prospect, calls=prospect.calls + 1)) <= likelihood(prospect)
    assert likelihood(replace(prospect, progress=STARTED)) >= likelihood(prospect)
    assert likelihood(replace(prospect, days_left=400)) >= likelihood(prospect)


@given(st.integers(1, 500), st.data())
def test_a_unit_further_from_its_target_gains_more(expected, data):
    answered = data.draw(st.integers(1, expected))
    more, less = Standing(answered, expected, 0.8), Standing(answered - 1, expected, 0.8)
    assert worth(less) >= worth(more) >= 0.1
    larger = Standing(answered * 3, expected * 3, 0.8)
    assert worth(larger) <= worth(more) + 1e-9


def test_every_factor_is_known_of_a_prospect():
    assert [one.name for one in FACTORS] == [field.name for field in fields(Prospect)]


@pytest.mark.django_db
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(prospects)
def test_python_and_the_database_agree(prospect):
    columns = ", ".join(f"%s::int AS {one.name}" for one in FACTORS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {likelihood_sql()} FROM (SELECT {columns}) prospect",
            [getattr(prospect, one.name) for one in FACTORS],
        )
        assert float(cursor.fetchone()[0]) == pytest.approx(likelihood(prospect))
