"""The sixty spine cases around the demo's day."""

from datetime import date, timedelta

import numpy as np
import pytest

from demo.danespine.frame import TIME_POINTS, unit_codes
from demo.danespine.recent import DEMO_UNIT, SCENARIOS, recent

DAYS = [date(2026, 11, 20) + timedelta(days=n) for n in range(4)] + [date(2028, 2, 29)]


@pytest.mark.parametrize("on", DAYS)
def test_every_case_fits_the_day(on):
    cases = recent(on)
    people, responses = cases.register.people, cases.register.responses
    today = np.datetime64(on, "D")
    assert len(people.date) == sum(scenario.count for scenario in SCENARIOS) == 60
    assert np.is_busday(people.date).all()
    assert (people.date[cases.performed] < today).all()
    assert (responses.answered_on < today).all()
    assert (people.birth_date < people.date).all()
    before = responses.point == 0
    assert (responses.answered_on[before] < people.date[responses.operation[before]]).all()
    answered = np.zeros_like(cases.register.frame.answered)
    answered[responses.operation, responses.point] = True
    assert (answered == cases.register.frame.answered).all()


@pytest.mark.parametrize("on", DAYS)
def test_somebody_is_due_at_every_time_point_and_at_most_fifty_are(on):
    cases = recent(on)
    today = np.datetime64(on, "D")
    age = (today - cases.register.people.date).astype(int)
    answered = cases.register.frame.answered
    family_asked_at_6_weeks = cases.register.cohort_codes == "metastasis"
    due = {
        "before": ~cases.performed & (age <= 0) & (age >= -90),
        "w6": family_asked_at_6_weeks & (age >= 35) & (age <= 90),
        "y1": ~family_asked_at_6_weeks & (age >= 351) & (age <= 545),
        "y2": ~family_asked_at_6_weeks & (age >= 716) & (age <= 910),
    }
    total = 0
    for point, open_now in due.items():
        waiting = open_now & ~answered[:, TIME_POINTS.index(point)]
        assert waiting.any(), point
        total += waiting.sum()
    assert 25 <= total <= 50


def test_most_are_at_the_unit_where_the_demo_people_work():
    unit = np.array(unit_codes())[recent(DAYS[0]).register.frame.unit]
    assert 30 < (unit == DEMO_UNIT).sum() < 60


def test_the_same_day_gives_the_same_cases_and_another_day_others():
    one, again, other = recent(DAYS[0]), recent(DAYS[0]), recent(DAYS[3])
    assert (one.register.people.birth_date == again.register.people.birth_date).all()
    assert not np.array_equal(one.register.people.date, other.register.people.date)
