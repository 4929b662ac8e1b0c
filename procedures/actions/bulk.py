"""The set form: many operations at once, by the same rules, written with COPY.

Rows are checked and written in batches inside one transaction, so that memory does not grow with
the number of rows; history is written by the triggers, as for one row. After the first fault
nothing more is written, the rest is still checked, and everything is undone.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from typing import Any, Literal

import pghistory
from django.db import IntegrityError, connection, models
from django.db.models import Q
from django.utils.translation import gettext as _
from psycopg import sql

from patients.actions import known_since
from patients.models import Membership, UnitRelation
from patients.selectors import region_ids_on
from procedures import policies
from procedures.actions.writing import Denied, verb
from procedures.entries import CheckedEntry, OperationEntry, check_entry
from procedures.events import OperationsRegistered
from procedures.models import (
    Complication,
    Implant,
    Operation,
    Procedure,
    TreatmentGoal,
)
from procedures.policies import Lifetime
from registry.accounts.permissions import Permission, Viewer
from registry.core.events import announce
from registry.jobs.rows import RowError, RowsRefused
from registry.registers.actions import mark_slices_stale
from registry.registers.models import DefinitionVersion
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import current_version, definition_of, units_of
from registry.units.models import Unit

BATCH = 2_000
MOST_ERRORS = 1_000
OPERATION_COLUMNS = (
    "id",
    "membership_id",
    "register_id",
    "unit_id",
    "unit_region_id",
    "residence_region_id",
    "group",
    "procedure_type",
    "diagnosis",
    "side",
    "levels",
    "planned_on",
    "performed_on",
    "cancel_reason",
    "revises_id",
    "complications_assessed_on",
    "definition_id",
    "details",
    "registered_by_id",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOperation:
    """An operation to be registered with others: whose, where, and what is stated about it.

    ``residence_region_id`` None means: as the patient's residence on the date says.
    """

    membership_id: int
    unit_id: int
    entry: OperationEntry
    residence_region_id: int | None = None
    revises_id: int | None = None


@dataclass(frozen=True, slots=True)
class RegisteredOperations:
    """What became of a set: ids by row, rows left because they were there, unusual values."""

    ids: dict[int, int] = field(default_factory=dict)
    left: list[int] = field(default_factory=list)
    warnings: list[RowError] = field(default_factory=list)


@verb
def register_operations(
    *,
    by: Viewer,
    register_code: str,
    operations: Iterable[NewOperation],
    on: date,
    existing: Literal["refuse", "leave"] = "refuse",
) -> RegisteredOperations:
    """Register many operations, planned or performed; announces OperationsRegistered per batch.

    All or nothing: raises RowsRefused with the faults by row (the first thousand), NotAllowed
    when a unit is not the viewer's. Unusual values are accepted and reported. A session that is
    recorded already (same patient, unit and date) is refused, or with ``existing="leave"`` left
    as it is and reported. Memory is that of a batch and of the dates seen.
    """
    work = _Work(by, register_code, on, existing)
    try:
        # Opens a context only where the caller has none, as a script might.
        with pghistory.context():
            for start, batch in _batches(operations):
                work.take(start, batch)
    except IntegrityError as error:
        constraint = getattr(getattr(error.__cause__, "diag", None), "constraint_name", "")
        if constraint != "one_session_a_day_at_a_unit":
            raise
        message = _("Somebody else is registering the same operations now. Try again.")
        raise RowsRefused([RowError(0, "", message)]) from error
    if work.errors:
        raise RowsRefused(work.errors[:MOST_ERRORS])
    return work.result


@dataclass(frozen=True, slots=True)
class _Member:
    """What the rules ask of a member."""

    patient_id: int
    born: date
    died: date | None
    joined_on: date
    opted_out_on: date | None


@dataclass(frozen=True, slots=True)
class _Placed:
    """A row that passed, with what the database knows about it."""

    row: int
    given: NewOperation
    checked: CheckedEntry
    patient_id: int
    joined_on: date

    @property
    def day(self) -> date:
        entry = self.checked.entry
        return entry.performed_on or entry.planned_on


class _Work:
    """One run of the set form: what was seen, refused and written so far."""

    def __init__(
        self, by: Viewer, register_code: str, on: date, existing: Literal["refuse", "leave"]
    ) -> None:
        self.by = by
        self.register_code = register_code
        self.on = on
        self.existing = existing
        self.version: DefinitionVersion = current_version(register_code)
        self.definition: RegisterDefinition = definition_of(self.version)
        self.units: dict[int, Unit] = {unit.pk: unit for unit in units_of(register_code)}
        self.allowed: set[int] = set()
        self.seen: set[tuple[int, int, date]] = set()
        self.errors: list[RowError] = []
        self.result = RegisteredOperations()

    def take(self, start: int, batch: Sequence[NewOperation]) -> None:
        """Check a batch; write it unless something before or in it was refused."""
        members = _members(self.register_code, batch)
        known = self._recorded(batch)
        earlier = _earlier(batch)
        placed = [
            passed
            for row, given in enumerate(batch, start=start)
            if (passed := self._place(row, given, members, known, earlier)) is not None
        ]
        if self.errors:
            return
        self._write(placed)

    def _place(
        self,
        row: int,
        given: NewOperation,
        members: dict[int, _Member],
        known: set[tuple[int, int, date]],
        earlier: dict[int, Operation],
    ) -> _Placed | None:
        member, unit = members.get(given.membership_id), self.units.get(given.unit_id)
        if unit is not None:
            self._require_registrar(unit)
        faults: dict[str, str] = {}
        if unit is None or not unit.active:
            faults["unit"] = _("This unit does not report to the register.")
        if member is None:
            faults["patient"] = _("The patient is not a member of the register.")
            self._refuse(row, faults)
            return None
        verdict = policies.may_register(opted_out_on=member.opted_out_on, on=self.on)
        if not verdict:
            faults["patient"] = verdict.reason
        checked = check_entry(
            given.entry,
            definition=self.definition,
            life=Lifetime(member.born, member.died),
            on=self.on,
        )
        faults.update(checked.errors)
        passed = _Placed(row, given, checked, member.patient_id, member.joined_on)
        if checked.entry.performed_on is None and checked.entry.planned_on is None:
            self._refuse(row, faults)
            return None
        name = "performed_on" if checked.entry.performed_on else "planned_on"
        session = (given.membership_id, given.unit_id, passed.day)
        if session in known and self.existing == "leave" and not faults:
            self.result.left.append(row)
            return None
        verdict = policies.is_only_session(
            passed.day, taken={passed.day} if session in known or session in self.seen else ()
        )
        if not verdict:
            faults.setdefault(name, verdict.reason)
        self.seen.add(session)
        if given.revises_id is not None:
            faults |= self._revision_faults(given, passed.day, earlier)
        if faults:
            self._refuse(row, faults)
            return None
        self.result.warnings.extend(
            RowError(row, column, text) for column, text in checked.warnings.items()
        )
        return passed

    def _require_registrar(self, unit: Unit) -> None:
        if unit.pk in self.allowed:
            return
        if not self.by.may(Permission.REGISTER, self.register_code, unit.pk):
            raise Denied(self.by, "register", self.register_code, unit, None)
        self.allowed.add(unit.pk)

    def _refuse(self, row: int, faults: dict[str, str]) -> None:
        if len(self.errors) < MOST_ERRORS:
            self.errors.extend(RowError(row, column, text) for column, text in faults.items())

    def _revision_faults(
        self, given: NewOperation, day: date, earlier: dict[int, Operation]
    ) -> dict[str, str]:
        revised = earlier.get(given.revises_id)
        if revised is None:
            return {"revises": _("The earlier operation is not in the register.")}
        verdict = policies.may_revise(
            earlier_membership=revised.membership_id,
            membership=given.membership_id,
            earlier_performed=revised.performed_on,
            day=day,
        )
        return {} if verdict else {"revises": verdict.reason}

    def _recorded(self, batch: Sequence[NewOperation]) -> set[tuple[int, int, date]]:
        """The sessions of the batch's patients on record before this run.

        Those written by the run itself are known from ``seen``: a second one is the file's fault.
        """
        recorded = set(
            Operation.objects.filter(
                membership_id__in={given.membership_id for given in batch},
                cancelled_on__isnull=True,
            ).values_list("membership_id", "unit_id", "scheduled_on")
        )
        return recorded - self.seen

    def _write(self, placed: Sequence[_Placed]) -> None:
        if not placed:
            return
        ids = _next_ids(Operation, len(placed))
        regions = region_ids_on(
            (p.patient_id, p.day) for p in placed if p.given.residence_region_id is None
        )
        _copy(
            Operation,
            OPERATION_COLUMNS,
            (self._operation_row(pk, p, regions) for pk, p in zip(ids, placed, strict=True)),
        )
        pairs = list(zip(ids, placed, strict=True))
        _copy(Procedure, ("operation_id", "position", "procedure_type", "code"), _procedures(pairs))
        _copy(Complication, ("operation_id", "kind", "occurred_on"), _complications(pairs))
        _copy(Implant, ("operation_id", "kind", "name"), _implants(pairs))
        _copy(
            TreatmentGoal,
            (
                "operation_id",
                "goal",
                "planned_value",
                "achieved_value",
                "outcome",
                "assessed_on",
            ),
            _goals(pairs),
        )
        self._join_units(placed)
        mark_slices_stale({(self.register_code, p.given.unit_id, p.day.year) for p in placed})
        self.result.ids.update({p.row: pk for pk, p in pairs})
        announce(
            OperationsRegistered(
                self.register_code,
                tuple(ids),
                revised=tuple(
                    (p.given.revises_id, pk, p.day)
                    for pk, p in pairs
                    if p.given.revises_id is not None and p.checked.entry.performed_on
                ),
                on=self.on,
            )
        )

    def _operation_row(
        self, pk: int, placed: _Placed, regions: dict[tuple[int, date], int]
    ) -> tuple[Any, ...]:
        given, entry = placed.given, placed.checked.entry
        return (
            pk,
            given.membership_id,
            self.register_code,
            given.unit_id,
            self.units[given.unit_id].site_region_id,
            given.residence_region_id or regions.get((placed.patient_id, placed.day)),
            entry.group,
            placed.checked.procedure_type,
            entry.diagnosis,
            entry.side,
            list(entry.levels),
            entry.planned_on,
            entry.performed_on,
            "",
            given.revises_id,
            entry.complications_assessed_on,
            self.version.pk,
            json.dumps(entry.details, ensure_ascii=False),
            self.by.user_id,
        )

    def _join_units(self, placed: Sequence[_Placed]) -> None:
        """Let the units see the patients; let memberships begin with the first operation."""
        first: dict[tuple[int, int], date] = {}
        early: dict[int, date] = {}
        for p in placed:
            member = p.given.membership_id
            key = (member, p.given.unit_id)
            first[key] = min(first.get(key, p.day), p.day, self.on)
            if p.day < p.joined_on:
                early[member] = min(early.get(member, p.day), p.day)
        held = set(
            UnitRelation.objects.filter(membership_id__in={m for m, _unit in first}).values_list(
                "membership_id", "unit_id"
            )
        )
        UnitRelation.objects.bulk_create(
            [
                UnitRelation(membership_id=member, unit_id=unit, since=day)
                for (member, unit), day in first.items()
                if (member, unit) not in held
            ],
            ignore_conflicts=True,
        )
        if early:
            known_since(early)


def _batches(
    operations: Iterable[NewOperation],
) -> Iterator[tuple[int, list[NewOperation]]]:
    rows, start = iter(operations), 0
    while batch := list(islice(rows, BATCH)):
        yield start, batch
        start += len(batch)


def _members(register_code: str, batch: Sequence[NewOperation]) -> dict[int, _Member]:
    rows = Membership.objects.filter(
        register_id=register_code, pk__in={given.membership_id for given in batch}
    ).values_list(
        "pk",
        "patient_id",
        "patient__birth_date",
        "patient__died_on",
        "joined_on",
        "opted_out_on",
    )
    return {pk: _Member(*told) for pk, *told in rows}


def _earlier(batch: Sequence[NewOperation]) -> dict[int, Operation]:
    wanted = {given.revises_id for given in batch if given.revises_id is not None}
    return Operation.objects.filter(~Q(performed_on=None)).in_bulk(wanted) if wanted else {}


def _procedures(pairs: Sequence[tuple[int, _Placed]]) -> Iterator[tuple[Any, ...]]:
    for pk, placed in pairs:
        for position, (kind, code) in enumerate(placed.checked.entry.procedures, start=1):
            yield pk, position, kind, code


def _complications(pairs: Sequence[tuple[int, _Placed]]) -> Iterator[tuple[Any, ...]]:
    for pk, placed in pairs:
        for complication in placed.checked.entry.complications or ():
            yield pk, complication.kind, complication.occurred_on


def _implants(pairs: Sequence[tuple[int, _Placed]]) -> Iterator[tuple[Any, ...]]:
    for pk, placed in pairs:
        for implant in placed.checked.entry.implants:
            yield pk, implant.kind, implant.name


def _goals(pairs: Sequence[tuple[int, _Placed]]) -> Iterator[tuple[Any, ...]]:
    for pk, placed in pairs:
        for goal in placed.checked.goals:
            yield (
                pk,
                goal.goal,
                goal.planned_value,
                goal.achieved_value,
                goal.outcome,
                goal.assessed_on,
            )


def _next_ids(model: type[models.Model], count: int) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _copy(
    model: type[models.Model], columns: Sequence[str], rows: Iterable[tuple[Any, ...]]
) -> None:
    """COPY rows into a table; columns left out take the database's defaults."""
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(model._meta.db_table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    iterator = iter(rows)
    first = next(iterator, None)
    if first is None:
        return
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write_row(first)
        for row in iterator:
            copy.write_row(row)
