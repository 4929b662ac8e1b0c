"""Filter bar and rows of figures, written by hand: Django's parts take half of the page's time."""

from html import escape
from typing import Any

from django import template
from django.forms.boundfield import BoundField
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from reports.tables import Cell, Row

register = template.Library()


@register.filter
def filter_field(field: BoundField) -> SafeString:
    """Return a field of the bar: label, control, and what is wrong with it."""
    errors = field.errors
    return format_html(
        '<div class="filter"><label class="form-label" for="{}">{}</label>{}{}</div>',
        field.id_for_label,
        field.label,
        _control(field, bool(errors)),
        format_html(
            '<div class="invalid-feedback" id="{}_error">{}</div>',
            field.auto_id,
            format_html_join(" ", "{}", ((error,) for error in errors)),
        )
        if errors
        else "",
    )


def _control(field: BoundField, wrong: bool) -> SafeString:
    """Return a list to choose from, or a field for a number, with what was given."""
    attributes = format_html(' id="{}"', field.id_for_label)
    if wrong:
        attributes += format_html(' aria-invalid="true" aria-describedby="{}_error"', field.auto_id)
    invalid = " is-invalid" if wrong else ""
    choices = getattr(field.field, "choices", None)
    value = field.value()
    if choices is None:
        return format_html(
            '<input class="form-control{}" type="text" inputmode="numeric" name="{}" value="{}"{}>',
            invalid,
            field.html_name,
            "" if value is None else value,
            attributes,
        )
    given = {str(one) for one in value} if isinstance(value, list) else {str(value or "")}
    return format_html(
        '<select class="form-select{}" name="{}"{}>{}</select>',
        invalid,
        field.html_name,
        attributes,
        _options(choices, given),
    )


def _options(choices: Any, given: set[str]) -> SafeString:
    """Return options and groups of options; the first one that was given is chosen."""
    parts: list[str] = []
    for value, label in choices:
        if isinstance(label, list | tuple):
            inner = _options(label, given)
            parts.append(f'<optgroup label="{escape(str(value))}">{inner}</optgroup>')
        else:
            key = str(value)
            chosen = " selected" if key in given else ""
            parts.append(f'<option value="{escape(key)}"{chosen}>{escape(str(label))}</option>')
    return mark_safe("".join(parts))  # every part has been escaped


@register.filter
def table_row(row: Row) -> SafeString:
    """Return a row of figures; its first cell is its head."""
    head, *cells = row.cells
    css = f' class="{escape(row.kind)}"' if row.kind else ""
    inner = "".join(map(_cell, cells))
    return mark_safe(  # every part has been escaped
        f'<tr{css}><th scope="row">{escape(head.text)}</th>{inner}</tr>'
    )


def _cell(cell: Cell) -> str:
    detail = f' <span class="text-muted">{escape(cell.detail)}</span>' if cell.detail else ""
    state = (
        f' <span class="status status-{escape(cell.state)}">'
        f'<span class="visually-hidden">{escape(cell.state_text)}</span></span>'
        if cell.state
        else ""
    )
    css = ' class="number"' if cell.number else ""
    return f"<td{css}>{escape(cell.text)}{detail}{state}</td>"
