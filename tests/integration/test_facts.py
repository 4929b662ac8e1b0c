"""Facts and summaries say what the rows say: after any edits, on any day, either way of reading."""

from __future__ import annotations

import threading
from dataclasses import astuple
from datetime import date, timedelta

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from registry.registers.models import StaleSlice
from registry.registers.selectors import Slice, definition_for, units_of
from reports.actions import ensure_fresh, refresh_register, refresh_slices, refresh_stale
from reports.models import CompletenessFact, CompletenessStep, OperationScaleFact, Summary
from reports.selectors.benchmark import SUM_COLUMNS, sums_from_facts, sums_from_summary
from reports.selectors.completeness import _from_facts, _from_steps
from reports.selectors.scope import Scope
from reports.statistics.moments import Sums
from tests.integration.reports_world import (
    IMPROVES_BY,
    REGISTER,
    Counted,
    answer,
    answers_by_hand,
    censor,
    count_by_hand,
    move,
    operate,
)

TODAY = date(2025, 6, 1)
GROUPS = ("lumbar_stenosis", "cervical_radiculopathy")
TYPES = ("decompression", "fusion_instrumented")
POINTS = ("before", "y1", "y2")

days = st.integers(0, 900).map(lambda n: date(2022, 9, 1) + timedelta(days=n))
which = st.integers(0, 3)
edits = st.one_of(
    st.tuples(
        st.just("answer"),
        st.lists(which, min_size=1, max_size=2, unique=True),
        st.sampled_from(POINTS),
        st.dictionaries(
            st.sampled_from(list(IMPROVES_BY)),
            st.one_of(st.none(), st.sampled_from([0.0, 0.65, 0.53, 12.8, 27.2, 40.0, 40.8, 28.0])),
            min_size=1,
        ),
        days,
        st.one_of(st.none(), st.integers(1, 4)),
    ),
    st.tuples(st.just("censor"), which, st.sampled_from(POINTS), st.one_of(st.none(), days)),
    st.tuples(st.just("move"), which, st.integers(0, 1), days),
    st.tuples(st.just("read")),
)


def apply(edit: tuple, operations: list, units: list) -> None:
    """Make one edit, as an action would: rows and mark in one transaction."""
    match edit:
        case ("answer", chosen, point, scores, on, walks):
            answered = {"walking_distance": walks, "work": 1}
            answer([operations[one] for one in chosen], point, scores, on=on, answers=answered)
        case ("censor", one, point, on):
            censor(operations[one], point, on=on)
        case ("move", one, unit, on):
            move(operations[one], unit=units[unit], on=on)
        case ("read",):
            ensure_fresh(REGISTER, on=TODAY)


