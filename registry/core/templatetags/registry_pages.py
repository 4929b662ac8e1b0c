"""Template tags of the shared pages: menu, register switch, fields in the house style."""

from typing import Any

from django import forms, template
from django.forms.boundfield import BoundField
from django.template.context import Context
from django.utils.safestring import SafeString

from registry.core.panels import menu_for, registers_for

register = template.Library()


@register.inclusion_tag("_components/menu.html", takes_context=True)
def main_menu(context: Context) -> dict[str, Any]:
    """Show the entries that the viewer may use in the register in view."""
    request = context["request"]
    code = current_register(request)
    return {"request": request, "register_code": code, "entries": menu_for(request, code)}


@register.inclusion_tag("_components/register_switch.html", takes_context=True)
def register_switch(context: Context) -> dict[str, Any]:
    """Show the register in view and let the viewer change it; also tells the page which it is."""
    request = context["request"]
    code = current_register(request)
    context["register_code"] = code
    context["can_search"] = any(
        entry.url_name == "patients:list" for entry in menu_for(request, code)
    )
    return {"registers": registers_for(request), "register_code": code}


def current_register(request: Any) -> str:
    """Return the register in the address, else the viewer's first one, else an empty text."""
    match = request.resolver_match
    if match is not None and "register" in match.kwargs:
        return match.kwargs["register"]
    registers = registers_for(request)
    return registers[0].code if registers else ""


@register.filter
def is_checkbox(field: BoundField) -> bool:
    """Say whether a field is one box to tick."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.filter
def is_group(field: BoundField) -> bool:
    """Say whether a field is several boxes or buttons, which need a fieldset."""
    return isinstance(field.field.widget, forms.RadioSelect | forms.CheckboxSelectMultiple)


@register.filter
def styled(field: BoundField) -> SafeString:
    """Render a field's control with the classes and the references that it needs."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        css = "form-check-input"
    elif isinstance(widget, forms.Select):
        css = "form-select"
    else:
        css = "form-control"
    attributes: dict[str, str] = {"class": f"{css} is-invalid" if field.errors else css}
    described = []
    if field.help_text:
        described.append(f"{field.auto_id}_helptext")
    if field.errors:
        described.append(f"{field.auto_id}_error")
        attributes["aria-invalid"] = "true"
    if described:
        attributes["aria-describedby"] = " ".join(described)
    return field.as_widget(attrs=attributes)


@register.simple_tag(takes_context=True)
def query_with(context: Context, **changes: object) -> str:
    """Return the address's query with some parameters changed (None removes one)."""
    query = context["request"].GET.copy()
    for key, value in changes.items():
        if value is None:
            query.pop(key, None)
        else:
            query[key] = str(value)
    return query.urlencode()
