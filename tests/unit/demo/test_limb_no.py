"""The limb cases add up to every published cell, and each case could have happened."""

import csv
from collections import Counter
from datetime import date, timedelta

import pytest

from demo import limb_no
from demo.published import table
from patients.identity import parse


@pytest.fixture(scope="module")
def cases():
    return limb_no.construct()


@pytest.mark.parametrize(
    ("name", "rows", "day"),
    [
        ("limb_no_consultations_by_region_year", "consultations", "consultation_date"),
        ("limb_no_new_referrals_by_region_year", "referrals", "referral_date"),
    ],
)
def test_every_region_and_year_is_as_printed(cases, name, rows, day):
    counted = Counter(
        (region, str(getattr(row, day).year))
        for row in getattr(cases, rows)
        for region in (row.residence_region, "all")
    )
    for printed in table(name):
        region = limb_no.REGION_CODES.get(printed["region"], "all")
        cells = {year: counted[region, year] for year in map(str, limb_no.YEARS)}
        assert {year: int(printed[year]) for year in cells} == cells
        assert int(printed["total"]) == sum(cells.values())


def test_operations_by_type_are_as_printed(cases):
    counted = Counter(operation.procedure for operation in cases.operations)
    for printed in table("limb_no_operations_2023"):
        name, count = printed["procedure"], int(printed["count"])
        if name == "Total":
            assert len(cases.operations) == count
        else:
            code = limb_no.PROCEDURES[name][0] if name in limb_no.PROCEDURES else None
            assert counted[code] == count


@pytest.mark.parametrize(
    "printed", table("limb_no_quality_goals_2023"), ids=lambda row: row["procedure"]
)
def test_goals_are_blank_where_none_was_assessed_and_counted_where_some_were(cases, printed):
    operations = [
        operation
        for operation in cases.operations
        if operation.procedure == limb_no.PROCEDURES[printed["procedure"]][0]
    ]
    assert len(operations) == int(printed["operated"])
    for goal, column in limb_no.GOALS.items():
        assessed = [value for o in operations if (value := getattr(o, goal)) is not None]
        cell = "" if not assessed else str(assessed.count("achieved"))
        assert cell == printed[column], (goal, cell)
    followed_up = [o.complications for o in operations if o.complications is not None]
    found = sum(value != "none" for value in followed_up)
    assert (str(found) if followed_up else "") == printed["complications"]


def test_goals_carry_their_day_after_the_operation_and_within_the_report_year(cases):
    for operation in cases.operations:
        assessed = [
            (getattr(operation, goal), getattr(operation, f"{goal}_on")) for goal in limb_no.GOALS
        ] + [(operation.complications, operation.complications_assessed_on)]
        for outcome, day in assessed:
            assert (day is None) == (outcome is None)
            assert day is None or operation.operation_date < day <= date(2023, 12, 31)


def test_nobody_is_seen_unborn_grown_up_or_outside_their_region(cases):
    patients = {patient.identity_number: patient for patient in cases.patients}
    assert len(patients) == len(cases.patients)
    events = [
        *((row, row.referral_date) for row in cases.referrals),
        *((row, row.consultation_date) for row in cases.consultations),
        *((row, row.operation_date) for row in cases.operations),
    ]
    assert len(events) == 118 + 1421 + 18
    for row, day in events:
        patient = patients[row.identity_number]
        birth = patient.birth_date
        assert birth < day < date(birth.year + 18, birth.month, min(birth.day, 28))
        assert patient.residence_region == row.residence_region
        assert patient.residence_from <= day
        assert day.weekday() < 5


def test_accepted_children_are_seen_after_their_referral_and_refused_ones_never(cases):
    first_seen = {}
    for consultation in cases.consultations:
        first_seen.setdefault(consultation.identity_number, consultation.consultation_date)
    referred = {row.identity_number: row for row in cases.referrals}
    assert len(referred) == 118
    decisions = Counter(row.decision for row in cases.referrals)
    assert decisions == {"accepted": 114, "refused": 4}
    for number, referral in referred.items():
        assert referral.decision_date > referral.referral_date
        if referral.decision == "refused":
            assert number not in first_seen
        else:
            assert first_seen[number] > referral.referral_date


def test_numbers_are_synthetic_and_tell_the_same_birth_date_and_sex(cases):
    for patient in cases.patients:
        number = parse(patient.identity_number, "NO", on=date(2024, 1, 1))
        assert str(number.kind) == "synthetic"
        assert (number.birth_date, number.sex) == (patient.birth_date, patient.sex)


def test_the_same_seed_gives_the_same_files_and_another_seed_gives_others(tmp_path):
    limb_no.main(["--output", str(tmp_path / "a")], say=lambda line: None)
    limb_no.main(["--output", str(tmp_path / "b")], say=lambda line: None)
    limb_no.main(["--output", str(tmp_path / "c"), "--seed", "7"], say=lambda line: None)
    for name in ("patients", "referrals", "consultations", "operations"):
        text = {run: (tmp_path / run / f"{name}.csv").read_bytes() for run in "abc"}
        assert text["a"] == text["b"] != text["c"]
        rows = list(csv.DictReader(text["a"].decode().splitlines()))
        assert rows
        assert all(row["identity_number"] for row in rows)


@pytest.mark.parametrize("on", [date(2026, 11, 22), date(2027, 6, 30)])
def test_recent_cases_fit_the_day_and_follow_those_of_history(cases, on):
    recent = limb_no.recent(on)
    known = {patient.identity_number: patient for patient in cases.patients}
    new = {patient.identity_number for patient in recent.patients}
    assert not new & set(known)
    assert {row.identity_number for row in recent.referrals} == new
    assert all((row.decision == "pending") == (row.decision_date is None)
               for row in recent.referrals)  # fmt: skip
    assert all(row.referral_date <= (row.decision_date or on) <= on for row in recent.referrals)
    assert all(row.consultation_date < on for row in recent.consultations)
    for operation in recent.operations:
        patient = known[operation.identity_number]
        day = operation.operation_date or operation.planned_date
        assert (operation.operation_date is None) != (operation.planned_date is None)
        assert (day < on) == (operation.operation_date is not None)
        eighteen = patient.birth_date.replace(year=patient.birth_date.year + 18, day=1)
        assert day < eighteen + timedelta(days=120)
        assert operation.complications_assessed_on is None or (
            day < operation.complications_assessed_on <= on
        )
    events = len(recent.referrals) + len(recent.consultations) + len(recent.operations)
    assert events == 60
