"""Puts the viewer and the user's language on the request."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.utils.functional import SimpleLazyObject

from registry.accounts.permissions import NOBODY, Viewer
from registry.accounts.selectors import viewer_for
from registry.core import clock


class ViewerMiddleware:
    """``request.viewer``: who is looking, with the roles in force today."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request with a viewer attached."""
        request.viewer = SimpleLazyObject(lambda: _viewer(request))
        if request.session.session_key and request.user.is_authenticated:
            translation.activate(request.user.language)
            request.LANGUAGE_CODE = request.user.language
        return self.get_response(request)


def _viewer(request: HttpRequest) -> Viewer:
    if not request.user.is_authenticated:
        return NOBODY
    return viewer_for(request.user, on=clock.today())
