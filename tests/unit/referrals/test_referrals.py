"""Referrals and consultations: order of dates, region of the day, criteria of the definition."""

from datetime import date

import pytest

from patients.actions import move_residence, opt_out, record_death, register_patient
from referrals.actions import (
    NewConsultation,
    NewReferral,
    decide_referral,
    record_consultation,
    record_consultations,
    refer,
    refer_patients,
    remove_consultation,
    remove_referral,
    revoke_decision,
)
from referrals.models import Consultation, Referral
from referrals.selectors import of_member, referral_for, referrals_for, undecided
from registry.audit.models import AccessLog
from registry.core.errors import NotAllowed, RuleBroken
from registry.jobs.rows import RowsRefused
from registry.registers.selectors import units_of
from registry.units.models import HealthRegion
from tests.conftest import TODAY

pytestmark = pytest.mark.django_db
BORN = date(2018, 5, 2)
RECEIVED = date(2026, 9, 1)


@pytest.fixture
def units(db):
    return units_of("limb_no")


@pytest.fixture
def clinician(viewer_of, units):
    return viewer_of("clinician", "limb_no", units[0])


@pytest.fixture
def west(db):
    return HealthRegion.objects.get(code="no-vest")


@pytest.fixture
def north(db):
    return HealthRegion.objects.get(code="no-nord")


@pytest.fixture
def member(clinician, units, west):
    return register_patient(
        by=clinician,
        register_code="limb_no",
        unit=units[0],
        given_name="Ola",
        surname="Nordmann",
        birth_date=BORN,
        sex="male",
        region=west,
        residence_from=BORN,
        on=date(2026, 9, 10),
    )


@pytest.fixture
def told(clinician, member, units):
    return {"by": clinician, "membership": member, "unit": units[0], "on": TODAY}


@pytest.fixture
def referral(told):
    return refer(**told, received_on=RECEIVED, criterion="limb_shortening", diagnosis="q72.4")


def test_a_referral_waits_with_the_region_of_its_day(told, member, west, north):
    move_residence(by=told["by"], membership=member, region=north, since=date(2026, 9, 2), on=TODAY)
    before = refer(**told, received_on=RECEIVED, criterion="limb_shortening", diagnosis="q72.4")
    after = refer(**told, received_on=date(2026, 9, 2), criterion="limb_shortening")
    assert (before.region, after.region) == (west, north)
    assert (before.decision, before.diagnosis) == ("pending", "Q72.4")
    # The member is known from the first referral on.
    member.refresh_from_db()
    assert member.joined_on == RECEIVED


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"received_on": date(2026, 11, 21)}, "received_on"),
        ({"received_on": date(2018, 5, 1)}, "received_on"),
        ({"received_on": None}, "received_on"),
        ({"criterion": "broken_leg"}, "criterion"),
    ],
)
def test_a_wrong_referral_is_refused(told, change, field):
    with pytest.raises(RuleBroken) as refused:
        refer(**(told | {"received_on": RECEIVED, "criterion": "limb_shortening"} | change))
    assert list(refused.value.message_dict) == [field]
    assert not Referral.objects.exists()


def test_without_residence_the_region_must_be_given(told, member, north):
    member.patient.residences.all().delete()
    with pytest.raises(RuleBroken) as refused:
        refer(**told, received_on=RECEIVED, criterion="limb_shortening")
    assert list(refused.value.message_dict) == ["region"]
    given = refer(**told, received_on=RECEIVED, criterion="limb_shortening", region=north)
    assert given.region == north


def test_a_decision_comes_after_the_referral_and_once(told, referral, clinician):
    decide = {"by": clinician, "referral": referral, "on": TODAY}
    for wrong, field in (
        ({"decision": "accepted", "decided_on": date(2026, 8, 31)}, "decided_on"),
        ({"decision": "accepted", "decided_on": date(2026, 11, 21)}, "decided_on"),
        ({"decision": "accepted", "decided_on": None}, "decided_on"),
        ({"decision": "pending", "decided_on": RECEIVED}, "decision"),
        ({"decision": "perhaps", "decided_on": RECEIVED}, "decision"),
    ):
        with pytest.raises(RuleBroken) as refused:
            decide_referral(**decide, **wrong)
        assert list(refused.value.message_dict) == [field]
    decide_referral(**decide, decision="accepted", decided_on=RECEIVED)
    with pytest.raises(RuleBroken) as refused:
        decide_referral(**decide, decision="refused", decided_on=RECEIVED)
    assert list(refused.value.message_dict) == ["decision"]
    revoke_decision(by=clinician, referral=referral)
    decide_referral(**decide, decision="refused", decided_on=date(2026, 9, 3))
    referral.refresh_from_db()
    assert (referral.decision, referral.decided_on) == ("refused", date(2026, 9, 3))


def test_what_waits_is_listed_oldest_first_with_its_days(told, referral, clinician):
    older = refer(**told, received_on=date(2026, 8, 1), criterion="limb_shortening")
    waiting = undecided(clinician, "limb_no", on=TODAY)
    assert [(w.referral, w.days) for w in waiting] == [(older, 111), (referral, 80)]
    decide_referral(
        by=clinician, referral=older, decision="accepted", decided_on=RECEIVED, on=TODAY
    )
    assert [w.referral for w in undecided(clinician, "limb_no", on=TODAY)] == [referral]


