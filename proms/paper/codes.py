"""Return codes: what stands on a printed questionnaire instead of a name.

Ten characters in two groups of five, as in ``7K2MF-9RT4J``. Nine are derived from the invitation
and the language of the form by HMAC, so that nobody can tell one from another or count them up;
the tenth makes the weighted sum of all ten divisible by 31. As 31 is a prime and the weights 1 to
10 differ, one wrong character and two swapped ones are always noticed (as with ISBN-10).

The characters are those of Crockford's base 32 without Q, which handwriting turns into O: 31 that
are not mistaken for each other. What is mistaken all the same (O for 0, I and L for 1, U for V) is
read as meant.
"""

from collections.abc import Iterator

from django.conf import settings

from registry.core.crypto import blind_index, key_from_text

ALPHABET = "0123456789ABCDEFGHJKMNPRSTVWXYZ"
LENGTH = 10
_READ_AS = str.maketrans("OQILU", "0011V")
_VALUE = {character: value for value, character in enumerate(ALPHABET)}


def codes_for(invitation_id: int, language: str) -> Iterator[str]:
    """Yield the codes of an invitation's form in a language, the first to be taken that is free.

    The first nine characters hold 44 bits: among 100,000 printed forms one pair in 5,000
    installations would share a code, and the second of them takes its next one.
    """
    key = key_from_text(settings.LINK_KEY, name="LINK_KEY")
    attempt = 0
    while True:
        digest = blind_index(key, "return code", str(invitation_id), language, str(attempt))
        yield with_check_character(_characters(int.from_bytes(digest, "big")))
        attempt += 1


def with_check_character(body: str) -> str:
    """Return nine characters with the tenth that checks them."""
    rest = sum(weight * _VALUE[one] for weight, one in enumerate(body, start=1)) % 31
    # 10 · check ≡ −rest (mod 31), and 28 is the inverse of 10.
    return body + ALPHABET[(-rest * 28) % 31]


def read_code(text: str) -> str | None:
    """Return the code somebody typed or scanned, without hyphen and in capitals.

    None when it has not ten characters, or a character is wrong or two are swapped.
    """
    typed = "".join(text.split()).replace("-", "").upper().translate(_READ_AS)
    if len(typed) != LENGTH or any(one not in _VALUE for one in typed):
        return None
    total = sum(weight * _VALUE[one] for weight, one in enumerate(typed, start=1))
    return typed if total % 31 == 0 else None


def shown(code: str) -> str:
    """Return a code as it is printed: two groups of five."""
    return f"{code[:5]}-{code[5:]}"


def _characters(number: int) -> str:
    body = []
    for _position in range(LENGTH - 1):
        number, value = divmod(number, 31)
        body.append(ALPHABET[value])
    return "".join(body)
