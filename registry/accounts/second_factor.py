"""Keeps the secrets of the second factor sealed in the database."""

from allauth.mfa.adapter import DefaultMFAAdapter
from django.utils.crypto import salted_hmac

from registry.core.crypto import seal, unseal

BOUND_TO = "second factor"


class SealedSecretsAdapter(DefaultMFAAdapter):
    """Seals what allauth would store as plain text; the key derives from SECRET_KEY.

    A new SECRET_KEY therefore makes users set up their second factor again.
    """

    def encrypt(self, text: str) -> str:
        """Return the sealed text as hexadecimal digits."""
        return seal(_key(), text.encode(), bound_to=BOUND_TO).hex()

    def decrypt(self, encrypted_text: str) -> str:
        """Open what ``encrypt`` made. Raises SealBroken with another SECRET_KEY."""
        return unseal(_key(), bytes.fromhex(encrypted_text), bound_to=BOUND_TO).decode()


def _key() -> bytes:
    return salted_hmac("registry.second_factor", "key", algorithm="sha256").digest()
