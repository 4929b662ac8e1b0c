"""Headers that every answer carries."""

from collections.abc import Callable

from csp.constants import HEADER
from csp.utils import build_policy
from django.http import HttpRequest, HttpResponse


class ContentSecurityPolicyMiddleware:
    """Gives every answer the policy of CONTENT_SECURITY_POLICY, which is the same on every page.

    django-csp's own middleware puts the policy together anew for each answer, for sites whose
    pages differ; that costs a light page a tenth of its time.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.policy = build_policy()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, with the policy in its head."""
        response = self.get_response(request)
        response[HEADER] = self.policy
        return response
