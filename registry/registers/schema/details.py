"""Validation of register-specific values: once, for the form, the API and files alike."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from datetime import date
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from registry.registers.schema.clinical import SoftRange, Variable
from registry.registers.schema.definition import RegisterDefinition

TRUE_WORDS = frozenset({"true", "1", "yes", "y", "ja", "j", "on"})
FALSE_WORDS = frozenset({"false", "0", "no", "n", "nei", "nej", "off"})
TEXT_LENGTH = 1000
INTEGER = re.compile(r"^[+-]?[0-9]{1,15}$")
DECIMAL = re.compile(r"^[+-]?[0-9]{1,15}([.,][0-9]{1,15})?$")


class DetailsResult(NamedTuple):
    """What became of the values: to be stored, what stops, and what asks to be confirmed.

    `clean` holds JSON values only (a date as ISO text) and no key for what was left empty.
    """

    clean: dict[str, Any]
    errors: dict[str, str]
    warnings: dict[str, str]


class _Refused(ValueError):
    """A value that cannot be read as its variable's type; the text is for the user."""


def validate_details(
    definition: RegisterDefinition,
    details: dict[str, Any],
    *,
    group: str,
    sections: str | Iterable[str],
    strict: bool,
    procedure_types: Collection[str] | None = None,
) -> DetailsResult:
    """Read `details` by the variables that `group` has in `sections`.

    Values may be of their own type (API) or text (form, file): ``"12,5"``, ``"ja"``,
    ``"a;b"``. `strict` is for submitting: required variables must be there; a draft may leave
    them out, but what is there must be right in both. Messages are in the active language.
    """
    wanted = [sections] if isinstance(sections, str) else list(sections)
    asked = {
        variable.key: variable
        for section in wanted
        for variable in definition.variables_for(section, group, procedure_types=procedure_types)
    }
    clean: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for key, raw in details.items():
        if key in asked:
            try:
                value = _read(asked[key], raw)
            except _Refused as refused:
                errors[key] = str(refused)
            else:
                if value is not None:
                    clean[key] = value
        elif not _is_empty(raw):
            errors[key] = _not_asked(definition, key)
    if strict:
        for key, variable in asked.items():
            if key not in clean and key not in errors and _is_required(variable, clean):
                errors[key] = _("%(label)s must be filled in.") % {"label": variable.labels}
    warnings = {
        soft.variable: _unusual(soft, asked[soft.variable])
        for soft in definition.procedures.warnings
        if soft.variable in clean
        and (not soft.groups or group in soft.groups)
        and _is_outside(clean[soft.variable], soft)
    }
    ordered = {key: clean[key] for key in asked if key in clean}
    return DetailsResult(ordered, errors, warnings)


def _not_asked(definition: RegisterDefinition, key: str) -> str:
    if key in definition.variables:
        return _("%(label)s does not apply here. Leave it empty.") % {
            "label": definition.variables[key].labels
        }
    return _("This register has no variable “%(key)s”. Check the name.") % {"key": key}


def _is_empty(raw: Any) -> bool:
    return raw is None or (isinstance(raw, str) and not raw.strip()) or raw in ([], ())


def _is_required(variable: Variable, clean: dict[str, Any]) -> bool:
    when = variable.required_when
    if when is None:
        return variable.required == "submit"
    given = clean.get(when.variable)
    return when.equals in given if isinstance(given, list) else _same(given, when.equals)


def _same(given: Any, wanted: Any) -> bool:
    """Equal, and 1 is not True."""
    return given == wanted and isinstance(given, bool) == isinstance(wanted, bool)


def _read(variable: Variable, raw: Any) -> Any:
    """The JSON value of `raw`, or None when it is empty; `_Refused` with a message otherwise."""
    if isinstance(raw, str):
        raw = raw.strip()
    if _is_empty(raw):
        return None
    match variable.type:
        case "integer":
            return _within(variable, _integer(raw))
        case "decimal":
            return _within(variable, _decimal(raw))
        case "boolean":
            return _boolean(raw)
        case "date":
            return _within(variable, _date(raw)).isoformat()
        case "choice":
            return _option(variable, raw)
        case "choices":
            return _options(variable, raw)
        case _:
            return _text(variable, raw)


