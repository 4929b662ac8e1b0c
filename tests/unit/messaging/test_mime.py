"""The bytes of a mail, read back with the standard library's parser."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.messaging.composing import ComposedMail
from registry.messaging.mime import LONGEST_LINE, NotSendable, as_bytes

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def sent(**fields) -> bytes:
    mail = ComposedMail(**{"to": "a@mail.example", "subject": "Hej", "text": "Hej", **fields})
    return as_bytes(
        mail, message_id="<1@registry.example>", from_address="r@registry.example", sent_at=NOW
    )


def read(content: bytes) -> EmailMessage:
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert max(len(line) for line in content.split(b"\r\n")) <= LONGEST_LINE
    parsed = message_from_bytes(content, policy=policy.default)
    assert not parsed.defects
    return parsed


words = st.text(st.characters(exclude_categories=["C", "Z"]) | st.just(" "), max_size=200)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.just("\n"))


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@settings(deadline=None)
@given(subject=words, name=words, text=texts, html=texts)
def test_whatever_is_written_is_read(subject, name, text, html):
    mail = read(sent(subject=subject, from_name=name, text=text, html=html))
    assert " ".join(str(mail["Subject"]).split()) == " ".join(subject.split())
    (sender,) = mail["From"].addresses
    # This parser puts a space between the encoded words of a long name.
    assert "".join(sender.display_name.split()) == "".join(name.split())
    assert sender.addr_spec == "r@registry.example"
    assert lines(mail.get_body(["plain"]).get_content()) == lines(text)
    if html:
        assert lines(mail.get_body(["html"]).get_content()) == lines(html)


def test_a_long_line_is_encoded():
    text = "på" * 900
    assert read(sent(text=text)).get_body(["plain"]).get_content().strip() == text


def test_the_domain_of_an_address_is_written_as_servers_know_it():
    assert read(sent(to="a@rød.example"))["To"] == "a@xn--rd-lka.example"


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "a@mail.example\r\nBcc: b@mail.example"},
        {"to": "a@mail.example, b@mail.example"},
        {"to": "å@mail.example"},
        {"reply_to": "a@mail.example\nBcc: b@mail.example"},
        {"headers": {"List-Unsubscribe": "<https://x>\r\nBcc: b@mail.example"}},
    ],
)
def test_no_header_can_be_smuggled_in(fields):
    with pytest.raises(NotSendable) as refused:
        sent(**fields)
    assert "mail.example" not in str(refused.value)
