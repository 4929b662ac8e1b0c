"""What the page of an operation says, section by section, in words."""

from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from procedures.models import Operation
from procedures.selectors.history import written_detail
from registry.core.choices import Side
from registry.registers.schema import RegisterDefinition


@dataclass(frozen=True, slots=True)
class Facts:
    """A section of the page: its title and pairs of name and text."""

    title: str
    rows: list[tuple[str, str]]


def facts_of(operation: Operation, definition: RegisterDefinition) -> list[Facts]:
    """What is registered about an operation, empty parts left out."""
    group = definition.groups.get(operation.group)
    types = definition.procedure_types
    procedures = [
        " ".join(
            [
                str(types[p.procedure_type].labels)
                if p.procedure_type in types
                else p.procedure_type,
                p.code,
            ]
        ).strip()
        for p in operation.procedures.all()
    ]
    found = [
        Facts(
            _("Operation"),
            [
                (_("Unit"), operation.unit.name),
                (
                    _("Was registered as performed") if operation.withdrawn else _("Planned date"),
                    _day(operation.planned_on),
                ),
                (_("Date of operation"), _day(operation.performed_on)),
                (
                    _("Withdrawn") if operation.withdrawn else _("Cancelled"),
                    _day(operation.cancelled_on),
                ),
                (
                    _("Reason for withdrawing")
                    if operation.withdrawn
                    else _("Reason for cancelling"),
                    operation.cancel_reason,
                ),
                (_("Revises"), _revised(operation)),
                (_("Region of the unit"), str(operation.unit_region or "")),
                (_("Region of residence"), str(operation.residence_region or "")),
            ],
        ),
        Facts(
            _("Diagnosis and procedures"),
            [
                (_("Group"), str(group.labels) if group else operation.group),
                (_("Diagnosis (ICD-10)"), operation.diagnosis),
                (_("Side"), str(Side(operation.side).label) if operation.side else ""),
                (_("Levels"), ", ".join(operation.levels)),
                (
                    _("Procedures") if operation.performed_on else _("Intended procedures"),
                    "; ".join(procedures),
                ),
                (
                    _("Implants"),
                    "; ".join(f"{i.kind} {i.name}".strip() for i in operation.implants.all()),
                ),
            ],
        ),
    ]
    for section, title in (
        ("plan", _("Plan")),
        ("operation", _("The operation")),
        ("result", _("Result")),
    ):
        found.append(
            Facts(
                title,
                [
                    (
                        str(variable.labels),
                        written_detail(
                            definition, variable.key, operation.details.get(variable.key)
                        ),
                    )
                    for variable in definition.procedures.variables
                    if variable.section == section
                ],
            )
        )
    found.append(Facts(_("Complications"), _complications(operation, definition)))
    found.append(Facts(_("Goals"), _goals(operation, definition)))
    return [
        Facts(one.title, rows) for one in found if (rows := [row for row in one.rows if row[1]])
    ]


def _complications(operation: Operation, definition: RegisterDefinition) -> list[tuple[str, str]]:
    if operation.performed_on is None:
        return []
    if operation.complications_assessed_on is None:
        return [(_("Complications"), _("Not assessed yet"))]
    assessed = _day(operation.complications_assessed_on)
    held = operation.complications.all()
    if not held:
        return [(_("Complications"), _("None, assessed %(date)s") % {"date": assessed})]
    rows = [
        (
            str(definition.complications[c.kind].labels)
            if c.kind in definition.complications
            else c.kind,
            _day(c.occurred_on) or _("date not known"),
        )
        for c in held
    ]
    return [*rows, (_("Assessed on"), assessed)]


def _goals(operation: Operation, definition: RegisterDefinition) -> list[tuple[str, str]]:
    rows = []
    for goal in operation.goals.all():
        known = definition.goals.get(goal.goal)
        text = str(goal.get_outcome_display())
        if goal.assessed_on:
            text = f"{text}, {_day(goal.assessed_on)}"
        rows.append((str(known.labels) if known else goal.goal, text))
    return rows


def _revised(operation: Operation) -> str:
    earlier = operation.revises
    return f"{_day(earlier.performed_on)}, {earlier.unit.name}" if earlier is not None else ""


def _day(day: object) -> str:
    return date_format(day, "SHORT_DATE_FORMAT") if day else ""