def _integer(raw: Any) -> int:
    if isinstance(raw, int) and not isinstance(raw, bool):
        return raw
    if isinstance(raw, float) and raw.is_integer():
        return int(raw)
    if isinstance(raw, str) and INTEGER.match(raw):
        return int(raw)
    raise _Refused(_("“%(value)s” is not a whole number.") % {"value": raw})


def _decimal(raw: Any) -> int | float:
    if isinstance(raw, int | float) and not isinstance(raw, bool) and math.isfinite(raw):
        return raw
    if isinstance(raw, str) and DECIMAL.match(raw):
        return float(raw.replace(",", "."))
    raise _Refused(_("“%(value)s” is not a number.") % {"value": raw})


def _boolean(raw: Any) -> bool:
    if isinstance(raw, bool):
        return raw
    word = str(raw).lower()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise _Refused(_("“%(value)s” is neither yes nor no.") % {"value": raw})


def _date(raw: Any) -> date:
    if isinstance(raw, date):
        return date(raw.year, raw.month, raw.day)
    try:
        return date.fromisoformat(str(raw))
    except ValueError:
        message = _("“%(value)s” is not a date. Write year-month-day, such as 2026-03-31.")
        raise _Refused(message % {"value": raw}) from None


def _option(variable: Variable, raw: Any) -> str:
    keys = [option.key for option in variable.options]
    if not isinstance(raw, bool) and str(raw) in keys:
        return str(raw)
    message = _("“%(value)s” is not one of the options: %(options)s.")
    raise _Refused(message % {"value": raw, "options": ", ".join(keys)})


def _options(variable: Variable, raw: Any) -> list[str] | None:
    """In the order of the definition, each once; text is split at semicolons."""
    values = re.split(r"[;|]", raw) if isinstance(raw, str) else raw
    if not isinstance(values, list | tuple | set | frozenset):
        values = [values]
    chosen = {
        _option(variable, value.strip() if isinstance(value, str) else value)
        for value in values
        if not _is_empty(value)
    }
    return [o.key for o in variable.options if o.key in chosen] or None


def _text(variable: Variable, raw: Any) -> str:
    if not isinstance(raw, str | int | float) or isinstance(raw, bool):
        raise _Refused(_("“%(value)s” is not a text.") % {"value": raw})
    text = str(raw)
    most = variable.max_length or TEXT_LENGTH
    if len(text) > most:
        message = _("The text has %(length)d characters; at most %(most)d are allowed.")
        raise _Refused(message % {"length": len(text), "most": most})
    if "\x00" in text:
        raise _Refused(_("The text holds a character that cannot be stored."))
    return text


def _within(variable: Variable, value: Any) -> Any:
    """`value` when it is in the variable's range."""
    low, high = variable.min, variable.max
    if (low is None or value >= low) and (high is None or value <= high):
        return value
    unit = f" {variable.unit}" if variable.unit else ""
    if low is not None and high is not None:
        message = _("%(value)s is outside the range %(low)s to %(high)s%(unit)s.")
    elif low is not None:
        message = _("%(value)s is less than the smallest possible value, %(low)s%(unit)s.")
    else:
        message = _("%(value)s is more than the largest possible value, %(high)s%(unit)s.")
    raise _Refused(message % {"value": value, "low": low, "high": high, "unit": unit})


def _is_outside(value: Any, soft: SoftRange) -> bool:
    return (soft.min is not None and value < soft.min) or (
        soft.max is not None and value > soft.max
    )


def _unusual(soft: SoftRange, variable: Variable) -> str:
    if soft.message is not None:
        return str(soft.message)
    return _("%(label)s: this value is unusual. Confirm that it is right.") % {
        "label": variable.labels
    }
