"""Resources of the yearly files: django-import-export's fields, rows streamed by the database.

A resource of django-import-export holds the fields of a file, their heads and how a cell is
rendered. Its own export collects a whole data set in memory; here rows come from a server-side
cursor and go to the file portion by portion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy
from import_export import fields, resources, widgets

from procedures.models import Operation
from proms.instruments import instruments
from registry.accounts.permissions import Permission, Viewer
from registry.registers.schema import RegisterDefinition
from reports.exports.columns import (
    PROFILE,
    SCORE,
    SEPARATOR,
    Column,
    consultation_columns,
    operation_columns,
    quoted,
    referral_columns,
)
from reports.exports.neutral import neutral
from reports.models import CompletenessFact, OperationScaleFact

PORTION = 1000
"""Rows fetched at once."""

Row = tuple[Any, ...]


class CellWidget(widgets.Widget):
    """A cell as files hold it: text that cannot run, numbers and dates as they are."""

    def render(self, value: Any, obj: Any = None, **kwargs: Any) -> Any:
        """Return the cell."""
        return neutral(value) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows: the register, the year, and the units (None: all) of the viewer."""

    register_code: str
    year: int
    units: tuple[int, ...] | None
    on: date

    @classmethod
    def of(cls, viewer: Viewer, register_code: str, year: int, *, on: date) -> Scope:
        """Return what the viewer may export of a year."""
        units = None
        if not viewer.whole_register(Permission.EXPORT, register_code):
            units = tuple(sorted(viewer.unit_ids(Permission.EXPORT, register_code)))
        return cls(register_code, year, units, on)

    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the queries."""
        return {
            "register": self.register_code,
            "year": self.year,
            "first": date(self.year, 1, 1),
            "last": date(self.year, 12, 31),
            "units": None if self.units is None else list(self.units),
            "on": self.on,
        }


# Whoever has opted out of a register is in none of its exports, for any year.
_MEMBER = "membership.register_id = %(register)s AND membership.opted_out_on IS NULL"


def _in_units(table: str) -> str:
    return f"(%(units)s::bigint[] IS NULL OR {table}.unit_id = ANY(%(units)s::bigint[]))"


class YearResource(resources.Resource):
    """The rows of one file of a year. Subclasses say which columns and from where."""

    name = ""
    label: str | Promise = ""
    columns_of: Callable[[RegisterDefinition], Sequence[Column]]

    def __init__(self, definition: RegisterDefinition, scope: Scope) -> None:
        super().__init__()
        self.definition = definition
        self.scope = scope
        self.columns = tuple(type(self).columns_of(definition))
        self.fields = {
            column.key: fields.Field(
                attribute=column.key, column_name=column.key, widget=CellWidget()
            )
            for column in self.columns
        }

    def source(self) -> str:
        """Return FROM … WHERE … ORDER BY of the query."""
        raise NotImplementedError

    def chosen(self) -> str:
        """Return FROM … WHERE … of what decides which rows there are, and nothing more."""
        raise NotImplementedError

    def count(self) -> int:
        """Return how many rows there will be."""
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) {self.chosen()}", self.scope.parameters())
            return cursor.fetchone()[0]

    def rows(self, *, decimal: str | None = None) -> Iterator[list[Row]]:
        """Yield portions of rows, cells in the order of the columns, rendered.

        With ``decimal`` every cell is text as CSV holds it, numbers with that decimal mark;
        without it numbers and dates are values. Works inside one transaction.
        """
        query = f"SELECT {self.select(decimal)} {self.source()}"
        render = self.fields[self.columns[0].key].widget.render
        texts = [place for place, column in enumerate(self.columns) if column.kind == "text"]
        with transaction.atomic():
            with connection.cursor() as cursor:
                # All rows are read: plan for the whole, not for the first ones.
                cursor.execute("SET LOCAL cursor_tuple_fraction = 1")
                cursor.execute("SET LOCAL work_mem = '64MB'")
                # Compiling a hundred expressions takes longer than it saves on some 10⁵ rows.
                cursor.execute("SET LOCAL jit = off")
            with connection.chunked_cursor() as cursor:
                cursor.itersize = PORTION
                cursor.execute(query, self.scope.parameters())
                while portion := cursor.fetchmany(PORTION):
                    rows = []
                    for row in portion:
                        cells = list(row)
                        for place in texts:
                            cell = cells[place]
                            # What begins with a letter or a digit runs nowhere.
                            if cell and not cell[0].isalnum():
                                cells[place] = render(cell)
                        rows.append(cells)
                    yield rows

    def select(self, decimal: str | None) -> str:
        """Return the expressions of the columns."""
        return ", ".join(_expression(column, decimal) for column in self.columns)


def _expression(column: Column, decimal: str | None) -> str:
    if decimal is None:
        return column.sql
    if column.kind == "decimal" and decimal != ".":
        return f"replace(({column.sql})::text, '.', '{decimal}')"
    return f"({column.sql})::text"


class OperationResource(YearResource):
    """One row for each operation performed in the year, with everything that belongs to it."""

    name = "operations"
    label = gettext_lazy("Operations")
    columns_of = operation_columns

    OF_YEAR = (
        "operation.register_id = %(register)s AND operation.year = %(year)s"
        " AND operation.performed_on IS NOT NULL AND operation.cancelled_on IS NULL"
    )

    def chosen(self) -> str:
        """Operations of members who have not opted out, at the units of the scope."""
        return f"""
            FROM {Operation._meta.db_table} AS operation
            JOIN patients_membership AS membership ON membership.id = operation.membership_id
            WHERE {self.OF_YEAR} AND {_MEMBER} AND {_in_units("operation")}
        """

    def source(self) -> str:
        """Join what belongs to an operation, each read once for the year."""
        operations, of_year = Operation._meta.db_table, self.OF_YEAR
        return f"""
            FROM {operations} AS operation
            JOIN patients_membership AS membership ON membership.id = operation.membership_id
            JOIN units_unit AS unit ON unit.id = operation.unit_id
            JOIN {CompletenessFact._meta.db_table} AS fact ON fact.operation_id = operation.id
            LEFT JOIN units_healthregion AS unit_region
                ON unit_region.id = operation.unit_region_id
            LEFT JOIN units_healthregion AS residence_region
                ON residence_region.id = operation.residence_region_id
            JOIN (
                SELECT id, row_number() OVER (
                    PARTITION BY membership_id ORDER BY performed_on, id
                ) AS number
                FROM {operations}
                WHERE register_id = %(register)s
                  AND performed_on IS NOT NULL AND cancelled_on IS NULL
            ) AS numbered ON numbered.id = operation.id
            LEFT JOIN (
                SELECT procedure.operation_id,
                       string_agg(procedure.procedure_type, '{SEPARATOR}'
                                  ORDER BY procedure.position) AS types,
                       string_agg(procedure.code, '{SEPARATOR}'
                                  ORDER BY procedure.position) AS codes
                FROM procedures_procedure AS procedure
                JOIN {operations} AS operation ON operation.id = procedure.operation_id
                WHERE {of_year} GROUP BY procedure.operation_id
            ) AS done ON done.operation_id = operation.id
            LEFT JOIN (
                SELECT complication.operation_id,
                       string_agg(complication.kind, '{SEPARATOR}' ORDER BY complication.kind)
                           AS kinds
                FROM procedures_complication AS complication
                JOIN {operations} AS operation ON operation.id = complication.operation_id
                WHERE {of_year} GROUP BY complication.operation_id
            ) AS wrong ON wrong.operation_id = operation.id
            LEFT JOIN (
                SELECT goal.operation_id,
                       jsonb_object_agg(
                           goal.goal, jsonb_build_array(goal.outcome, goal.assessed_on)
                       ) AS outcomes
                FROM procedures_treatmentgoal AS goal
                JOIN {operations} AS operation ON operation.id = goal.operation_id
                WHERE {of_year} GROUP BY goal.operation_id
            ) AS goal ON goal.operation_id = operation.id
            {self._scores()}
            {self._profiles()}
            WHERE {of_year} AND {_MEMBER} AND {_in_units("operation")}
            ORDER BY operation.performed_on, membership.pseudonym, numbered.number
        """

    def _scores(self) -> str:
        """Facts hold a row for each scale: one join for each that has a column."""
        scales = dict.fromkeys(
            column.sql.partition(".")[0].removeprefix(SCORE)
            for column in self.columns
            if column.sql.startswith(SCORE)
        )
        return "".join(
            f"""
            LEFT JOIN {OperationScaleFact._meta.db_table} AS {SCORE}{scale}
                ON {SCORE}{scale}.operation_id = operation.id
               AND {SCORE}{scale}.scale = '{scale}'
               AND {SCORE}{scale}.register_id = %(register)s AND {SCORE}{scale}.year = %(year)s
            """
            for scale in scales
        )

    def _profiles(self) -> str:
        """Profiles are not stored: read from the answers, those of the year once for each."""
        columns = [column for column in self.columns if column.sql.startswith(PROFILE)]
        scales = {column.sql.partition(".")[0]: column.instrument for column in columns}
        return "".join(self._profile(name, code) for name, code in scales.items())

    def _profile(self, name: str, code: str) -> str:
        scale = instruments()[code].scale(name.removeprefix(PROFILE))
        # One level missing leaves no text at all.
        levels = " || ".join(
            f"(response.answers ->> {quoted(item)})::numeric::int::text"
            for item in scale.formula.items
        )
        points = ", ".join(
            f"max({levels}) FILTER (WHERE follow_up.time_point = {quoted(point)}) AS {point}"
            for point in self.definition.time_points
        )
        return f"""
            LEFT JOIN (
                SELECT follow_up.operation_id, {points}
                FROM proms_followup AS follow_up
                JOIN {Operation._meta.db_table} AS operation
                    ON operation.id = follow_up.operation_id
                JOIN proms_response AS response
                    ON response.invitation_id = follow_up.invitation_id AND response.current
                WHERE {self.OF_YEAR} AND follow_up.completed_on IS NOT NULL
                  AND response.instruments ? {quoted(code)}
                GROUP BY follow_up.operation_id
            ) AS {name} ON {name}.operation_id = operation.id
        """


class ReferralResource(YearResource):
    """One row for each referral received in the year."""

    name = "referrals"
    label = gettext_lazy("Referrals")
    columns_of = referral_columns

    def chosen(self) -> str:
        """Of members who have not opted out, at the units of the scope."""
        return f"""
            FROM referrals_referral AS referral
            JOIN patients_membership AS membership ON membership.id = referral.membership_id
            WHERE referral.received_on BETWEEN %(first)s AND %(last)s
              AND {_MEMBER} AND {_in_units("referral")}
        """

    def source(self) -> str:
        """Join member, unit, region and hospital."""
        return f"""
            FROM referrals_referral AS referral
            JOIN patients_membership AS membership ON membership.id = referral.membership_id
            JOIN patients_patient AS patient ON patient.id = membership.patient_id
            JOIN units_unit AS unit ON unit.id = referral.unit_id
            JOIN units_healthregion AS region ON region.id = referral.region_id
            LEFT JOIN units_hospital AS hospital ON hospital.id = referral.referring_hospital_id
            WHERE referral.received_on BETWEEN %(first)s AND %(last)s
              AND {_MEMBER} AND {_in_units("referral")}
            ORDER BY referral.received_on, membership.pseudonym
        """


class ConsultationResource(YearResource):
    """One row for each consultation of the year."""

    name = "consultations"
    label = gettext_lazy("Consultations")
    columns_of = consultation_columns

    def chosen(self) -> str:
        """Of members who have not opted out, at the units of the scope."""
        return f"""
            FROM referrals_consultation AS consultation
            JOIN patients_membership AS membership ON membership.id = consultation.membership_id
            WHERE consultation.held_on BETWEEN %(first)s AND %(last)s
              AND {_MEMBER} AND {_in_units("consultation")}
        """

    def source(self) -> str:
        """Join member, unit and region."""
        return f"""
            FROM referrals_consultation AS consultation
            JOIN patients_membership AS membership ON membership.id = consultation.membership_id
            JOIN patients_patient AS patient ON patient.id = membership.patient_id
            JOIN units_unit AS unit ON unit.id = consultation.unit_id
            JOIN units_healthregion AS region ON region.id = consultation.region_id
            WHERE consultation.held_on BETWEEN %(first)s AND %(last)s
              AND {_MEMBER} AND {_in_units("consultation")}
            ORDER BY consultation.held_on, membership.pseudonym, consultation.kind
        """


def resources_for(definition: RegisterDefinition, scope: Scope) -> list[YearResource]:
    """Return the files of a register's year."""
    kinds: list[type[YearResource]] = [OperationResource]
    if definition.referrals.enabled:
        kinds += [ReferralResource, ConsultationResource]
    return [kind(definition, scope) for kind in kinds]
