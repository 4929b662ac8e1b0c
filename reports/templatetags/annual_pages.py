"""What templates ask about the annual report."""

from django import template
from django.template.context import Context

from reports.annual.selectors import may_see_annual_report

register = template.Library()


@register.simple_tag(takes_context=True)
def sees_annual_report(context: Context, register_code: str) -> bool:
    """Say whether the viewer's role holds for the whole register."""
    return may_see_annual_report(context["request"].viewer, register_code)
