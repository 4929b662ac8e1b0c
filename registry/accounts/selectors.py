"""Reads about users: who is the viewer of a request, a token or a background job."""

import hashlib
from datetime import date, datetime

from django.db.models import Q, QuerySet

from registry.accounts.models import ApiToken, RoleAssignment, User
from registry.accounts.permissions import Grant, Viewer


def viewer_for(user: User, *, on: date) -> Viewer:
    """Return the viewer a user is on a day: the roles then in force."""
    grants = tuple(Grant(a.role, a.register_code, a.unit_id) for a in _in_force(user, on=on))
    return Viewer(user_id=user.pk, grants=grants, label=str(user))


def roles_of(user: User, *, on: date) -> QuerySet[RoleAssignment]:
    """Return the user's roles in force on a day, by register, with their units."""
    return _in_force(user, on=on).select_related("unit").order_by("register_code", "role", "unit")


def _in_force(user: User, *, on: date) -> QuerySet[RoleAssignment]:
    return RoleAssignment.objects.filter(user=user, valid_from__lte=on).filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=on)
    )


def token_with_user(secret: str, *, now: datetime) -> ApiToken | None:
    """Return the token of ``secret`` if it is neither expired nor revoked, with its user."""
    return (
        ApiToken.objects.select_related("user")
        .filter(
            digest=hashlib.sha256(secret.encode()).digest(),
            expires_at__gt=now,
            revoked_at__isnull=True,
            user__is_active=True,
        )
        .first()
    )


def tokens_of(user: User) -> QuerySet[ApiToken]:
    """Return the user's own API tokens, the newest first."""
    return ApiToken.objects.filter(user=user).order_by("-created_at")


def assignments_in(register_code: str) -> QuerySet[RoleAssignment]:
    """Return who has or had which role in a register, by name; for its administrators."""
    return (
        RoleAssignment.objects.filter(register_code=register_code)
        .select_related("user", "unit")
        .order_by("user__last_name", "user__first_name", "user__email", "-valid_from")
    )
