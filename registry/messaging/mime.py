"""A mail as the bytes that go to the server.

The standard library's message objects parse and fold every header of every mail anew, which takes
longer than sending it. Headers that mails have in common are encoded once here and kept; what is
left for each mail is joining. Tests read the result with the standard library's parser.
"""

import binascii
from datetime import datetime
from email.header import Header
from email.utils import format_datetime, formataddr
from functools import lru_cache

from registry.messaging.composing import ComposedMail

LONGEST_LINE = 998
"""Bytes a line may have (RFC 5322); longer ones are encoded as quoted-printable."""


class NotSendable(ValueError):
    """An address or header that no mail may carry. Its text tells no address."""


def as_bytes(mail: ComposedMail, *, message_id: str, from_address: str, sent_at: datetime) -> bytes:
    """Return the whole message. Raises NotSendable."""
    boundary = f"=_{message_id.strip('<>').partition('@')[0]}"
    lines = [
        _sender(mail.from_name, from_address),
        _plain("To", ascii_address(mail.to)),
        _subject(mail.subject),
        _plain("Date", format_datetime(sent_at)),
        _plain("Message-ID", message_id),
        b"Auto-Submitted: auto-generated",
        *([_plain("Reply-To", ascii_address(mail.reply_to))] if mail.reply_to else ()),
        *([_plain("Content-Language", mail.language)] if mail.language else ()),
        *(_plain(name, value) for name, value in mail.headers.items()),
        b"MIME-Version: 1.0",
    ]
    text = _part("plain", mail.text)
    if not mail.html:
        return b"\r\n".join([*lines, text, b""])
    between = b"--" + boundary.encode()
    return b"\r\n".join(
        [
            *lines,
            f'Content-Type: multipart/alternative; boundary="{boundary}"'.encode(),
            b"",
            between,
            text,
            between,
            _part("html", mail.html),
            between + b"--",
            b"",
        ]
    )


@lru_cache(maxsize=1024)
def _subject(subject: str) -> bytes:
    return _encoded("Subject", " ".join(subject.split()))


@lru_cache(maxsize=256)
def _sender(name: str, address: str) -> bytes:
    name = " ".join(name.split())
    if name.isascii():
        return _plain("From", formataddr((name, address)))
    return _encoded("From", name) + f" <{address}>".encode("ascii")


def _encoded(name: str, value: str) -> bytes:
    if value.isascii():
        return _plain(name, value)
    header = Header(value, "utf-8", header_name=name).encode(linesep="\r\n")
    return f"{name}: {header}".encode("ascii")


def _plain(name: str, value: str) -> bytes:
    if not (value.isascii() and value.isprintable()):
        raise NotSendable(f"{name} holds a character that it may not hold.")
    return f"{name}: {value}".encode("ascii")


def ascii_address(address: str) -> str:
    """Return an address with its domain as servers know it. Raises NotSendable."""
    if not address.isascii():
        name, _at, domain = address.rpartition("@")
        try:
            address = f"{name}@{domain.encode('idna').decode('ascii')}"
        except UnicodeError:
            raise NotSendable("The domain of the address cannot be written.") from None
    if not (address.isascii() and address.isprintable()) or set(address) & set(" <>,;"):
        raise NotSendable("The address holds a character that it may not hold.")
    return address


def _part(kind: str, text: str) -> bytes:
    body = "\n".join(text.splitlines()).encode()
    encoding = b"8bit"
    if len(body) > LONGEST_LINE and any(len(line) > LONGEST_LINE for line in body.split(b"\n")):
        body, encoding = binascii.b2a_qp(body, istext=True), b"quoted-printable"
    body = body.replace(b"\n", b"\r\n")
    return (
        b"Content-Type: text/%b; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n%b\r\n"
        % (kind.encode(), encoding, body)
    )
