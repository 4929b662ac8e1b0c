"""The base of every import resource: django-import-export reads the cells, a set action writes.

A resource declares fields with widgets; ``parse_rows`` turns the text of each row into an entry
and collects what cannot be read, column by column. Rules are not here: the set action has them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from types import SimpleNamespace
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from import_export import fields, resources, widgets

from registry.jobs.imports import ImportContext, ParsedRows, Row
from registry.jobs.rows import RowError
from registry.registers.selectors import units_of


class DayWidget(widgets.Widget):
    """A date: ``2023-04-18`` or, as Nordic people write, ``18.04.2023``."""

    def clean(self, value: str, row: Row | None = None, **kwargs: Any) -> date | None:
        """Read a cell. Raises ValueError with a message for the user."""
        if not value:
            return None
        try:
            if "." in value:
                day, month, year = (int(part) for part in value.split("."))
                if year < 1000:
                    raise ValueError
                return date(year, month, day)
            return date.fromisoformat(value)
        except ValueError:
            raise ValueError(
                _("“%(value)s” is not a date. Write it like 2023-04-18 or 18.04.2023.")
                % {"value": value}
            ) from None


class KeyWidget(widgets.Widget):
    """One of some keys of a definition or a vocabulary."""

    def __init__(self, keys: Iterable[str]) -> None:
        super().__init__()
        self.keys = tuple(keys)

    def clean(self, value: str, row: Row | None = None, **kwargs: Any) -> str:
        """Read a cell. Raises ValueError with a message for the user."""
        key = value.strip().lower()
        if key and key not in self.keys:
            raise ValueError(
                _("“%(value)s” is not among the values of this column: %(keys)s.")
                % {"value": value, "keys": ", ".join(self.keys)}
            )
        return key


class LookUpWidget(widgets.Widget):
    """Something of the reference data, by its code."""

    def __init__(self, by_code: Mapping[str, Any]) -> None:
        super().__init__()
        self.by_code = by_code

    def clean(self, value: str, row: Row | None = None, **kwargs: Any) -> Any:
        """Read a cell. Raises ValueError with a message for the user."""
        if not value:
            return None
        found = self.by_code.get(value.casefold())
        if found is None:
            raise ValueError(
                _("“%(value)s” is not known. Known are: %(keys)s.")
                % {"value": value, "keys": ", ".join(sorted(self.by_code)[:20])}
            )
        return found


class CaseResource(resources.Resource):
    """Reads rows of one kind into namespaces with one attribute for each field."""

    unit = fields.Field(column_name="unit", attribute="unit")

    def __init__(self, context: ImportContext) -> None:
        super().__init__()
        self.context = context
        self.fields["unit"].widget = LookUpWidget(
            {unit.code.casefold(): unit for unit in units_of(context.register_code)}
        )

    def read_rows(self, rows: Sequence[Row]) -> tuple[list[SimpleNamespace | None], list[RowError]]:
        """Return what each row says (None where something cannot be read) and the errors."""
        found: list[SimpleNamespace | None] = []
        errors: list[RowError] = []
        for index, row in enumerate(rows):
            told = SimpleNamespace()
            try:
                self.import_instance(told, row)
            except ValidationError as error:
                found.append(None)
                errors += [
                    RowError(index, self.column_of(attribute), " ".join(messages))
                    for attribute, messages in error.message_dict.items()
                ]
                continue
            told.unit = told.unit or self.context.unit
            if told.unit is None:
                errors.append(
                    RowError(
                        index,
                        "unit",
                        _("Which unit? Add the column “unit”, or choose one for the whole file."),
                    )
                )
                found.append(None)
                continue
            found.append(told)
        return found, errors

    def column_of(self, attribute: str) -> str:
        """Return the column in the file of an attribute."""
        return next(
            (f.column_name for f in self.get_import_fields() if f.attribute == attribute), attribute
        )

    def parse_rows(self, rows: Sequence[Row]) -> ParsedRows:
        """Return the entries of the set action, one for each row."""
        raise NotImplementedError
