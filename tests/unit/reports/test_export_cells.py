"""No cell of an export runs as a formula; numbers stay numbers."""

import pytest

from reports.exports.neutral import neutral


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+47 22", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1+1", "＋1", "－1",
     "＠a", "−1", "\u00a0=1", "\u200b=1", "\ufeff=1", "\x00=1", "\tplain",
     "=cmd|' /C calc'!A0", "﹣1"],
)  # fmt: skip
def test_what_a_spreadsheet_would_run_is_made_text(text):
    assert neutral(text) == "'" + text


@pytest.mark.parametrize(
    "text", ["", "M48.0", "L4-L5", "a=b", "12,5", "2023-04-18", "'=1", "Ås", "50 %", "(1)"]
)
def test_other_text_is_left_alone(text):
    assert neutral(text) == text
