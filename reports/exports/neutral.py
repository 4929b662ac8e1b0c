"""Cells that a spreadsheet would run as a formula, made harmless.

A program that opens a file takes a cell for a formula that begins with = + - or @, with a tab or a
carriage return before it, or with the full-width forms of these signs. A leading apostrophe makes
it text. Numbers are numbers: they are never passed here as text.
"""

import re

BOM = "\ufeff"
"""Tells spreadsheets that a CSV file is UTF-8."""

APOSTROPHE = "'"
# Also after blanks of any kind and invisible marks, which some programs strip before they look.
_RUNS = re.compile("[\\s\u200b-\u200f\u2060\ufeff\x00]*[=+\\-@＝＋－＠﹦﹢﹣﹫−]")
_BEGINS_BAD = ("\t", "\r", "\n", "\x00", "\ufeff")


def neutral(text: str) -> str:
    """Return the text, with an apostrophe before it where a spreadsheet would run it."""
    if text and (text.startswith(_BEGINS_BAD) or _RUNS.match(text)):
        return APOSTROPHE + text
    return text
