"""What the shared pages ask of the registers."""

from django.http import HttpRequest

from registry.accounts.permissions import Permission
from registry.core.panels import RegisterChoice
from registry.registers.selectors import definition_of, registers


def register_choices(request: HttpRequest) -> list[RegisterChoice]:
    """Return the registers in which the viewer holds a role, by name."""
    entered = {grant.register_code for grant in request.viewer.grants}
    if not entered:
        return []
    choices = [
        RegisterChoice(one.code, one.name, definition_of(one.current).about.short_name)
        for one in registers()
        if one.code in entered
    ]
    return sorted(choices, key=lambda choice: choice.name)


def may_administer(request: HttpRequest, register_code: str) -> bool:
    """Say whether the viewer sees the entry Administration."""
    return request.viewer.may(Permission.ADMINISTER, register_code)