def test_a_consultation_needs_no_referral(told, west):
    seen = record_consultation(**told, held_on=date(2026, 10, 1), kind="first")
    assert seen.region == west
    with pytest.raises(RuleBroken) as refused:
        record_consultation(**told, held_on=date(2026, 10, 1), kind="dinner")
    assert list(refused.value.message_dict) == ["kind"]


def test_nothing_after_death_or_opt_out(told, member, clinician):
    day = date(2026, 10, 1)
    record_death(by=clinician, membership=member, died_on=day, on=TODAY)
    member.refresh_from_db()
    record_consultation(**told, held_on=day, kind="first")
    with pytest.raises(RuleBroken, match="had died"):
        record_consultation(**told, held_on=date(2026, 10, 2), kind="first")
    opt_out(by=clinician, membership=member, opted_out_on=date(2026, 9, 20), on=TODAY)
    with pytest.raises(RuleBroken, match="opted out"):
        record_consultation(**told, held_on=date(2026, 9, 20), kind="first")


def test_removing_needs_a_reason_and_leaves_a_trace(told, referral, clinician):
    seen = record_consultation(**told, held_on=date(2026, 10, 1), kind="first")
    with pytest.raises(RuleBroken):
        remove_consultation(by=clinician, consultation=seen, reason=" ")
    remove_consultation(by=clinician, consultation=seen, reason="Wrong patient")
    remove_referral(by=clinician, referral=referral, reason="Typed twice")
    assert not Consultation.objects.exists()
    assert not Referral.objects.exists()
    assert set(AccessLog.objects.filter(action="remove").values_list("detail", flat=True)) == {
        "Wrong patient",
        "Typed twice",
    }


def test_another_unit_neither_sees_nor_changes(told, referral, viewer_of, units, member):
    other = viewer_of("clinician", "limb_no", units[1])
    assert list(referrals_for(other, "limb_no")) == []
    assert of_member(other, member) == ([], [])
    for attempt in (
        lambda: referral_for(other, "limb_no", referral.pk),
        lambda: refer(
            **(told | {"by": other, "unit": units[1]}),
            received_on=RECEIVED,
            criterion="limb_shortening",
        ),
        lambda: decide_referral(
            by=other, referral=referral, decision="accepted", decided_on=RECEIVED, on=TODAY
        ),
        lambda: remove_referral(by=other, referral=referral, reason="x"),
        lambda: refer(
            **(told | {"unit": units[1]}), received_on=RECEIVED, criterion="limb_shortening"
        ),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert AccessLog.objects.filter(outcome="denied").count() == 5
    referral.refresh_from_db()
    assert referral.decision == "pending"


def test_a_register_without_referrals_says_so(viewer_of, register_danespine_member):
    member, unit, viewer = register_danespine_member
    with pytest.raises(RuleBroken, match="records no referrals"):
        record_consultation(
            by=viewer, membership=member, unit=unit, held_on=RECEIVED, kind="first", on=TODAY
        )


@pytest.fixture
def register_danespine_member(viewer_of):
    unit = units_of("danespine")[0]
    viewer = viewer_of("clinician", "danespine", unit)
    from demo.identities import synthetic_number

    number = synthetic_number("DK", date(1961, 4, 12), "female", 0)
    member = register_patient(
        by=viewer,
        register_code="danespine",
        unit=unit,
        number=number,
        given_name="Karen",
        surname="Holm",
        on=TODAY,
    )
    return member, unit, viewer


def test_a_set_is_all_or_nothing_and_may_come_twice(member, units, clinician, west):
    shared = {"membership": member, "unit": units[0]}
    good = [
        NewReferral(
            **shared,
            received_on=date(2026, month, 1),
            criterion="limb_shortening",
            decision="accepted",
            decided_on=date(2026, month, 9),
        )
        for month in (6, 7, 8)
    ]
    bad = NewReferral(
        **shared,
        received_on=date(2026, 5, 1),
        criterion="x",
        decision="accepted",
        decided_on=date(2026, 4, 1),
    )
    run = {"by": clinician, "register_code": "limb_no", "on": TODAY}
    with pytest.raises(RowsRefused) as refused:
        refer_patients(**run, entries=[*good, bad])
    assert {(e.row, e.column) for e in refused.value.errors} == {
        (3, "criterion"),
        (3, "decided_on"),
    }
    assert not Referral.objects.exists()
    first = refer_patients(**run, entries=good)
    assert refer_patients(**run, entries=good) == first
    changed = NewReferral(**shared, received_on=date(2026, 6, 1), criterion="skeletal_dysplasia")
    with pytest.raises(RowsRefused, match="another referral"):
        refer_patients(**run, entries=[changed])
    seen = [
        NewConsultation(**shared, held_on=date(2026, 9, day), kind="follow_up", region=west)
        for day in (1, 2)
    ]
    assert len(record_consultations(**run, entries=seen)) == 2
    record_consultations(**run, entries=seen)
    assert Consultation.objects.count() == 2


def test_the_unit_that_saw_a_member_may_see_the_member_from_then_on(told, member, viewer_of, units):
    administrator = viewer_of("administrator", "limb_no")
    second = viewer_of("clinician", "limb_no", units[1])
    assert of_member(second, member) == ([], [])
    record_consultation(
        **(told | {"by": administrator, "unit": units[1]}),
        held_on=date(2026, 10, 1),
        kind="outreach",
    )
    assert len(of_member(second, member)[1]) == 1
