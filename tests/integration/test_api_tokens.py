"""A user issues and revokes tokens for other systems; the secret is shown once."""

import pytest
from django.test import Client

from registry.accounts.models import ApiToken

pytestmark = pytest.mark.django_db

TOKENS = "/accounts/tokens/"
API = "/api/v1/registers/danespine/"


def issue(client: Client) -> str:
    response = client.post(
        TOKENS, {"name": "Dashboard", "register_codes": ["danespine"], "days": "90"}
    )
    return response.context["secret"]


def with_token(secret: str) -> int:
    return Client().get(API, headers={"Authorization": f"Bearer {secret}"}).status_code


def test_a_token_opens_the_api_until_it_is_revoked(client_of, unit):
    client = client_of("clinician", "danespine", unit("glostrup-rygkirurgi"))
    secret = issue(client)
    assert with_token(secret) == 200
    assert secret not in client.get(TOKENS).content.decode()
    client.post(f"{TOKENS}{ApiToken.objects.get().pk}/revoke/")
    assert with_token(secret) == 401


def test_what_is_wrong_stands_beside_its_field(client_of):
    client = client_of("national_reader")
    response = client.post(TOKENS, {"name": "", "register_codes": ["limb_no"], "days": "9999"})
    assert set(response.context["form"].errors) == {"name", "register_codes", "days"}
    assert not ApiToken.objects.exists()


def test_nobody_revokes_anothers_token(client_of):
    issue(client_of("national_reader"))
    token = ApiToken.objects.get()
    assert client_of("administrator").post(f"{TOKENS}{token.pk}/revoke/").status_code == 404
    token.refresh_from_db()
    assert token.revoked_at is None
