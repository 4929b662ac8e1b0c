"""The questionnaires of a register and the words they are asked in, for staff."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language_info
from django.views.decorators.http import require_GET

from proms import selectors
from proms.instruments import WordingState
from registry.accounts.permissions import Permission
from registry.audit.actions import deny
from registry.registers.schema.base import LANGUAGES
from registry.registers.selectors import definition_for

KINDS = {
    WordingState.LICENSED: "success",
    WordingState.OWN: "neutral",
    WordingState.DEMONSTRATION: "warning",
    WordingState.NOT_SENT: "danger",
}


@login_required
@require_GET
def questionnaires(request: HttpRequest, register: str) -> HttpResponse:
    """Show which questionnaires are asked, and in each language whether the words are licensed."""
    if not request.viewer.may(Permission.FOLLOW_UP, register):
        deny(request.viewer, "follow_up", "register", register, register_code=register)
    found = selectors.questionnaires(definition_for(register))
    states = {held.state for one in found if one.asked for held in one.languages}
    return render(
        request,
        "proms/questionnaires.html",
        {
            "register": register,
            "register_code": register,
            "languages": [get_language_info(code)["name_translated"] for code in LANGUAGES],
            "questionnaires": [
                (one, [(held, KINDS[held.state]) for held in one.languages]) for one in found
            ],
            "demonstration": WordingState.DEMONSTRATION in states,
            "not_sent": WordingState.NOT_SENT in states,
        },
    )
