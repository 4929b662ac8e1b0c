"""Patients' links: a capability derived from the invitation, of which only a digest is stored.

Token = HMAC(link key, invitation id, generation). It is made when a message is written, so that
a reminder carries the same link as the invitation; raising the generation revokes it.
"""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable
from functools import lru_cache
from hmac import compare_digest

from django.conf import settings
from django.urls import reverse

from registry.core.crypto import blind_index, key_from_text

TOKEN_LENGTH = 43


def token_for(invitation_id: int, generation: int) -> str:
    """Return the token of an invitation's link: 256 bits as 43 URL-safe characters."""
    secret = blind_index(_key(settings.LINK_KEY), "invitation", str(invitation_id), str(generation))
    return _written(secret).decode()


def digest(token: str) -> bytes:
    """Return what is stored of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def digest_for(invitation_id: int, generation: int) -> bytes:
    """Return the digest of an invitation's current token."""
    return digest(token_for(invitation_id, generation))


def first_digests(invitation_ids: Iterable[int]) -> bytes:
    """Return the digests of new invitations' tokens, 32 bytes each, one after the other.

    The same as ``digest_for(id, 1)`` of each, in half the time.
    """
    key = _key(settings.LINK_KEY)
    return b"".join(
        hashlib.sha256(_written(blind_index(key, "invitation", str(pk), "1"))).digest()
        for pk in invitation_ids
    )


def address_for(invitation_id: int, generation: int) -> str:
    """Return the whole address that a patient is sent."""
    path = reverse("answer:link", kwargs={"token": token_for(invitation_id, generation)})
    return f"{settings.SITE_URL.rstrip('/')}{path}"


# --- The link that ends reminders -------------------------------------------------------------


def stop_token_for(invitation_id: int) -> str:
    """Return the token with which anybody who has the mail may end reminders of an invitation.

    It opens no answers. It holds the invitation's number and an HMAC of it, so nothing is stored.
    """
    number = invitation_id.to_bytes(8, "big")
    secret = blind_index(_key(settings.LINK_KEY), "stop", str(invitation_id))
    return urlsafe_b64encode(number + secret).rstrip(b"=").decode()


def invitation_of_stop_token(token: str) -> int | None:
    """Return the number of the invitation whose reminders a token ends; None for no such token."""
    try:
        number = int.from_bytes(urlsafe_b64decode(f"{token}==")[:8], "big")
        right = stop_token_for(number)
    except (ValueError, OverflowError):
        return None
    return number if compare_digest(right.encode(), token.encode()) else None


def stop_address_for(invitation_id: int) -> str:
    """Return the whole address at which reminders of an invitation are ended."""
    path = reverse("answer:stop", kwargs={"token": stop_token_for(invitation_id)})
    return f"{settings.SITE_URL.rstrip('/')}{path}"


def _written(secret: bytes) -> bytes:
    return urlsafe_b64encode(secret).rstrip(b"=")


@lru_cache(maxsize=4)
def _key(text: str) -> bytes:
    return key_from_text(text, name="LINK_KEY")
