"""Between stored operations, refusals and a form: values as the browser sends them."""

from django import forms

from procedures.entries import OperationEntry
from procedures.forms.fields import as_sent
from procedures.models import Operation
from registry.core.errors import RuleBroken
from registry.units.models import Unit


def show_refusal(form: forms.Form, error: RuleBroken) -> None:
    """Put each message beside its field; what has no field of its own goes on top."""
    if not hasattr(error, "error_dict"):
        form.add_error(None, error.messages)
        return
    for name, messages in error.message_dict.items():
        target: str | None = name
        if name == "procedures":
            target = "procedures-0-type"
        if target not in form.fields:
            target = None
        if target is None or not form.has_error(target):
            form.add_error(target, messages)


def values_of(
    entry: OperationEntry, *, unit: Unit | None, revises: Operation | None
) -> dict[str, list[str]]:
    """A stored operation as the form would have sent it."""
    values = {
        "unit": as_sent(unit.pk if unit else None),
        "revises": as_sent(revises.pk if revises else None),
        "planned_on": as_sent(entry.planned_on),
        "performed_on": as_sent(entry.performed_on),
        "group": as_sent(entry.group),
        "diagnosis": as_sent(entry.diagnosis),
        "side": as_sent(entry.side),
        "levels": as_sent(entry.levels),
        "complications_assessed_on": as_sent(entry.complications_assessed_on),
    }
    for row, (kind, code) in enumerate(entry.procedures):
        values[f"procedures-{row}-type"] = as_sent(kind)
        values[f"procedures-{row}-code"] = as_sent(code)
    for row, implant in enumerate(entry.implants):
        values[f"implants-{row}-kind"] = as_sent(implant.kind)
        values[f"implants-{row}-name"] = as_sent(implant.name)
    for key, value in entry.details.items():
        values[f"details-{key}"] = as_sent(value)
    values |= complication_values(entry)
    return {name: held for name, held in values.items() if held}


def complication_values(entry: OperationEntry) -> dict[str, list[str]]:
    """The stored complications as a form would have sent them."""
    if entry.complications is None:
        return {}
    values = {
        "complications_state": ["some" if entry.complications else "none"],
        "complications": [c.kind for c in entry.complications],
    }
    for complication in entry.complications:
        values[f"complications-{complication.kind}"] = as_sent(complication.occurred_on)
    return values
