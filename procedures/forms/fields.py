"""Fields made from a definition, each with the kind of control its template draws.

Widgets only read what was sent: drawing every field through Django's widget templates costs four
times as much as the plain templates in ``procedures/_controls/``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from registry.registers.schema import Variable

Values = Mapping[str, list[str]]
"""What was typed, as the browser sends it: each field with its values. Drafts keep it so."""

DATE_FORMATS = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y"]
YES_NO = (("true", gettext_lazy("Yes")), ("false", gettext_lazy("No")))


@dataclass(frozen=True, slots=True)
class Choice:
    """One option of a field, as drawn."""

    value: str
    label: str
    chosen: bool
    id: str


class DrawnField(BoundField):
    """A field with what its template needs beside Django's own."""

    @property
    def kind(self) -> str:
        """Which control: text, number, date, select, radio, checkboxes, textarea."""
        return self.field.kind

    @property
    def texts(self) -> list[str]:
        """The values as typed."""
        value = self.value()
        if value is None:
            return []
        return [str(one) for one in value] if isinstance(value, list | tuple) else [str(value)]

    @property
    def text(self) -> str:
        """The only value as typed."""
        return next(iter(self.texts), "")

    @property
    def choices(self) -> list[Choice]:
        """The options, with what was chosen."""
        chosen = set(self.texts)
        return [
            Choice(str(value), str(label), str(value) in chosen, f"{self.auto_id}_{number}")
            for number, (value, label) in enumerate(self.field.options)
        ]

    @property
    def is_group(self) -> bool:
        """Whether several controls share the field's name, so that it needs a legend."""
        return self.kind in {"radio", "checkboxes"}

    @property
    def input_type(self) -> str:
        """The type of the input: only dates have a control of their own."""
        return "date" if self.kind == "date" and self.is_iso else "text"

    @property
    def is_iso(self) -> bool:
        """Whether a date control can show what was typed; else it would drop it."""
        try:
            return not self.text or bool(date.fromisoformat(self.text))
        except ValueError:
            return False

    @property
    def width(self) -> str:
        """The columns it takes where there is room: a goal and its date stand side by side."""
        if self.name.startswith("goals-"):
            return "col-md-5" if self.name.endswith("-on") else "col-md-7"
        if self.kind in {"radio", "checkboxes", "textarea"}:
            return "col-12"
        if self.name.endswith("-type") or self.name in {"group", "unit", "revises"}:
            return "col-md-8"
        return "col-md-4" if self.kind in {"date", "number"} or "-code" in self.name else "col-md-6"

    @property
    def described_by(self) -> str:
        """The ids of its help and its errors."""
        ids = [f"{self.auto_id}_helptext"] if self.help_text else []
        return " ".join([*ids, f"{self.auto_id}_error"] if self.errors else ids)

    @property
    def id_for_label(self) -> str:
        """The id that a link in the error summary leads to."""
        return f"{self.auto_id}_0" if self.is_group else self.auto_id


class _Drawn:
    """What every field made here carries for its template."""

    kind = "text"
    unit = ""
    options: tuple[tuple[str, Any], ...] = ()
    suggestions: tuple[str, ...] = ()
    restructures = False
    """Whether other fields come and go with its value."""
    expected = False
    """Whether submitting asks for it; shown, and judged by the action."""

    def get_bound_field(self, form: forms.BaseForm, name: str) -> DrawnField:
        """Return the field with its value and errors."""
        return DrawnField(form, self, name)


class TextField(_Drawn, forms.CharField):
    """Any text; numbers too, so that what was typed is kept when it is none."""

    def __init__(self, label: Any, *, kind: str = "text", **told: Any) -> None:
        carried = {k: told.pop(k) for k in _carried(told)}
        super().__init__(label=label, required=False, strip=True, **told)
        self.kind = kind
        vars(self).update(carried)


class ChoiceField(_Drawn, forms.CharField):
    """One of some options; the action says when it is none of them."""

    def __init__(self, label: Any, options: Iterable[tuple[Any, Any]], **told: Any) -> None:
        carried = {k: told.pop(k) for k in _carried(told)}
        super().__init__(label=label, required=False, help_text=told.get("help_text", ""))
        self.options = tuple(options)
        self.kind = told.get("kind", "select")
        vars(self).update(carried)


class ChoicesField(_Drawn, forms.Field):
    """Any number of some options."""

    widget = forms.SelectMultiple
    kind = "checkboxes"

    def __init__(self, label: Any, options: Iterable[tuple[Any, Any]], **told: Any) -> None:
        carried = {k: told.pop(k) for k in _carried(told)}
        super().__init__(label=label, required=False, **told)
        self.options = tuple(options)
        vars(self).update(carried)

    def clean(self, value: Any) -> list[str]:
        """Return what was chosen."""
        return [str(one) for one in value or [] if str(one).strip()]


class DayField(_Drawn, forms.DateField):
    """A civil date; browsers without a date control may type 3.4.2026."""

    kind = "date"

    def __init__(self, label: Any, **told: Any) -> None:
        carried = {k: told.pop(k) for k in _carried(told)}
        super().__init__(label=label, required=False, input_formats=DATE_FORMATS, **told)
        self.error_messages["invalid"] = _(
            "This is not a date. Write year-month-day, such as %(example)s."
        ) % {"example": "2026-03-31"}
        vars(self).update(carried)


def _carried(told: Mapping[str, Any]) -> list[str]:
    return [k for k in ("unit", "suggestions", "restructures", "expected") if k in told]


def variable_field(variable: Variable, *, expected: bool) -> forms.Field:
    """The field of a register-specific variable."""
    told: dict[str, Any] = {"expected": expected}
    if variable.help is not None:
        told["help_text"] = str(variable.help)
    label = str(variable.labels)
    match variable.type:
        case "choice":
            options = [(o.key, str(o.labels)) for o in variable.options]
            # Few options are seen at once and chosen with one key; many are a list.
            kind = "radio" if len(options) <= 5 else "select"
            return ChoiceField(label, options, kind=kind, **told)
        case "choices":
            return ChoicesField(label, [(o.key, str(o.labels)) for o in variable.options], **told)
        case "boolean":
            return ChoiceField(label, YES_NO, kind="radio", **told)
        case "date":
            return DayField(label, **told)
        case "integer" | "decimal":
            return TextField(label, kind="number", unit=variable.unit or "", **told)
    kind = "textarea" if (variable.max_length or 1000) > 120 else "text"
    return TextField(label, kind=kind, unit=variable.unit or "", **told)


def as_sent(value: Any) -> list[str]:
    """A stored value as the browser would send it."""
    if value is None or value == "":
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, date):
        return [value.isoformat()]
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    return [str(value)]


def written_day(text: str) -> str:
    """A date as typed, in words if it can be read."""
    try:
        return date_format(
            forms.DateField(input_formats=DATE_FORMATS).clean(text), "SHORT_DATE_FORMAT"
        )
    except forms.ValidationError:
        return text
