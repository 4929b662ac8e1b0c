"""National identity numbers of the five Nordic countries: reading and checking them.

`parse` turns what somebody typed into one normalised form per person, and tells what kind of
number it is and which birth date and sex it suggests. It is pure: no database, no clock, no
settings. Sex and birth date are suggestions for a form; nothing may overwrite what is recorded.

Rules and their sources
- Norway: the Tax Administration's description of the number, of the change on 1 January 2032
  (first check digit may leave a remainder of 0–3, sex and century are no longer in the number,
  numbers of the new kind are also given to people born earlier) and of the synthetic population
  (month + 80); the Directorate of e-health's list of identifiers in health care (H, FH).
- Denmark: the CPR Office's table of centuries. Numbers without modulus 11 are given out since
  1 October 2007, so modulus 11 is never looked at.
- Sweden: folkbokföringslagen § 18 and the Tax Agency's coordination numbers and test numbers.
- Finland: the Digital and Population Data Services Agency.
- Iceland: Registers Iceland; no calculated check digit from 18 February 2026.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Literal

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from stdnum import luhn
from stdnum.dk import cpr
from stdnum.exceptions import InvalidChecksum, InvalidComponent, ValidationError
from stdnum.fi import hetu
from stdnum.is_ import kennitala
from stdnum.no import fodselsnummer

Sex = Literal["female", "male"]

NEW_NORWEGIAN_NUMBERS_FROM = date(2032, 1, 1)
ICELANDIC_NUMBERS_WITHOUT_CHECK_DIGIT_FROM = date(2026, 2, 18)


class IdentityKind(StrEnum):
    """What a number is. Only `SYNTHETIC` ones may appear in demo and tests; production
    refuses them."""

    NATIONAL = "national"
    D_NUMBER = "d_number"
    H_NUMBER = "h_number"
    FH = "fh"
    COORDINATION = "coordination"
    TEMPORARY = "temporary"
    SYSTEM = "system"
    SYNTHETIC = "synthetic"


@dataclass(frozen=True, slots=True)
class IdentityNumber:
    """A checked identity number.

    `number` is the normalised form: the same person typed differently gives the same string.
    It is left out of the repr, so that it does not end in a log by accident.
    """

    country: str
    number: str = field(repr=False)
    kind: IdentityKind
    birth_date: date | None = field(repr=False)
    sex: Sex | None

    @property
    def is_synthetic(self) -> bool:
        return self.kind is IdentityKind.SYNTHETIC


_MESSAGES: dict[str, Promise] = {
    "empty": _("Type the identity number."),
    "country": _("Choose the country of the identity number: Norway, Denmark, Sweden, Finland or Iceland."),  # noqa: E501
    "characters": _("The number contains characters that do not belong in it. Use digits, spaces and a hyphen only."),  # noqa: E501
    "format": _("A Finnish identity code looks like 131052-308T: date, a sign for the century, three digits and a check character. Check what was typed."),  # noqa: E501
    "length": _("The number should have %(expected)s digits, but %(found)s were typed. Check whether a digit is missing or typed twice."),  # noqa: E501
    "date": _("The first digits are not a date of birth. Check day, month and year."),
    "century": _("The century of birth cannot be told from the number. Check the year, the sign before the last four characters and the digits that follow."),  # noqa: E501
    "future": _("The date of birth in the number lies in the future. Check the year and, in a Swedish or Finnish number, the sign before the last four characters."),  # noqa: E501
    "check_digit": _("The check digit does not agree with the rest of the number. Compare it with the source: one digit is wrong or two have changed places."),  # noqa: E501
    "serial": _("The serial number 000 or 001 is never given out. Compare the number with the source."),  # noqa: E501
    "organisation": _("This number belongs to a company or an institution. Type the number of the person."),  # noqa: E501
}  # fmt: skip


class IdentityNumberError(ValueError):
    """The text is not an identity number of that country.

    `code` is one of the keys above, for programs; `str()` is the message in the reader's
    language. Neither ever contains the number.
    """

    def __init__(self, code: str, **details: object) -> None:
        super().__init__(code)
        self.code = code
        self.details = details

    @property
    def message(self) -> str:
        return str(_MESSAGES[self.code]) % self.details

    def __str__(self) -> str:
        return self.message


def parse(number: str, country: str, *, on: date) -> IdentityNumber:
    """Read `number` as an identity number of `country` (NO, DK, SE, FI, IS) on the day `on`.

    `on` is the day the number is read: it decides which rules are in force, the century of a
    Swedish number of ten digits, and which birth dates lie in the future.

    Raises IdentityNumberError (a ValueError) with a machine-readable `code`.
    """
    rules = _COUNTRIES.get(country.strip().upper())
    if rules is None:
        raise IdentityNumberError("country")
    text = _tidy(number)
    if not text:
        raise IdentityNumberError("empty")
    identity = rules(text, on)
    if identity.birth_date is not None and identity.birth_date > on:
        raise IdentityNumberError("future")
    return identity


# --- what was typed -------------------------------------------------------------------------

_SPACES = re.compile(r"[ \t\u00a0\u2007\u2009\u202f]+")
_HYPHENS = re.compile("[\u2010-\u2015\u2212]")


def _tidy(number: str) -> str:
    """Without spaces, letters in capitals, every hyphen and dash a plain hyphen."""
    return _HYPHENS.sub("-", _SPACES.sub("", number)).upper()


def _digits(text: str, *lengths: int) -> str:
    """The digits of `text`, whose groups may be parted by single hyphens."""
    if not re.fullmatch(r"[0-9]+(-[0-9]+)*", text):
        raise IdentityNumberError("characters")
    digits = text.replace("-", "")
    if len(digits) not in lengths:
        expected = "/".join(str(length) for length in lengths)
        raise IdentityNumberError("length", expected=expected, found=len(digits))
    return digits


def _date(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise IdentityNumberError("date") from None


def _sex_by_parity(digit: str) -> Sex:
    return "male" if int(digit) % 2 else "female"


# --- Norway ---------------------------------------------------------------------------------

# Serial numbers and the years of birth they were given to, as in folkeregisterforskriften.
_NORWEGIAN_SERIES = (
    (range(500, 750), range(1854, 1900)),
    (range(0, 500), range(1900, 2000)),
    (range(900, 1000), range(1940, 2000)),
    (range(500, 1000), range(2000, 2040)),
)


def _norway(text: str, on: date) -> IdentityNumber:
    digits = _digits(text, 11)
    if digits[0] in "89":
        _norwegian_check_digits(digits, remainders=(0,))
        return IdentityNumber("NO", digits, IdentityKind.FH, None, None)

    new_rules = on >= NEW_NORWEGIAN_NUMBERS_FROM
    day, month, year = int(digits[0:2]), int(digits[2:4]), int(digits[4:6])
    kind = IdentityKind.NATIONAL
    if day > 40:
        day -= 40
        kind = IdentityKind.D_NUMBER
    if month > 80:
        month -= 80
        kind = IdentityKind.SYNTHETIC
    elif month > 40:
        month -= 40
        kind = IdentityKind.H_NUMBER
    _norwegian_check_digits(digits, remainders=(0, 1, 2, 3) if new_rules else (0,))

    if new_rules:
        # Old and new numbers cannot be told apart with certainty: the person who registers
        # must confirm the birth date. It must still be a day of the calendar.
        _date(2000 + year, month, day)
        return IdentityNumber("NO", digits, kind, None, None)

    serial = int(digits[6:9])
    for serials, years in _NORWEGIAN_SERIES:
        if serial in serials:
            for born in years:
                if born % 100 == year:
                    birth_date = _date(born, month, day)
                    return IdentityNumber("NO", digits, kind, birth_date, _sex_by_parity(digits[8]))
    _date(2000 + year, month, day)  # a wrong date is the better explanation, where it is wrong
    raise IdentityNumberError("century")


def _norwegian_check_digits(digits: str, *, remainders: tuple[int, ...]) -> None:
    """Both check digits modulo 11; the first may leave one of `remainders`, the second none."""
    expected_first = int(fodselsnummer.calc_check_digit1(digits))
    remainder = (int(digits[9]) - expected_first) % 11
    if remainder not in remainders or digits[10] != fodselsnummer.calc_check_digit2(digits):
        raise IdentityNumberError("check_digit")


# --- Denmark --------------------------------------------------------------------------------


def _denmark(text: str, on: date) -> IdentityNumber:
    digits = _digits(text, 10)
    kind = IdentityKind.NATIONAL
    dated = digits
    if int(digits[0:2]) > 60:
        # The convention for test numbers: the day of birth + 60.
        kind = IdentityKind.SYNTHETIC
        dated = f"{int(digits[0:2]) - 60:02}{digits[2:]}"
    try:
        birth_date = cpr.get_birth_date(dated)  # the table of centuries; no modulus 11
    except InvalidComponent:
        raise IdentityNumberError("date") from None
    return IdentityNumber("DK", digits, kind, birth_date, _sex_by_parity(digits[9]))


# --- Sweden ---------------------------------------------------------------------------------

_SWEDISH_TEST_SERIALS = range(980, 990)
_OLDEST_AGE = 130  # a plus sign that would make somebody older is a slip


def _sweden(text: str, on: date) -> IdentityNumber:
    hundred_or_more = text[-5:-4] == "+"
    if hundred_or_more:
        text = f"{text[:-5]}-{text[-4:]}"
    digits = _digits(text, 10, 12)
    if len(digits) == 10:
        # The plus sign replaces the hyphen from the year in which the person turns 100.
        year = on.year - (on.year - int(digits[0:2])) % 100 - (100 if hundred_or_more else 0)
        if on.year - year > _OLDEST_AGE:
            raise IdentityNumberError("century")
        digits = f"{year}{digits[2:]}"
    year, month, day = int(digits[0:4]), int(digits[4:6]), int(digits[6:8])
    if not luhn.is_valid(digits[2:]):
        raise IdentityNumberError("check_digit")
    if int(digits[8:11]) == 0:
        raise IdentityNumberError("serial")

    kind = IdentityKind.NATIONAL
    birth_date: date | None
    if day >= 60:
        kind = IdentityKind.COORDINATION
        birth_date = _date_or_unknown(year, month, day - 60)
    else:
        birth_date = _date(year, month, day)
    if int(digits[8:11]) in _SWEDISH_TEST_SERIALS:
        kind = IdentityKind.SYNTHETIC
    if birth_date is None and year > on.year:
        raise IdentityNumberError("future")
    return IdentityNumber("SE", digits, kind, birth_date, _sex_by_parity(digits[10]))


def _date_or_unknown(year: int, month: int, day: int) -> date | None:
    """Coordination numbers may have 00 for an unknown month or day: then no birth date."""
    if month and day:
        return _date(year, month, day)
    longest = calendar.monthrange(year, month)[1] if 1 <= month <= 12 else 31
    if month > 12 or day > longest:
        raise IdentityNumberError("date")
    return None


# --- Finland --------------------------------------------------------------------------------


def _finland(text: str, on: date) -> IdentityNumber:
    if re.search(r"[^0-9A-Z+-]", text):
        raise IdentityNumberError("characters")
    if len(text) != 11 or not re.fullmatch(r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Z]", text, re.ASCII):
        raise IdentityNumberError("format")
    century = 1800 if text[6] == "+" else 2000 if text[6] in "ABCDEF" else 1900
    birth_date = _date(century + int(text[4:6]), int(text[2:4]), int(text[0:2]))
    serial = int(text[7:10])
    if serial < 2:
        raise IdentityNumberError("serial")
    try:
        hetu.validate(text, allow_temporary=True)
    except InvalidChecksum:
        raise IdentityNumberError("check_digit") from None
    except ValidationError:
        raise IdentityNumberError("format") from None
    kind = IdentityKind.TEMPORARY if serial >= 900 else IdentityKind.NATIONAL
    return IdentityNumber("FI", text, kind, birth_date, _sex_by_parity(text[9]))


# --- Iceland --------------------------------------------------------------------------------

_ICELANDIC_CENTURIES = {"8": 1800, "9": 1900, "0": 2000}


def _iceland(text: str, on: date) -> IdentityNumber:
    digits = _digits(text, 10)
    if digits[0] in "89":
        return IdentityNumber("IS", digits, IdentityKind.SYSTEM, None, None)
    if digits[0] in "4567":
        raise IdentityNumberError("organisation")
    century = _ICELANDIC_CENTURIES.get(digits[9])
    if century is None:
        raise IdentityNumberError("century")
    birth_date = _date(century + int(digits[4:6]), int(digits[2:4]), int(digits[0:2]))
    if on < ICELANDIC_NUMBERS_WITHOUT_CHECK_DIGIT_FROM and kennitala.checksum(digits) != 0:
        raise IdentityNumberError("check_digit")
    return IdentityNumber("IS", digits, IdentityKind.NATIONAL, birth_date, None)


_COUNTRIES: dict[str, Callable[[str, date], IdentityNumber]] = {
    "NO": _norway,
    "DK": _denmark,
    "SE": _sweden,
    "FI": _finland,
    "IS": _iceland,
}
COUNTRIES = tuple(_COUNTRIES)
