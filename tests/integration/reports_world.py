"""Operations with answers, written as plainly as possible, and their figures counted in Python.

The rows are written past the actions: what is tested is that reports say what the rows say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from zoneinfo import ZoneInfo

from patients.models import Membership, Patient
from procedures.models import Operation
from proms.models import FollowUp, Invitation, Response, Score
from registry.registers.actions import mark_stale
from registry.registers.models import DefinitionVersion, Register
from registry.units.models import Unit
from reports.statistics.moments import Sums

REGISTER = "danespine"
WINDOWS = {"before": (-90, -7, 0), "y1": (351, 365, 545), "y2": (716, 730, 910)}
IMPROVES_BY = {"odi": -12.8, "vas_leg": None, "eq5d3l_index": 0.12, "ndi": -10.0}

_numbers = count(1)


def definition() -> DefinitionVersion:
    """The current definition of danespine."""
    return Register.objects.get(code=REGISTER).current


def operate(
    *,
    unit: Unit,
    on: date,
    group: str = "lumbar_stenosis",
    procedure_type: str = "decompression",
    born: date = date(1960, 6, 1),
    sex: str = "female",
) -> Operation:
    """Write a performed operation of a new patient with its follow-ups."""
    number = next(_numbers)
    patient = Patient.objects.create(birth_date=born, sex=sex, country="DK", language="da")
    membership = Membership.objects.create(
        patient=patient, register_id=REGISTER, registry_number=number, joined_on=on
    )
    operation = Operation.objects.create(
        membership=membership,
        register_id=REGISTER,
        unit=unit,
        group=group,
        procedure_type=procedure_type,
        performed_on=on,
        definition=definition(),
    )
    for point, (opens, due, closes) in WINDOWS.items():
        FollowUp.objects.create(
            operation=operation,
            time_point=point,
            opens_on=on + timedelta(days=opens),
            due_on=on + timedelta(days=due),
            closes_on=on + timedelta(days=closes),
        )
    mark_stale(register_code=REGISTER, unit_id=unit.pk, years=[on.year])
    return operation


def answer(
    operations: list[Operation],
    point: str,
    scores: dict[str, float | None],
    *,
    on: date,
    answers: dict[str, object] | None = None,
) -> Response:
    """Write a response that counts for all these operations; an earlier one is superseded."""
    follow_ups = [one.follow_ups.get(time_point=point) for one in operations]
    invitation = next((f.invitation for f in follow_ups if f.invitation_id), None)
    if invitation is None:
        first = follow_ups[0]
        invitation = Invitation.objects.create(
            membership=operations[0].membership,
            time_point=point,
            plan=[],
            opens_on=first.opens_on,
            due_on=first.due_on,
            closes_on=first.closes_on,
        )
    for follow_up in follow_ups:
        follow_up.invitation = invitation
        follow_up.completed_on = follow_up.completed_on or on
        follow_up.save()
    Response.objects.filter(invitation=invitation, current=True).update(current=False)
    response = Response.objects.create(
        invitation=invitation,
        submitted_at=datetime(on.year, on.month, on.day, 12, tzinfo=ZoneInfo("UTC")),
        answered_on=on,
        answers=answers or {},
        instruments={},
        language="da",
        method="web",
    )
    for scale, value in scores.items():
        Score.objects.create(
            response=response,
            scale=scale,
            value=value,
            reason="" if value is not None else "too_few_answers",
            answered=10,
            instrument=scale,
            instrument_version="1",
        )
    # The new response counts for every operation of the invitation, also those answered before.
    for follow_up in invitation.follow_ups.select_related("operation"):
        one = follow_up.operation
        mark_stale(register_code=REGISTER, unit_id=one.unit_id, years=[one.performed_on.year])
    return response


def censor(operation: Operation, point: str, *, on: date | None) -> None:
    """Say that a follow-up stopped counting on a day, or (None) that it counts after all."""
    operation.follow_ups.filter(time_point=point).update(
        censored_on=on, censor_reason="death" if on else ""
    )
    mark_stale(
        register_code=REGISTER, unit_id=operation.unit_id, years=[operation.performed_on.year]
    )


def move(operation: Operation, *, unit: Unit, on: date) -> None:
    """Correct unit and date of an operation."""
    for one, year in ((operation.unit_id, operation.performed_on.year), (unit.pk, on.year)):
        mark_stale(register_code=REGISTER, unit_id=one, years=[year])
    operation.unit, operation.performed_on = unit, on
    operation.save()


@dataclass
class Counted:
    """Everything the reports should say, counted from the rows one by one."""

    sums: dict[tuple[str, str, int, int, str, str], Sums] = field(default_factory=dict)
    """By group, procedure type, unit, year, scale and time point."""
    counts: dict[tuple[str, str, int, int, str], tuple[int, int]] = field(default_factory=dict)
    """By group, procedure type, unit, year and time point: answered, expected."""


def count_by_hand(on: date) -> Counted:
    """Count all performed operations of the register, as a person with a pencil would."""
    counted = Counted()
    for operation in Operation.objects.filter(register_id=REGISTER, performed_on__isnull=False):
        cell = (operation.group, operation.procedure_type, operation.unit_id, operation.year)
        held: dict[str, dict[str, float]] = {}
        for follow_up in operation.follow_ups.all():
            done, expected = _counts(follow_up, on)
            key = (*cell, follow_up.time_point)
            before = counted.counts.get(key, (0, 0))
            counted.counts[key] = (before[0] + done, before[1] + expected)
            if follow_up.completed_on is None:
                continue
            response = Response.objects.filter(
                invitation_id=follow_up.invitation_id, current=True
            ).first()
            for score in response.scores.all() if response else ():
                if score.value is not None:
                    held.setdefault(score.scale, {})[follow_up.time_point] = score.value
        for scale, values in held.items():
            for point, value in values.items():
                one = _one(values.get("before"), value, IMPROVES_BY[scale])
                key = (*cell, scale, point)
                counted.sums[key] = counted.sums.get(key, Sums()) + one
    counted.counts = {key: both for key, both in counted.counts.items() if both != (0, 0)}
    return counted


def answers_by_hand(question: str) -> dict[tuple[int, str], float]:
    """Return the answers to a question that count, by operation and time point."""
    held = {}
    for follow_up in FollowUp.objects.filter(
        operation__register_id=REGISTER,
        operation__performed_on__isnull=False,
        completed_on__isnull=False,
    ):
        response = Response.objects.get(invitation_id=follow_up.invitation_id, current=True)
        if response.answers.get(question) is not None:
            held[follow_up.operation_id, follow_up.time_point] = response.answers[question]
    return held


def _counts(follow_up: FollowUp, on: date) -> tuple[int, int]:
    """Whether the follow-up is answered and whether it is expected on a day."""
    if follow_up.due_on > on:
        return 0, 0
    if follow_up.completed_on is not None and follow_up.completed_on <= on:
        return 1, 1
    censored = follow_up.censored_on
    gone = censored is not None and censored <= on and censored <= follow_up.closes_on
    return 0, int(not gone)


def _one(before: float | None, value: float, improves_by: float | None) -> Sums:
    if before is None:
        return Sums(1, value, value * value)
    change = value - before
    improved = improves_by is not None and (
        round(change, 9) <= improves_by if improves_by < 0 else round(change, 9) >= improves_by
    )
    return Sums(1, value, value * value, 1, before, change, change * change, int(improved))
