"""Tables described by data: what they may name, what they withhold, how rows are made."""

import tomllib

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from proms.instruments import instrument
from proms.scoring import reached
from registry.registers.loader import DEFINITIONS_DIR
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.checks import cross_check
from reports.annual.breakdown import flag_sql
from reports.annual.protection import protected
from reports.annual.tables import Column, Table
from reports.checks import check_breakdowns
from reports.scales import reported_questions


def definition(**changes):
    """The spine register with one breakdown, changed."""
    data = tomllib.loads((DEFINITIONS_DIR / "danespine.toml").read_text(encoding="utf-8"))
    words = {"nb": "x", "da": "x", "sv": "x", "en": "x"}
    column = {"key": "mean", "measure": "mean", "labels": words, "variable": "odi"}
    held = {
        "id": "one", "labels": words, "kind": "breakdown", "by": "weekday", "total": False,
        "columns": [
            {"key": "row", "measure": "row", "labels": words},
            {**column, **changes.pop("column", {})},
        ],
        **changes,
    }  # fmt: skip
    data["reports"]["tables"] = [held]
    return RegisterDefinition.model_validate(data)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"by": "moon"}, "tables.0.by"),
        ({"by": "previous_surgery_level"}, "tables.0.by"),  # yes or no: no options to be rows
        ({"by": "published_group"}, "tables.0.published_groups"),
        ({"by": "published_group", "published_groups": ["metastases"], "total": True},
         "tables.0.total"),
        ({"column": {"variable": "luck"}}, "tables.0.columns.mean.variable"),
        ({"column": {"variable": "sex"}}, "tables.0.columns.mean.measure"),
        ({"column": {"measure": "flag", "time_point": "y1", "flag": "luck"}},
         "tables.0.columns.mean.flag"),
        ({"column": {"measure": "flag", "time_point": "y1", "flag": "success",
                     "variable": "vas_back"}}, "tables.0.columns.mean.flag"),
    ],
)  # fmt: skip
def test_what_a_breakdown_cannot_be_made_of_is_refused(changes, place):
    assert [key for key, _reason in check_breakdowns(definition(**changes))] == [place]


@pytest.mark.parametrize(
    "by", ["weekday", "unit", "region", "walking_distance", "tokuhashi", "asa_class", "sex"]
)
def test_what_a_breakdown_can_be_made_of(by):
    assert list(check_breakdowns(definition(by=by))) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"by": None}, "a breakdown needs it"),
        ({"column": {"variable": None}}, "the measure mean needs it"),
        ({"column": {"measure": "share"}}, "the measure share needs it"),
        ({"column": {"measure": "change"}}, "the measure change needs it"),
        ({"column": {"measure": "flag", "time_point": "y1"}}, "the measure flag needs it"),
        ({"column": {"time_point": "m3"}}, "there is no time point"),
    ],
)
def test_what_a_breakdown_lacks_is_refused(changes, reason):
    told = list(cross_check(definition(**changes)))
    assert [text for _path, text in told if reason in text]
    assert len(told) == 1


# What nine or ten answers from 0 to 5 can come to.
SCORES = st.none() | st.builds(
    lambda points, answered: 100 * min(points, 5 * answered) / (5 * answered),
    st.integers(0, 50),
    st.sampled_from([9, 10]),
)


@pytest.mark.django_db
@pytest.mark.parametrize("code", ["odi", "ndi"])
@settings(max_examples=30, deadline=None)
@given(pairs=st.lists(st.tuples(SCORES, SCORES), min_size=1))
def test_sql_and_python_agree_on_every_outcome_flag(code, pairs):
    (scale,) = instrument(code).scales
    columns = [
        flag_sql(flag, "before", "after", higher_is_better=better)
        for flag in scale.outcome_flags
        for better in (True, False)
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {', '.join(columns)}"
            " FROM unnest(%s::float8[], %s::float8[]) WITH ORDINALITY AS p (before, after, place)"
            " ORDER BY place",
            [[before for before, _after in pairs], [after for _before, after in pairs]],
        )
        told = cursor.fetchall()
    assert told == [
        tuple(
            None if (yes := reached(flag, *pair, higher_is_better=better)) is None else int(yes)
            for flag in scale.outcome_flags
            for better in (True, False)
        )
        for pair in pairs
    ]


def test_facts_hold_the_questions_that_tables_are_about():
    assert reported_questions(definition()) == {}
    assert reported_questions(definition(by="work")) == {"work": "work"}
    # Held beside every fact already.
    assert reported_questions(definition(by="smoking")) == {}


def test_a_figure_over_too_few_falls_though_no_column_says_over_how_many():
    columns = (
        Column("method", "Method", "label"),
        Column("count", "Number"),
        Column("age", "Age", "figure", about=("count",)),
    )
    rows = (("A", 20, 60.0), ("B", 20, 41.5), ("Total", 40, 58.9))
    held = Table("t", "T", columns, rows, True, behind={(0, 2): 20, (1, 2): 4, (2, 2): 24})
    # The mean of all would give away that of the four.
    assert protected(held, threshold=5).withheld == {(1, 2), (2, 2)}


def test_a_figure_falls_with_any_count_that_it_is_about():
    columns = (
        Column("unit", "Unit", "label"),
        Column("previous", "2021"),
        Column("current", "2022"),
        Column("growth", "Change", "figure", about=("previous", "current")),
    )
    held = Table("t", "T", columns, (("A", 3, 9, 200.0), ("B", 8, 9, 12.5)))
    assert protected(held, threshold=5).withheld == {(0, 1), (0, 3)}
