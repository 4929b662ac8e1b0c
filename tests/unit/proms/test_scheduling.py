"""Laying, moving and ending the follow-ups of operations."""

from datetime import date

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from proms import actions
from proms.models import CensorReason, FollowUp, Invitation
from proms.policies import Site, replaces
from registry.registers.selectors import stale_slices
from tests.unit.proms.factories import make_member, make_operation, make_unit

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 15)


def points(operation) -> dict[str, FollowUp]:
    return {f.time_point: f for f in FollowUp.objects.filter(operation=operation)}


def laid(member=None, **fields):
    fields = fields or {"performed_on": DAY}
    operation = make_operation(member or make_member(), **fields)
    actions.create_schedule(operation_id=operation.pk)
    return operation


def test_an_operation_gets_the_windows_of_its_group():
    found = points(laid())
    assert set(found) == {"before", "y1", "y2", "y5", "y10"}
    assert found["y1"].opens_on == date(2027, 1, 1)


def test_laying_twice_is_laying_once():
    operation = laid()
    actions.create_schedule(operation_id=operation.pk)
    assert FollowUp.objects.filter(operation=operation).count() == 5


def test_the_slice_is_marked():
    operation = laid()
    assert ("danespine", operation.unit_id, 2026) in stale_slices("danespine")


def test_the_number_of_queries_does_not_depend_on_the_number_of_operations():
    def queries(number: int) -> int:
        unit = make_unit()
        made = [
            make_operation(make_member(email=None), performed_on=DAY, unit=unit).pk
            for _ in range(number)
        ]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            actions.create_schedules(operation_ids=made)
        return len(captured)

    queries(1)
    assert queries(1) == queries(12)


def test_what_was_not_sent_moves_with_the_operation():
    operation = laid(planned_on=DAY)
    operation.planned_on = date(2026, 2, 15)
    operation.save()
    actions.move_schedules(operation_ids=[operation.pk])
    assert points(operation)["before"].closes_on == date(2026, 2, 15)


def sent(follow_up: FollowUp) -> Invitation:
    invitation = Invitation.objects.create(
        membership=follow_up.operation.membership,
        time_point=follow_up.time_point,
        plan=[{"code": "vas_back", "version": "1.0"}],
        opens_on=follow_up.opens_on,
        due_on=follow_up.due_on,
        closes_on=follow_up.closes_on,
    )
    FollowUp.objects.filter(pk=follow_up.pk).update(invitation=invitation)
    return invitation


def test_a_sent_form_keeps_its_window_but_closes_with_an_earlier_surgery():
    operation = laid(planned_on=DAY)
    before = points(operation)["before"]
    invitation = sent(before)
    operation.performed_on = date(2026, 1, 2)
    operation.procedure_type = "decompression"
    operation.save()
    actions.move_schedules(operation_ids=[operation.pk])
    moved = points(operation)["before"]
    assert (moved.opens_on, moved.closes_on) == (before.opens_on, date(2026, 1, 2))
    invitation.refresh_from_db()
    assert invitation.closes_on == date(2026, 1, 2)


def test_an_answer_older_than_the_grace_is_marked_when_the_operation_is_performed():
    operation = laid(planned_on=DAY)
    FollowUp.objects.filter(operation=operation, time_point="before").update(
        completed_on=date(2026, 1, 10)
    )
    operation.performed_on = date(2026, 1, 25)
    operation.procedure_type = "decompression"
    operation.save()
    actions.move_schedules(operation_ids=[operation.pk])
    assert points(operation)["before"].old_at_surgery


def test_another_group_is_asked_at_its_own_time_points():
    operation = laid(planned_on=DAY)
    operation.group = "metastasis"
    operation.save()
    actions.move_schedules(operation_ids=[operation.pk])
    assert set(points(operation)) == {"before", "w6"}


def test_death_ends_what_is_open_and_leaves_what_was_closed_or_answered():
    member = make_member()
    operation = laid(member)
    FollowUp.objects.filter(operation=operation, time_point="y1").update(
        completed_on=date(2027, 1, 20)
    )
    member.patient.died_on = date(2028, 1, 1)
    member.patient.save()
    actions.censor_patients(patient_ids=[member.patient_id])
    found = points(operation)
    assert found["before"].censored_on is None
    assert found["y1"].censored_on is None
    for key in ("y2", "y5", "y10"):
        assert (found[key].censored_on, found[key].censor_reason) == (
            date(2028, 1, 1),
            CensorReason.DEATH,
        )


def test_a_death_taken_back_gives_the_follow_ups_back():
    member = make_member()
    operation = laid(member)
    member.patient.died_on = DAY
    member.patient.save()
    actions.censor_patients(patient_ids=[member.patient_id])
    assert points(operation)["y10"].censored_on == DAY
    member.patient.died_on = None
    member.patient.save()
    actions.censor_patients(patient_ids=[member.patient_id])
    assert points(operation)["y10"].censored_on is None


def test_an_operation_of_someone_who_has_died_is_censored_from_the_start():
    member = make_member(died_on=date(2026, 6, 1))
    assert points(laid(member))["y1"].censor_reason == CensorReason.DEATH


def test_a_second_operation_at_the_level_ends_the_first_schedule():
    member = make_member()
    old = laid(member, performed_on=DAY, levels=["L4/L5"])
    new = laid(member, performed_on=date(2026, 9, 1), levels=["L4/L5", "L5/S1"])
    other = laid(member, performed_on=date(2026, 10, 1), levels=["L1/L2"])
    assert points(old)["y1"].censor_reason == CensorReason.REVISION
    assert points(old)["y1"].censored_on == date(2026, 9, 1)
    assert points(new)["y1"].censored_on is None
    assert points(other)["y1"].censored_on is None


def test_the_order_of_registering_does_not_matter_for_a_revision():
    member = make_member()
    laid(member, performed_on=date(2026, 9, 1), levels=["L4/L5"])
    old = laid(member, performed_on=DAY, levels=["L4/L5"])
    assert points(old)["y1"].censor_reason == CensorReason.REVISION


def test_cancelling_ends_everything():
    operation = laid(planned_on=DAY)
    operation.cancelled_on = date(2026, 1, 20)
    operation.cancel_reason = "patient recovered"
    operation.save()
    actions.censor_operations(operation_ids=[operation.pk])
    assert {f.censor_reason for f in points(operation).values()} == {CensorReason.CANCELLED}


def site(pk: int, on: date, **fields) -> Site:
    values = {"group": "lumbar_stenosis", "side": "", "levels": (), "revises_id": None, **fields}
    return Site(pk, on, **values)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ({"levels": ("L4/L5",)}, {"levels": ("L4/L5",)}, True),
        ({"levels": ("L4/L5",)}, {"levels": ("L5/S1",)}, False),
        ({"side": "left"}, {"side": "left"}, True),
        ({"side": "left"}, {"side": "both"}, True),
        ({"side": "left"}, {"side": "right"}, False),
        ({"side": "left"}, {"side": "left", "group": "cervical_radiculopathy"}, False),
        ({}, {}, False),
        ({}, {"revises_id": 1}, True),
    ],
)
def test_which_operation_ends_which_schedule(old, new, expected):
    assert replaces(site(2, date(2026, 2, 1), **new), site(1, DAY, **old)) is expected
