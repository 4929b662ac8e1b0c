"""The registry as it is served, and beside it bare views without any of its middleware.

Addresses that begin with ``/bare/`` are answered by a second Django handler in the same processes
with an empty list of middleware, so that what a page is compared with is really the least that
Django can do on that server.
"""

from collections.abc import Callable, Iterable

from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from django.urls import path

from bench import views
from registry.wsgi import application as registry

VIEWS = {"/bare/page": views.bare, "/bare/insert": views.insert}


class Routes:
    """A URL configuration as an object; Django asks for its ``urlpatterns``."""

    urlpatterns = [path(address.removeprefix("/"), view) for address, view in VIEWS.items()]


class BareHandler(WSGIHandler):
    """Django without middleware."""

    def get_response(self, request: object) -> object:
        """Answer a request by the bare addresses."""
        request.urlconf = Routes
        return super().get_response(request)


with override_settings(MIDDLEWARE=[], ROOT_URLCONF=Routes):
    _bare = BareHandler()


def application(environ: dict, start_response: Callable) -> Iterable[bytes]:
    """Answer by one handler or the other."""
    bare = environ["PATH_INFO"] in VIEWS
    return (_bare if bare else registry)(environ, start_response)
