"""A user's own pages: account, password by mail, second step; all in the user's language."""

import hashlib
import hmac
import re
import struct
import time
from base64 import b32decode

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from tests.conftest import PASSWORD

NEW_PASSWORD = "a different long phrase"


def code_of(secret: str) -> str:
    """The code an authenticator app shows now (RFC 6238: SHA-1, 30 s, six digits)."""
    counter = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.new(b32decode(secret + "=" * (-len(secret) % 8)), counter, hashlib.sha1).digest()
    offset = digest[-1] & 15
    number = struct.unpack(">I", digest[offset : offset + 4])[0] & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


def log_in(client, email, password):
    return client.post(
        reverse("account_login"), {"login": email, "password": password}, follow=True
    )


@pytest.fixture
def user(user_with, unit):
    user = user_with("clinician", "danespine", unit("middelfart-rygcenter"))
    user.language = "da"
    user.save()
    return user


def test_the_account_page_names_the_roles_in_force(client, user):
    client.force_login(user)
    page = client.get(reverse("account")).content.decode()
    assert "Din konto" in page
    assert "Kliniker, DaneSpine, " in page


def test_a_forgotten_password_is_replaced_by_a_link_in_a_mail(client, user):
    client.post(reverse("account_reset_password"), {"email": user.email})
    assert len(mail.outbox) == 1
    link = re.search(r"https?://\S+", mail.outbox[0].body).group()
    page = client.get(link, follow=True)
    assert page.status_code == 200
    done = client.post(
        page.redirect_chain[-1][0],
        {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
        follow=True,
    )
    assert done.status_code == 200
    assert not log_in(Client(), user.email, PASSWORD).wsgi_request.user.is_authenticated
    assert log_in(Client(), user.email, NEW_PASSWORD).wsgi_request.user == user
    assert "password" not in client.get(link, follow=True).context.get("form", ())  # once only


def test_an_unknown_address_gets_the_same_page(client, user):
    known = client.post(reverse("account_reset_password"), {"email": user.email})
    unknown = client.post(reverse("account_reset_password"), {"email": "nobody@staff.example"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


def test_a_second_step_is_asked_for_once_it_is_switched_on(client, user):
    assert log_in(client, user.email, PASSWORD).wsgi_request.user == user
    activate = reverse("mfa_activate_totp")
    page = client.get(activate)
    if page.status_code == 302:  # asks for the password again
        client.post(page["Location"], {"password": PASSWORD})
        page = client.get(activate)
    secret = page.context["form"].secret
    assert "data:image/svg+xml" in page.content.decode()
    assert client.post(activate, {"code": "000"}).status_code == 200
    assert client.post(activate, {"code": code_of(secret)}).status_code == 302

    other = Client()
    asked = log_in(other, user.email, PASSWORD)
    assert asked.redirect_chain[-1][0] == reverse("mfa_authenticate")
    assert not asked.wsgi_request.user.is_authenticated
    assert other.get(reverse("home")).status_code == 302  # not in yet
    codes = client.get(reverse("mfa_view_recovery_codes")).context["unused_codes"]
    entered = other.post(reverse("mfa_authenticate"), {"code": codes[0]}, follow=True)
    assert entered.wsgi_request.user == user
    again = Client()
    log_in(again, user.email, PASSWORD)
    refused = again.post(reverse("mfa_authenticate"), {"code": codes[0]}, follow=True)
    assert not refused.wsgi_request.user.is_authenticated  # a recovery code works once
