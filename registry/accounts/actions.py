"""Writes about users: roles and API tokens."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import date, datetime

from django.db import transaction

from registry.accounts.models import ApiToken, Role, RoleAssignment, User
from registry.units.models import Unit


@transaction.atomic
def assign_role(
    *, user: User, role: Role | str, register_code: str, unit: Unit | None, valid_from: date
) -> RoleAssignment:
    """Give a user a role from a day on. Raises ValidationError where the role does not fit."""
    assignment = RoleAssignment(
        user=user, role=role, register_code=register_code, unit=unit, valid_from=valid_from
    )
    assignment.full_clean()
    assignment.save()
    return assignment


@transaction.atomic
def end_role(*, assignment: RoleAssignment, last_day: date) -> RoleAssignment:
    """End a role; ``last_day`` is the last day on which it holds."""
    assignment.valid_until = last_day
    assignment.full_clean()
    assignment.save()
    return assignment


@transaction.atomic
def issue_api_token(
    *, user: User, name: str, register_codes: Iterable[str], expires_at: datetime
) -> tuple[ApiToken, str]:
    """Issue a token. The secret is returned once and only its digest is kept."""
    secret = secrets.token_urlsafe(32)
    token = ApiToken.objects.create(
        user=user,
        name=name,
        digest=hashlib.sha256(secret.encode()).digest(),
        register_codes=sorted(register_codes),
        expires_at=expires_at,
    )
    return token, secret


@transaction.atomic
def revoke_api_token(*, token: ApiToken, now: datetime) -> None:
    """Make a token useless from now on."""
    ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=True).update(revoked_at=now)


@transaction.atomic
def choose_language(*, user: User, language: str) -> None:
    """Keep the language in which a user wants the pages."""
    user.language = language
    user.full_clean(exclude=["password"])
    user.save(update_fields=["language"])


@transaction.atomic
def invite_person(
    *,
    email: str,
    first_name: str,
    last_name: str,
    role: Role | str,
    register_code: str,
    unit: Unit | None,
    valid_from: date,
) -> tuple[RoleAssignment, bool]:
    """Give a person a role, and an account without a password if they have none.

    Returns the assignment and whether the account is new. Raises ValidationError where the role
    does not fit, for example a clinician without a unit.
    """
    user = User.objects.filter(email__iexact=email).first()
    is_new = user is None
    if user is None:
        user = User.objects.create_user(email, first_name=first_name, last_name=last_name)
    assignment = assign_role(
        user=user, role=role, register_code=register_code, unit=unit, valid_from=valid_from
    )
    return assignment, is_new
