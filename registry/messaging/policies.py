"""What a refusal is about, and so what follows from it. Pure rules."""

import re
from enum import StrEnum


class Verdict(StrEnum):
    """What a server's refusal is about."""

    PASSING = "passing"
    """Try again later: the server is busy, the mailbox is full, or it is not about the address."""
    ADDRESS = "address"
    """Nobody is reached at this address, now or later."""


# RFC 3463: class.subject.detail. Of 5.1.x, 7 and 8 are about the sender, 5 says that all is well.
_ENHANCED = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_ABOUT_ADDRESS = frozenset(
    {"5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.4", "5.1.6", "5.1.10", "5.2.1"}
)
# Codes that without an enhanced one name the mailbox (RFC 5321); 552 and 554 do not.
_MAILBOX_CODES = frozenset({550, 551, 553})
# A server that says no more than 550 may mean the sender; its words tell.
_NOT_THE_MAILBOX = re.compile(
    r"spam|polic|block|black|reputation|relay|denied|authenti|spf|dkim|dmarc|sender|full|quota",
    re.IGNORECASE,
)


def enhanced_status(text: str) -> str:
    """Return the first enhanced status code (``5.1.1``) in a server's answer, "" without one."""
    found = _ENHANCED.search(text)
    return found.group(1) if found else ""


def judge_smtp(code: int, answer: str, *, about_recipient: bool) -> Verdict:
    """Judge an SMTP refusal by its enhanced status code, and only without one by code and words.

    ``about_recipient``: it was the answer to RCPT, and not to MAIL, DATA or the text. Refusals of
    sender, text or policy say nothing about the patient's address: they are tried again, and
    given up in the end.
    """
    if not 500 <= code < 600:
        return Verdict.PASSING
    enhanced = enhanced_status(answer)
    if enhanced:
        return judge_status(enhanced)
    if about_recipient and code in _MAILBOX_CODES and not _NOT_THE_MAILBOX.search(answer):
        return Verdict.ADDRESS
    return Verdict.PASSING


def judge_status(enhanced: str) -> Verdict:
    """Judge an enhanced status code, of an answer or of a delivery report."""
    return Verdict.ADDRESS if enhanced in _ABOUT_ADDRESS else Verdict.PASSING


def judge_gateway(status: int) -> Verdict | None:
    """Judge the HTTP status of an SMS gateway; None when it is for good but not about the number.

    404, 410 and 422 are about the number. Too much at once (429), timeouts, faults of the gateway
    (5xx) and of its login (401, 403) pass.
    """
    if status in {404, 410, 422}:
        return Verdict.ADDRESS
    if 400 <= status < 500 and status not in {401, 403, 408, 425, 429}:
        return None
    return Verdict.PASSING
