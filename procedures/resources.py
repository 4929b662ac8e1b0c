"""Files of operations: columns told by the register's definition, one row for each operation.

Rows are read by hand and not cell by cell through a resource class, because a file of 100,000
operations must be read in seconds. Rules are not here; the set action has them.

Beside the fixed columns a file may hold one column for each variable of the definition, and for
each goal ``goal_<key>`` and ``goal_<key>_on``. Files may name a goal shorter where that is
unmistakable: its key alone, or a word that no other goal has with ``_goal`` behind it
(``healing_goal``). Several values in one cell are separated by semicolons.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Membership
from patients.resources import (
    PATIENT_COLUMNS,
    REGION_COLUMN,
    UNIT_COLUMN,
    members_of_rows,
    regions_by_code,
)
from procedures.actions import NewOperation, register_operations
from procedures.entries import ComplicationEntry, GoalEntry, OperationEntry
from procedures.models import GoalOutcome
from registry.jobs.imports import Column, ImportContext, ImportKind, ParsedRows, Row
from registry.jobs.resources import DayWidget
from registry.jobs.rows import RowError, RowsRefused
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import units_of
from registry.units.models import HealthRegion, Unit

NO_COMPLICATIONS = "none"
COLUMN_OF = {
    "performed_on": "operation_date",
    "planned_on": "planned_date",
    "patient": "identity_number",
    "procedures": "procedure",
}
"""Fields of an entry that have another name in a file."""


def goal_columns(definition: RegisterDefinition) -> dict[str, tuple[str, ...]]:
    """The names under which a file may hold each goal, the full one first."""
    words = Counter(word for key in definition.goals for word in set(key.split("_")))
    found: dict[str, tuple[str, ...]] = {}
    for key, goal in definition.goals.items():
        # A goal with a planned value would be taken for that value by its key alone.
        alone = [key] if goal.planned_variable is None and key not in definition.variables else []
        short = [f"{word}_goal" for word in key.split("_") if words[word] == 1][:1]
        found[key] = (f"goal_{key}", *alone, *short)
    return found


def operation_columns(definition: RegisterDefinition) -> tuple[Column, ...]:
    """The columns of a file of operations of a register."""
    columns = [
        *PATIENT_COLUMNS,
        Column("operation_date", gettext_lazy("Date of operation")),
        Column(
            "planned_date",
            gettext_lazy("Planned date"),
            help=gettext_lazy("Without a date of operation the operation is a planned one."),
        ),
        UNIT_COLUMN,
        REGION_COLUMN,
        Column("group", gettext_lazy("Group"), required=True, help=", ".join(definition.groups)),
        Column("diagnosis", gettext_lazy("Diagnosis (ICD-10)")),
        Column(
            "procedure",
            gettext_lazy("Procedure"),
            help=gettext_lazy("Several are separated by semicolons; the first decides the type."),
        ),
        Column("procedure_code", gettext_lazy("NCSP code")),
        Column("side", gettext_lazy("Side"), help="left, right, both"),
        Column("levels", gettext_lazy("Levels")),
        Column(
            "complications",
            gettext_lazy("Complications"),
            help=gettext_lazy("none, or codes separated by semicolons; empty: not assessed."),
        ),
        Column(
            "complications_assessed_on",
            gettext_lazy("Complications assessed"),
            help=gettext_lazy("When left out: the latest date of the row."),
        ),
    ]
    columns += [Column(key, str(variable.labels)) for key, variable in definition.variables.items()]
    for key, names in goal_columns(definition).items():
        label = str(definition.goals[key].labels)
        for name in names:
            columns.append(Column(name, label, help=", ".join(GoalOutcome.values)))
            columns.append(Column(f"{name}_on", label))
    return tuple({column.key: column for column in columns}.values())


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads rows of one batch; everything looked up is looked up once."""

    units: Mapping[str, Unit]
    regions: Mapping[str, HealthRegion]
    variables: tuple[str, ...]
    goals: Mapping[str, tuple[str, ...]]
    default_unit: Unit | None
    day: Callable[[str], date | None]

    def entry(self, row: Row, member: Membership, faults: dict[str, str]) -> NewOperation | None:
        """The operation that a row states; what cannot be read is put into ``faults``."""
        unit = self._looked_up(self.units, row, "unit", faults) or self.default_unit
        region = self._looked_up(self.regions, row, "residence_region", faults)
        if unit is None and "unit" not in faults:
            faults["unit"] = _(
                "Which unit? Add the column “unit”, or choose one for the whole file."
            )
        performed_on = self._day(row, "operation_date", faults)
        planned_on = self._day(row, "planned_date", faults)
        if performed_on is None and planned_on is None and not faults:
            faults["operation_date"] = _("Give the date of operation, or the planned date.")
        goals = self._goals(row, faults)
        complications = self._complications(row)
        assessed_on = self._day(row, "complications_assessed_on", faults)
        if complications is not None and assessed_on is None:
            known = [g.assessed_on for g in goals if g.assessed_on is not None]
            assessed_on = max([*known, *([performed_on] if performed_on else [])], default=None)
        if faults or unit is None:
            return None
        return NewOperation(
            membership_id=member.pk,
            unit_id=unit.pk,
            residence_region_id=region.pk if region else None,
            entry=OperationEntry(
                group=row["group"],
                planned_on=planned_on,
                performed_on=performed_on,
                diagnosis=row["diagnosis"],
                side=row["side"].lower(),
                levels=tuple(_several(row["levels"])),
                procedures=_procedures(row),
                details={key: row[key] for key in self.variables if row[key]},
                complications=complications,
                complications_assessed_on=assessed_on,
                goals=tuple(goals),
            ),
        )

    def _looked_up(
        self, known: Mapping[str, Any], row: Row, column: str, faults: dict[str, str]
    ) -> Any:
        text = row[column]
        if not text:
            return None
        found = known.get(text.casefold())
        if found is None:
            faults[column] = _("“%(value)s” is not known. Known are: %(keys)s.") % {
                "value": text,
                "keys": ", ".join(sorted(known)[:20]),
            }
        return found

    def _day(self, row: Row, column: str, faults: dict[str, str]) -> date | None:
        text = row[column]
        if not text:
            return None
        try:
            return self.day(text)
        except ValueError as error:
            faults[column] = str(error)
            return None

    def _goals(self, row: Row, faults: dict[str, str]) -> list[GoalEntry]:
        found: list[GoalEntry] = []
        for key, names in self.goals.items():
            name = next((n for n in names if row[n] or row[f"{n}_on"]), None)
            if name is None:
                continue
            outcome = row[name].lower() or GoalOutcome.NOT_ASSESSED
            if outcome not in GoalOutcome.values:
                faults[name] = _("“%(value)s” is not one of: %(values)s.") % {
                    "value": row[name],
                    "values": ", ".join(GoalOutcome.values),
                }
                continue
            found.append(GoalEntry(key, outcome, self._day(row, f"{name}_on", faults)))
        return found

    def _complications(self, row: Row) -> tuple[ComplicationEntry, ...] | None:
        text = row["complications"].strip()
        if not text:
            return None
        if text.lower() == NO_COMPLICATIONS:
            return ()
        return tuple(ComplicationEntry(kind) for kind in _several(text))


