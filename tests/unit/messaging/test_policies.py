"""What a refusal is about: table by table."""

import pytest

from registry.messaging.policies import Verdict, enhanced_status, judge_gateway, judge_smtp

ADDRESS, PASSING = Verdict.ADDRESS, Verdict.PASSING


@pytest.mark.parametrize(
    ("code", "answer", "verdict"),
    [
        (550, "5.1.1 <a@b.example>: Recipient address rejected: User unknown", ADDRESS),
        (550, "5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found", ADDRESS),
        (556, "5.1.10 Recipient address has null MX", ADDRESS),
        (553, "5.1.2 Domain does not exist", ADDRESS),
        (550, "5.2.1 The email account is disabled", ADDRESS),
        (550, "No such user here", ADDRESS),
        (551, "User not local", ADDRESS),
        (550, "5.7.1 Message rejected due to policy", PASSING),
        (550, "5.7.26 Unauthenticated mail is not accepted (DMARC)", PASSING),
        (550, "5.1.8 Sender address rejected: domain not found", PASSING),
        (553, "5.1.7 Bad sender's mailbox address", PASSING),
        (552, "5.2.2 Mailbox full", PASSING),
        (552, "Requested mail action aborted", PASSING),
        (554, "5.7.1 Relay access denied", PASSING),
        (554, "Transaction failed", PASSING),
        (550, "Blocked: see https://blacklist.example", PASSING),
        (550, "relaying denied", PASSING),
        (550, "5.4.1 All recipient addresses rejected: access denied", PASSING),
        (450, "4.1.1 User unknown, for now", PASSING),
        (421, "Too many connections", PASSING),
    ],
)
def test_an_answer_about_the_recipient(code, answer, verdict):
    assert judge_smtp(code, answer, about_recipient=True) is verdict


def test_an_answer_about_sender_or_text_says_nothing_of_the_address():
    assert judge_smtp(550, "No such user here", about_recipient=False) is PASSING
    assert judge_smtp(550, "5.1.1 User unknown", about_recipient=False) is ADDRESS


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("5.1.1 unknown", "5.1.1"),
        ("smtp; 550 5.1.1 unknown", "5.1.1"),
        ("host 10.5.1.1 said no", ""),
        ("no code", ""),
    ],
)
def test_the_enhanced_status_is_found(text, found):
    assert enhanced_status(text) == found


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (400, None),
        (401, PASSING),
        (403, PASSING),
        (404, ADDRESS),
        (408, PASSING),
        (410, ADDRESS),
        (413, None),
        (422, ADDRESS),
        (429, PASSING),
        (500, PASSING),
        (503, PASSING),
        (302, PASSING),
    ],
)
def test_an_answer_of_the_gateway(status, verdict):
    assert judge_gateway(status) is verdict
