"""The questionnaires of a register and the words they are asked in, for staff."""

from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from proms import selectors
from proms.instruments import WordingState
from registry.accounts.permissions import Permission
from registry.audit.actions import deny
from registry.core.choices import Language
from registry.registers.selectors import definition_for

KINDS = {
    WordingState.LICENSED: "success",
    WordingState.OWN: "neutral",
    WordingState.DEMONSTRATION: "warning",
    WordingState.NOT_SENT: "danger",
}


@dataclass(frozen=True, slots=True)
class Words:
    """The languages in which a questionnaire is asked in words of one kind and version."""

    label: str
    kind: str
    version: str
    languages: list[str]


def _words(questionnaire: selectors.Questionnaire) -> list[Words]:
    found: dict[tuple[WordingState, str], Words] = {}
    for held in questionnaire.languages:
        words = found.setdefault(
            (held.state, held.version),
            Words(str(held.state.label), KINDS[held.state], held.version, []),
        )
        words.languages.append(str(Language(held.language).label))
    return list(found.values())


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
            "questionnaires": [(one, _words(one)) for one in found],
            "demonstration": WordingState.DEMONSTRATION in states,
            "not_sent": WordingState.NOT_SENT in states,
        },
    )
