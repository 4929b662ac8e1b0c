"""The address in a mail's List-Unsubscribe: ends reminders of one invitation (RFC 8058)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from proms import actions
from proms.views.answer import page_for_patients
from proms.views.session import chosen_language
from registry.core import clock
from registry.core.choices import Language


@csrf_exempt  # mail programs post it for their user, without having seen a page
@page_for_patients
@require_http_methods(["GET", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Show a page with a button; only pressing it changes anything, as scanners open links.

    The pages are the same for every token, known or not.
    """
    done = request.method == "POST"
    if done:
        actions.stop_reminders(token=token, now=clock.now())
    language = chosen_language(request) or translation.get_language()
    context = {"done": done, "language": language, "languages": Language.choices}
    with translation.override(language):
        return render(request, "proms/answer/stop.html", context)
