"""Sealing of identity fields, wrapping of keys, blind indexes and link tokens.

Primitives come from ``cryptography``; this module only fixes how they are used here:
AES-256-GCM with a random 96-bit nonce and associated data that binds a ciphertext to its row, a key
per patient wrapped by the master key, HMAC-SHA-256 for what must be found without being read.
"""

import hmac
import os
from base64 import urlsafe_b64decode

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12
KEY_BYTES = 32


class SealBroken(Exception):
    """A sealed value cannot be opened: wrong key, wrong row, or altered."""


def new_key() -> bytes:
    """Return a fresh 256-bit key."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plain: bytes, *, bound_to: str) -> bytes:
    """Encrypt ``plain`` so that it opens only with ``key`` and for the same ``bound_to``."""
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def unseal(key: bytes, sealed: bytes, *, bound_to: str) -> bytes:
    """Decrypt what ``seal`` made. Raises SealBroken when it does not open."""
    sealed = bytes(sealed)
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode())
    except Exception as error:
        raise SealBroken(f"A sealed value of {bound_to} does not open with this key.") from error


def blind_index(key: bytes, *parts: str) -> bytes:
    """Return the HMAC-SHA-256 of the parts: equal input, equal index; nothing can be read back."""
    message = "\x1f".join(parts).encode()
    return hmac.digest(key, message, "sha256")


def key_from_text(text: str, *, name: str) -> bytes:
    """Decode a 256-bit key given as 64 hexadecimal digits or URL-safe base64.

    Raises ValueError naming the setting when the text is not such a key.
    """
    try:
        key = bytes.fromhex(text) if len(text) == 2 * KEY_BYTES else urlsafe_b64decode(text)
    except ValueError as error:
        raise ValueError(f"{name} is neither hexadecimal nor base64.") from error
    if len(key) != KEY_BYTES:
        raise ValueError(f"{name} must hold 32 bytes (64 hexadecimal digits), not {len(key)}.")
    return key