@pytest.mark.django_db
# Without the phase that shrinks and explains: it would take minutes on a database.
@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(st.lists(edits, max_size=12), st.integers(0, 1500))
def test_any_edits_leave_figures_equal_to_a_count_by_hand(changes, later):
    with transaction.atomic():
        units = units_of(REGISTER)[:2]
        operations = [
            operate(
                unit=units[number % 2],
                on=date(2023, 1, 10) + timedelta(days=100 * number),
                group=GROUPS[number // 2],
                procedure_type=TYPES[number % 2],
            )
            for number in range(4)
        ]
        for edit in changes:
            apply(edit, operations, units)
        ensure_fresh(REGISTER, on=TODAY)
        assert not StaleSlice.objects.exists()
        for on in (TODAY, TODAY + timedelta(days=later)):
            compare(count_by_hand(on), on)
        # The whole register at once gives the same as its slices one by one.
        before = contents()
        refresh_register(REGISTER, on=TODAY)
        assert contents() == before
        transaction.set_rollback(True)


def compare(counted: Counted, on: date) -> None:
    """Hold facts, summaries and steps against what was counted by hand."""
    summary = {
        (row.group, row.procedure_type, row.unit_id, row.year, row.scale, row.time_point): Sums(
            *(getattr(row, name) for name in SUM_COLUMNS)
        )
        for row in Summary.objects.exclude(procedure_type="")
    }
    assert summary.keys() == counted.sums.keys()
    for key, sums in summary.items():
        assert astuple(sums) == pytest.approx(astuple(counted.sums[key]), abs=1e-6), key
    walks = {
        (fact.operation_id, point): getattr(fact, point)
        for fact in OperationScaleFact.objects.filter(scale="walking_distance")
        for point in POINTS
        if getattr(fact, point) is not None
    }
    assert walks == answers_by_hand("walking_distance")
    assert not OperationScaleFact.objects.filter(scale="work").exists()  # no table is about it
    definition = definition_for(REGISTER)
    for group in GROUPS:
        for types in ((), *((one,) for one in TYPES)):
            scope = Scope(REGISTER, (group,), types)
            for scale in IMPROVES_BY:
                read = sums_from_summary(scope, scales=[scale])[scale]
                facts = sums_from_facts(scope, scale=scale, points=POINTS, definition=definition)
                assert read.keys() == facts.keys()
                for key in read:
                    assert astuple(read[key]) == pytest.approx(astuple(facts[key]), abs=1e-6)
            steps = {k: tuple(v) for k, v in _from_steps(scope, on=on).items() if any(v)}
            held = {
                k: tuple(v) for k, v in _from_facts(scope, on=on, definition=definition).items()
            }
            by_hand: dict[tuple[int, str], tuple[int, int]] = {}
            for (one, kind, unit, _year, point), (done, due) in counted.counts.items():
                if one == group and (not types or kind in types):
                    a, b = by_hand.get((unit, point), (0, 0))
                    by_hand[unit, point] = (a + done, b + due)
            assert steps == held == by_hand


def contents() -> list[list[tuple]]:
    """Everything in the derived tables."""
    return [
        sorted(
            model.objects.values_list(*(f.attname for f in model._meta.concrete_fields)), key=str
        )
        for model in (OperationScaleFact, CompletenessFact, Summary, CompletenessStep)
    ]


@pytest.fixture
def unit(db):
    return units_of(REGISTER)[0]


def test_dimensions_come_from_patient_and_baseline_answers(unit):
    operation = operate(unit=unit, on=date(2024, 5, 31), born=date(1960, 6, 1), sex="male")
    answer(
        [operation],
        "before",
        {"odi": 40.0},
        on=date(2024, 5, 20),
        answers={
            "symptom_duration_axial": 3,
            "symptom_duration_limb": None,
            "smoking": 1,
            "height_cm": 180,
            "weight_kg": 81,
        },
    )
    ensure_fresh(REGISTER, on=TODAY)
    fact = OperationScaleFact.objects.get(operation_id=operation.pk)
    assert (fact.age, fact.sex) == (63, "male")  # a day before the birthday
    assert (fact.symptom_duration_axial, fact.symptom_duration_limb, fact.smoking) == (3, None, 1)
    assert fact.bmi == pytest.approx(25.0)
    assert fact.improves_by == -12.8


def test_improvement_is_met_exactly_where_it_is_on_paper(unit):
    operation = operate(unit=unit, on=date(2023, 1, 2))
    # 40.8 − 28 is 12.799999999999997 and 0.65 − 0.53 is 0.12000000000000011 in floating point.
    answer([operation], "before", {"odi": 40.8, "eq5d3l_index": 0.53}, on=date(2022, 12, 20))
    answer([operation], "y1", {"odi": 28.0, "eq5d3l_index": 0.65}, on=date(2024, 1, 5))
    answer([operation], "y2", {"odi": 28.1, "eq5d3l_index": 0.64}, on=date(2025, 1, 5))
    ensure_fresh(REGISTER, on=TODAY)
    rows = Summary.objects.filter(procedure_type="")
    improved = {(row.scale, row.time_point): row.improved_n for row in rows}
    assert improved["odi", "y1"] == improved["eq5d3l_index", "y1"] == 1
    assert improved["odi", "y2"] == improved["eq5d3l_index", "y2"] == 0


def test_a_planned_or_cancelled_operation_is_in_no_figure(unit):
    operation = operate(unit=unit, on=date(2024, 1, 2))
    operation.planned_on, operation.performed_on = operation.performed_on, None
    operation.save()
    ensure_fresh(REGISTER, on=TODAY)
    assert not CompletenessFact.objects.exists()


def test_reading_twice_recomputes_once(unit):
    operate(unit=unit, on=date(2024, 1, 2))
    operate(unit=unit, on=date(2023, 1, 2))
    assert ensure_fresh(REGISTER, on=TODAY, years=[2024]) == 1
    assert ensure_fresh(REGISTER, on=TODAY) == 1
    assert ensure_fresh(REGISTER, on=TODAY) == 0
    assert CompletenessFact.objects.count() == 2


def test_the_sweeper_takes_as_many_as_it_is_told(unit):
    for year in (2021, 2022, 2023):
        operate(unit=unit, on=date(year, 1, 2))
    assert refresh_stale(limit=2, on=TODAY) == 2
    assert refresh_stale(on=TODAY) == 1
    assert refresh_stale(on=TODAY) == 0


@pytest.mark.django_db(transaction=True)
def test_two_sweepers_do_not_collide_and_lose_no_edit():
    unit = units_of(REGISTER)[0]
    operations = [operate(unit=unit, on=date(2024, 1, 2 + n)) for n in range(5)]
    faults: list[Exception] = []

    def sweep() -> None:
        try:
            for _ in range(8):
                refresh_slices([Slice(REGISTER, unit.pk, 2024)], on=TODAY)
                refresh_stale(on=TODAY)
        except Exception as fault:
            faults.append(fault)
        finally:
            connection.close()

    sweepers = [threading.Thread(target=sweep) for _ in range(2)]
    for sweeper in sweepers:
        sweeper.start()
    for operation in operations:
        with transaction.atomic():
            answer([operation], "before", {"odi": 40.0}, on=date(2024, 1, 1))
    for sweeper in sweepers:
        sweeper.join()
    assert faults == []
    refresh_stale(on=TODAY)
    assert OperationScaleFact.objects.filter(before=40.0).count() == 5
    assert Summary.objects.get(procedure_type="", time_point="before").n == 5
