"""The parts of a form, and what the whole of it states."""

from dataclasses import dataclass

from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _

from procedures.completeness import Progress
from procedures.entries import OperationEntry
from procedures.models import Operation
from registry.units.models import Unit


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the form with its own heading and completeness."""

    key: str
    title: str
    fields: list[BoundField]
    progress: Progress | None
    folded: bool = False

    @property
    def has_errors(self) -> bool:
        """Whether something in it must be mended."""
        return any(field.errors for field in self.fields)

    @property
    def restructures(self) -> bool:
        """Whether a value in it decides what else is asked, so that no script needs a button."""
        return any(field.field.restructures for field in self.fields)


@dataclass(frozen=True, slots=True)
class StatedOperation:
    """What the form states: the operation, where, and which earlier one it revises."""

    entry: OperationEntry
    unit: Unit | None
    revises: Operation | None


SECTION_TITLES = {
    "session": lambda: _("Where and when"),
    "diagnosis": lambda: _("Diagnosis"),
    "procedures": lambda: _("Procedures"),
    "plan": lambda: _("Plan"),
    "operation": lambda: _("The operation"),
    "complications": lambda: _("Complications"),
    "implants": lambda: _("Implants"),
    "result": lambda: _("Result"),
    "goals": lambda: _("Goals"),
    "reason": lambda: _("Reason"),
}
