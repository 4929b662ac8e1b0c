"""Patients' links: a capability derived from the invitation, of which only a digest is stored.

Token = HMAC(link key, invitation id, generation). It is made when a message is written, so that
a reminder carries the same link as the invitation; raising the generation revokes it.
"""

import hashlib
from base64 import urlsafe_b64encode
from functools import lru_cache

from django.conf import settings
from django.urls import reverse

from registry.core.crypto import blind_index, key_from_text

TOKEN_LENGTH = 43


def token_for(invitation_id: int, generation: int) -> str:
    """Return the token of an invitation's link: 256 bits as 43 URL-safe characters."""
    secret = blind_index(_key(settings.LINK_KEY), "invitation", str(invitation_id), str(generation))
    return urlsafe_b64encode(secret).rstrip(b"=").decode()


def digest(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def digest_for(invitation_id: int, generation: int) -> bytes:
    """Return the digest of an invitation's current token."""
    return digest(token_for(invitation_id, generation))


def address_for(invitation_id: int, generation: int) -> str:
    """Return the whole address that a patient is sent."""
    path = reverse("answer:link", kwargs={"token": token_for(invitation_id, generation)})
    return f"{settings.SITE_URL.rstrip('/')}{path}"


@lru_cache(maxsize=4)
def _key(text: str) -> bytes:
    return key_from_text(text, name="LINK_KEY")
