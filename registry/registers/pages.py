"""What the shared pages ask of the registers."""

from django.http import HttpRequest

from registry.accounts.permissions import Permission
from registry.core.panels import RegisterChoice
from registry.registers.selectors import current_versions, definition_for


def register_choices(request: HttpRequest) -> list[RegisterChoice]:
    """Return the registers in which the viewer holds a role, by name."""
    entered = {grant.register_code for grant in request.viewer.grants}
    if not entered:
        return []
    choices = []
    for code, version in current_versions(entered):
        about = definition_for(code, version).about  # kept in memory by version
        choices.append(RegisterChoice(code, str(about.names), about.short_name))
    return sorted(choices, key=lambda choice: choice.name)


def may_administer(request: HttpRequest, register_code: str) -> bool:
    """Say whether the viewer sees the entry Administration."""
    return request.viewer.may(Permission.ADMINISTER, register_code)