def _procedures(row: Row) -> tuple[tuple[str, str], ...]:
    kinds = _several(row["procedure"])
    codes = [code.strip() for code in row["procedure_code"].split(";")]
    most = max(len(kinds), len(codes) if any(codes) else 0)
    kinds += [""] * (most - len(kinds))
    codes += [""] * (most - len(codes))
    return tuple(zip(kinds, codes[:most], strict=True))


def _several(text: str) -> list[str]:
    return [part.strip() for part in text.split(";") if part.strip()]


def parse_rows(context: ImportContext, rows: Sequence[Row]) -> ParsedRows:
    """Read rows into the entries of ``register_operations``."""
    definition = context.definition
    reader = _Reader(
        units={unit.code.casefold(): unit for unit in units_of(context.register_code)},
        regions=regions_by_code(),
        variables=tuple(definition.variables),
        goals=goal_columns(definition),
        default_unit=context.unit,
        day=DayWidget().clean,
    )
    members, errors = members_of_rows(context, rows)
    entries: list[NewOperation | None] = []
    for index, (row, member) in enumerate(zip(rows, members, strict=True)):
        if member is None:
            entries.append(None)
            continue
        faults: dict[str, str] = {}
        entries.append(reader.entry(row, member, faults))
        errors += [RowError(index, column, message) for column, message in faults.items()]
    return ParsedRows(entries, errors)


def write_rows(context: ImportContext, entries: Sequence[NewOperation]) -> int:
    """Register the operations of a batch. Raises RowsRefused with columns of the file."""
    names = goal_columns(context.definition)
    try:
        done = register_operations(
            by=context.viewer,
            register_code=context.register_code,
            operations=entries,
            on=context.on,
        )
    except RowsRefused as refused:
        raise RowsRefused(
            RowError(error.row, _column_of(error.column, names), error.message)
            for error in refused.errors
        ) from refused
    return len(done.ids)


def _column_of(name: str, goals: Mapping[str, Sequence[str]]) -> str:
    """The column of a file that holds a field of an entry."""
    if name.startswith("details-"):
        return name.removeprefix("details-")
    if name.startswith("goals-"):
        key = name.removeprefix("goals-")
        if key.removesuffix("-on") in goals:
            column = goals[key.removesuffix("-on")][0]
            return f"{column}_on" if key.endswith("-on") else column
        return name
    if name.startswith("complications-"):
        return "complications"
    if row := re.fullmatch(r"procedures-\d+-(type|code)", name):
        return "procedure" if row[1] == "type" else "procedure_code"
    return COLUMN_OF.get(name, name)


OPERATIONS = ImportKind(
    label=gettext_lazy("Operations"),
    columns=operation_columns,
    parse_rows=parse_rows,
    write_rows=write_rows,
)
