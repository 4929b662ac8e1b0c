"""API tokens as a way to authenticate: ``Authorization: Bearer <token>``."""

from dataclasses import replace

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from registry.accounts.models import ApiToken, User
from registry.accounts.selectors import token_with_user, viewer_for
from registry.core import clock


class ApiTokenAuthentication(BaseAuthentication):
    """Reads a bearer token and narrows the viewer to the token's registers."""

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        """Return the token's user, or None where no bearer token is given."""
        scheme, _space, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme != self.keyword:
            return None
        token = token_with_user(secret.strip(), now=clock.now())
        if token is None:
            raise AuthenticationFailed(_("The token is unknown, expired or revoked."))
        viewer = viewer_for(token.user, on=clock.today())
        allowed = set(token.register_codes)
        request._request.viewer = replace(
            viewer, grants=tuple(g for g in viewer.grants if g.register_code in allowed)
        )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Name the scheme, so that a missing token is answered 401."""
        return self.keyword
