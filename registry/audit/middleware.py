"""One transaction for one request, with the actor attached."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeVar

import pghistory
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse

from registry.audit.logs import scrub


@contextmanager
def unit_of_work(*, actor_id: int | None, source: str) -> Iterator[None]:
    """Open a transaction whose changes are attributed to ``actor_id`` and ``source``.

    Requests, tasks, commands and streamed responses alike work inside one. What the history is told
    is set by each statement for its transaction only, because a setting made outside would leak to
    the next borrower of a pooled connection.
    """
    with transaction.atomic(), pghistory.context(actor=actor_id, source=source):
        yield


View = TypeVar("View", bound=Callable[..., Any])
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def changes_nothing_on_get(view: View) -> View:
    """Say that looking at a page writes nothing, not even a log: it is read without a transaction.

    For pages asked very often. A page that shows a patient to staff is never one of them, because
    that look is logged.
    """
    view.changes_nothing_on_get = True  # type: ignore[attr-defined]
    return view


class RequestTransactionMiddleware:
    """Commits what a request changed, unless it ended in an exception or a status of 500 or more.

    Refusals (403, 404) are committed, so that lock counters and the access log keep them;
    Django's ATOMIC_REQUESTS would roll them back. The transaction begins when the view is known.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request; what its view began is ended here."""
        with ExitStack() as request.unit_of_work:
            response = self.get_response(request)
            if response.status_code >= 500 and connection.in_atomic_block:
                transaction.set_rollback(True)
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *_arguments: object
    ) -> None:
        """Begin the unit of work, unless the view only reads."""
        if request.method in SAFE_METHODS and getattr(view, "changes_nothing_on_get", False):
            return
        actor_id = request.user.pk if request.user.is_authenticated else None
        source = f"{request.method} {scrub(request.path)}"
        request.unit_of_work.enter_context(unit_of_work(actor_id=actor_id, source=source))
