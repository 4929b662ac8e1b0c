"""The annual report of a register and a year: tables, and what is needed to make them again."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.utils import translation
from django.utils.translation import gettext as _

from registry.accounts.models import Role
from registry.accounts.permissions import Grant, Permission, Viewer
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.base import LANGUAGES
from registry.registers.selectors import current_version, definition_of
from reports.actions.refresh import ensure_fresh
from reports.annual.builders import Context, build
from reports.annual.protection import protected
from reports.annual.selectors import require_annual_report
from reports.annual.tables import Table

_FROM_FACTS = {"operations_by_group_year", "completeness_by_unit_year", "outcomes", "breakdown"}


class NoReport(ValueError):
    """There is no report of that year; the message says which years there are."""


@dataclass(frozen=True, slots=True)
class AnnualReport:
    """The tables of a year, by the definition that held when they were made."""

    register_code: str
    register_name: str
    owner: str
    year: int
    language: str
    definition_version: str
    cut_off: date | None
    """The last day that counts; None: all that was known."""
    tables: tuple[Table, ...]
    decimal: str = "."
    delimiter: str = ";"

    @property
    def checksum(self) -> str:
        """SHA-256 of the tables as JSON without spaces, keys in order."""
        text = json.dumps(
            [table.as_json() for table in self.tables],
            ensure_ascii=False,
            sort_keys=True,
            separators=(",", ":"),
        )
        return hashlib.sha256(text.encode("utf-8")).hexdigest()

    @property
    def notes(self) -> list[dict[str, str]]:
        """What a reader should know, by table."""
        return [{"table": t.id, "text": note} for t in self.tables for note in t.notes]

    def table(self, table_id: str) -> Table:
        """Return a table by its id. Raises KeyError."""
        for table in self.tables:
            if table.id == table_id:
                return table
        raise KeyError(table_id)

    def as_json(self) -> dict[str, Any]:
        """Return the report as its JSON has it."""
        return {
            "register": self.register_code,
            "title": self.register_name,
            "year": self.year,
            "language": self.language,
            "definition_version": self.definition_version,
            "cut_off": None if self.cut_off is None else self.cut_off.isoformat(),
            "tables": [table.as_json() for table in self.tables],
            "notes": self.notes,
            "checksum": self.checksum,
        }


def to_json(report: AnnualReport) -> str:
    """Return the report as text: the same data give the same bytes."""
    text = json.dumps(report.as_json(), ensure_ascii=False, sort_keys=True, indent=2)
    return text + "\n"


def report_years(definition: RegisterDefinition, on: date) -> range:
    """Return the years that have a report on a day: from the tables' first year to this one."""
    started = definition.about.start_date.year
    first = min((table.first_year or started for table in definition.reports.tables), default=None)
    return range(0) if first is None else range(first, on.year + 1)


def trusted_viewer(register_code: str, label: str) -> Viewer:
    """Return the viewer of a command: whoever runs commands has the administrator's rights."""
    return Viewer(
        user_id=None, grants=(Grant(Role.ADMINISTRATOR, register_code, None),), label=label
    )


def annual_report(
    viewer: Viewer,
    register_code: str,
    year: int,
    *,
    language: str,
    on: date,
    cut_off: date | None = None,
) -> AnnualReport:
    """Compute the report of a year in a language, as ``viewer`` may see it.

    ``on`` is the day of reading (facts are brought up to date on it); ``cut_off`` the last day
    that counts. Raises NotAllowed for a viewer without the whole register, UnknownRegister, and
    NoReport for a year or a language without one.
    """
    require_annual_report(viewer, register_code)
    version = current_version(register_code)
    definition = definition_of(version)
    years = report_years(definition, on)
    if not years:
        raise NoReport(_("The definition of this register describes no tables of a report."))
    if year not in years:
        raise NoReport(
            _("There is no report of %(year)s; there are reports of %(first)s to %(last)s.")
            % {"year": year, "first": years.start, "last": years[-1]}
        )
    if language not in LANGUAGES:
        raise NoReport(_("There is no report in the language “%(code)s”.") % {"code": language})
    if any(layout.kind in _FROM_FACTS for layout in definition.reports.tables):
        ensure_fresh(register_code, on=on)
    with translation.override(language):
        context = Context(viewer, definition, year, cut_off, language)
        tables = [t for layout in definition.reports.tables for t in build(context, layout)]
        if not viewer.whole_register(Permission.SEE_PATIENTS, register_code):
            threshold = definition.about.small_number_threshold
            tables = [protected(table, threshold=threshold) for table in tables]
        return AnnualReport(
            register_code=register_code,
            register_name=str(definition.about.names),
            owner=definition.about.owner,
            year=year,
            language=language,
            definition_version=version.version,
            cut_off=cut_off,
            tables=tuple(tables),
            decimal=definition.about.export.decimal,
            delimiter=definition.about.export.delimiter,
        )
