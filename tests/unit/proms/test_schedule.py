"""The schedule as a table that a clinician can read."""

from datetime import date, timedelta

import pytest

from proms.schedule import is_old_at_surgery, offsets, windows
from registry.registers.loader import definition_files, read_definition

DEFINITION = next(read_definition(path) for path in definition_files() if path.stem == "danespine")
LIMB = next(read_definition(path) for path in definition_files() if path.stem == "limb_no")


def test_lumbar_stenosis_operated_on_1_december_2025():
    assert [
        (w.time_point, str(w.opens_on), str(w.due_on), str(w.closes_on))
        for w in windows(DEFINITION, "lumbar_stenosis", date(2025, 12, 1))
    ] == [
        ("before", "2025-09-02", "2025-11-24", "2025-12-01"),
        ("y1", "2026-11-17", "2026-12-01", "2027-05-30"),
        ("y2", "2027-11-17", "2027-12-01", "2028-05-29"),
        ("y5", "2030-11-17", "2030-12-01", "2031-11-30"),
        ("y10", "2035-11-17", "2035-12-01", "2036-11-30"),
    ]


def test_metastasis_is_asked_before_and_at_six_weeks_only():
    found = windows(DEFINITION, "metastasis", date(2026, 1, 1))
    assert [window.time_point for window in found] == ["before", "w6"]


def test_a_register_without_questionnaires_has_no_schedule():
    assert all(windows(LIMB, group, date(2026, 1, 1)) == () for group in LIMB.groups)


@pytest.mark.parametrize(("days", "holds"), [(-91, False), (-90, True), (0, True), (1, False)])
def test_a_window_holds_its_first_and_last_day(days, holds):
    anchor = date(2026, 6, 1)
    before = windows(DEFINITION, "lumbar_stenosis", anchor)[0]
    assert before.holds(anchor + timedelta(days=days)) is holds


@pytest.mark.parametrize(("age", "old"), [(0, False), (14, False), (15, True)])
def test_a_form_older_than_a_fortnight_at_surgery_is_marked(age, old):
    surgery = date(2026, 6, 20)
    answered_on = surgery - timedelta(days=age)
    assert is_old_at_surgery(DEFINITION, answered_on=answered_on, performed_on=surgery) is old


def test_windows_are_the_anchor_and_the_offsets():
    anchor = date(2024, 2, 29)
    for window, offset in zip(
        windows(DEFINITION, "scoliosis", anchor), offsets(DEFINITION, "scoliosis"), strict=True
    ):
        assert (window.opens_on - anchor).days == offset.opens
        assert (window.due_on - anchor).days == offset.due
        assert (window.closes_on - anchor).days == offset.closes
