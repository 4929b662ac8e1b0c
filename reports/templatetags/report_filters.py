"""Controls of the filter bar, written by hand: Django's widgets take half of the page's time."""

from typing import Any

from django import template
from django.forms.boundfield import BoundField
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.filter
def control(field: BoundField) -> SafeString:
    """Return a list to choose from, or a field for a number, with what was given."""
    attributes = _attributes(field)
    choices = getattr(field.field, "choices", None)
    value = field.value()
    if choices is None:
        return format_html(
            '<input class="{}" type="text" inputmode="numeric" name="{}" value="{}"{}>',
            _css("form-control", field),
            field.html_name,
            "" if value is None else value,
            attributes,
        )
    given = {str(one) for one in value} if isinstance(value, list) else {str(value or "")}
    return format_html(
        '<select class="{}" name="{}"{}>{}</select>',
        _css("form-select", field),
        field.html_name,
        attributes,
        _options(choices, given),
    )


def _attributes(field: BoundField) -> SafeString:
    """Return the id, and where there are errors the reference to them."""
    if not field.errors:
        return format_html(' id="{}"', field.id_for_label)
    return format_html(
        ' id="{}" aria-invalid="true" aria-describedby="{}_error"',
        field.id_for_label,
        field.auto_id,
    )


def _css(css: str, field: BoundField) -> str:
    return f"{css} is-invalid" if field.errors else css


def _options(choices: Any, given: set[str]) -> SafeString:
    """Return options and groups of options; the first one that was given is chosen."""
    parts: list[str] = []
    for value, label in choices:
        if isinstance(label, list | tuple):
            inner = _options(label, given)
            parts.append(f'<optgroup label="{escape(str(value))}">{inner}</optgroup>')
        else:
            chosen = " selected" if str(value) in given else ""
            parts.append(
                f'<option value="{escape(str(value))}"{chosen}>{escape(str(label))}</option>'
            )
    return mark_safe("".join(parts))  # every part has been escaped
