"""Recompute facts and summaries, slice by slice, from operations, follow-ups and scores.

A slice is one register × unit × year. An edit marks its slice in its own transaction; the worker,
or the first read that needs the slice, takes the marks and recomputes in one transaction. Who
recomputes a slice holds its lock until the commit, and takes the lock before it takes the mark:
the second one then reads what the first has written, and no change is lost between them.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import groupby

from django.db import connection, transaction

from procedures.models import Operation
from registry.registers.actions import mark_slices_stale, take_stale_slices
from registry.registers.selectors import Slice, definition_for, stale_slices
from reports.actions import statements
from reports.scales import measures, reported_questions

SLICES_AT_ONCE = 50
"""How many slices the sweeper takes into one transaction."""


def ensure_fresh(
    register_code: str, *, on: date, unit_ids: Iterable[int] = (), years: Iterable[int] = ()
) -> int:
    """Recompute what is stale in a register before it is read; return how many slices that were.

    ``unit_ids`` and ``years`` narrow it to what the reader needs; empty means all. ``on`` is the
    day of reading. Costs one small query when nothing is stale.
    """
    units, wanted = set(unit_ids), set(years)
    stale = [
        mark
        for mark in stale_slices(register_code)
        if (not units or mark.unit_id in units) and (not wanted or mark.year in wanted)
    ]
    if not stale:
        return 0
    return len(_refresh_marked(stale, on=on))


def refresh_stale(*, limit: int | None = None, on: date) -> int:
    """Recompute stale slices of all registers, at most ``limit``; return how many.

    Safe to run beside others and to be killed: each portion commits marks and figures together.
    """
    waiting = stale_slices()[:limit]
    done = 0
    for start in range(0, len(waiting), SLICES_AT_ONCE):
        done += len(_refresh_marked(waiting[start : start + SLICES_AT_ONCE], on=on))
    return done


@transaction.atomic
def refresh_slices(slices: Iterable[Slice], *, on: date) -> None:
    """Recompute these slices, marked or not, in one transaction.

    ``on`` is today: completeness steps up to that day are joined.
    """
    ordered = sorted(set(slices))
    _lock(ordered)
    take_stale_slices(ordered)
    _recompute(ordered, on=on)


@transaction.atomic
def refresh_register(register_code: str, *, on: date) -> int:
    """Recompute a whole register in bulk; return how many operations its facts now hold."""
    pairs = (
        Operation.objects.filter(register_id=register_code)
        .order_by()
        .values_list("unit_id", "year")
        .distinct()
    )
    slices = {Slice(register_code, unit_id, year) for unit_id, year in pairs}
    with connection.cursor() as cursor:
        cursor.execute(statements.HELD_SLICES, {"register": register_code})
        slices |= {Slice(register_code, *row) for row in cursor.fetchall()}
        slices |= set(stale_slices(register_code))
        ordered = sorted(slices)
        _lock(ordered)
        take_stale_slices(ordered)
        cursor.execute(statements.MORE_MEMORY)
        parameters = _parameters(register_code, on=on)
        for statement in statements.statements(whole_register=True):
            cursor.execute(statement, parameters)
        # Bulk changes make the planner's figures worthless. Where the role may not analyse,
        # PostgreSQL says so as a notice and autovacuum does it a minute later.
        for table in statements.TABLES:
            cursor.execute(f"ANALYZE {table}")
        cursor.execute(statements.COUNT_OPERATIONS, {"register": register_code})
        return cursor.fetchone()[0]


@transaction.atomic
def mark_register_stale(register_code: str) -> None:
    """Mark every slice of a register, for instance because its definition has changed."""
    pairs = (
        Operation.objects.filter(register_id=register_code)
        .values_list("unit_id", "year")
        .distinct()
    )
    mark_slices_stale((register_code, unit_id, year) for unit_id, year in pairs)


@transaction.atomic
def mark_patient_stale(patient_id: int) -> None:
    """Mark the slices of a patient's operations: birth date or sex has been corrected."""
    mark_slices_stale(
        Operation.objects.filter(membership__patient_id=patient_id)
        .values_list("register_id", "unit_id", "year")
        .distinct()
    )


@transaction.atomic
def _refresh_marked(slices: list[Slice], *, on: date) -> list[Slice]:
    """Recompute those of ``slices`` that are still marked when their locks are held."""
    _lock(slices)
    taken = take_stale_slices(slices)
    _recompute(taken, on=on)
    return taken


def _lock(slices: list[Slice]) -> None:
    """Wait for whoever recomputes one of these slices; always in the same order."""
    names = [f"reports {register} {unit} {year}" for register, unit, year in slices]
    with connection.cursor() as cursor:
        cursor.execute(statements.LOCK, {"names": names})


def _recompute(slices: list[Slice], *, on: date) -> None:
    """Replace facts, then the summaries made of them. The locks are held."""
    for register_code, of_register in groupby(sorted(slices), key=lambda one: one.register_code):
        pairs = list(of_register)
        parameters = {
            **_parameters(register_code, on=on),
            "units": [pair.unit_id for pair in pairs],
            "years": [pair.year for pair in pairs],
        }
        with connection.cursor() as cursor:
            for statement in statements.statements(whole_register=False):
                cursor.execute(statement, parameters)


def _parameters(register_code: str, *, on: date) -> dict[str, object]:
    """Return what the statements need of the register's current definition."""
    definition = definition_for(register_code)
    scales = measures(definition)
    improvements = [
        (group, scale.code, scale.improves_by(definition, group))
        for group in definition.groups
        for scale in scales.values()
    ]
    questions, asked = definition.patient_questions, reported_questions(definition)
    return {
        "register": register_code,
        "on": on,
        "scales": list(scales),
        "questions": list(asked),
        "question_items": list(asked.values()),
        "improve_groups": [group for group, _scale, _by in improvements],
        "improve_scales": [scale for _group, scale, _by in improvements],
        "improve_by": [by for _group, _scale, by in improvements],
        **{
            name: questions[name].item if name in questions else None
            for name in statements.QUESTIONS
        },
    }
