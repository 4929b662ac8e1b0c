"""Identity numbers of five countries, as tables.

Every number here belongs to nobody: synthetic (Norway month + 80, Denmark day + 60, Sweden
serials 980–989, Finland serials 900–999), an example published by the authority itself, or
with a birth date that has not been yet.
"""

from datetime import date, timedelta

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.no import fodselsnummer

from demo.identities import synthetic_number, synthetic_numbers
from patients.identity import (
    _MESSAGES,
    COUNTRIES,
    IdentityKind,
    IdentityNumberError,
    parse,
)

TODAY = date(2026, 11, 22)
LATER = date(2031, 12, 31)  # the last day of the old Norwegian rules
AFTER_2032 = date(2033, 6, 1)


def norwegian(dated: str, serial: int, remainder: int = 0) -> str:
    """Six digits, the serial number (or the next of the same sex, where a check digit would be
    10) and both check digits, the first leaving `remainder`."""
    nine = f"{dated}{serial:03}"
    first = (int(fodselsnummer.calc_check_digit1(nine)) + remainder) % 11
    second = fodselsnummer.calc_check_digit2(f"{nine}{first}")
    number = f"{nine}{first}{second}"
    return number if len(number) == 11 else norwegian(dated, serial + 2, remainder)


def swedish(eleven: str) -> str:
    return eleven + luhn.calc_check_digit(eleven[2:])


def read(number, country, on=TODAY):
    identity = parse(number, country, on=on)
    born = identity.birth_date.isoformat() if identity.birth_date else None
    return identity.kind.value, born, identity.sex


def refused(number, country, on=TODAY):
    with pytest.raises(IdentityNumberError) as caught:
        parse(number, country, on=on)
    return caught.value.code


# --- Norway ---


@pytest.mark.parametrize(
    ("number", "on", "kind", "born", "sex"),
    [
        # first six digits, serial           day read  kind         birth date    sex
        (norwegian("178504", 501), TODAY, "synthetic", "2004-05-17", "male"),
        (norwegian("178570", 4), TODAY, "synthetic", "1970-05-17", "female"),
        (norwegian("178570", 901), TODAY, "synthetic", "1970-05-17", "male"),
        (norwegian("178540", 901), TODAY, "synthetic", "1940-05-17", "male"),
        (norwegian("178539", 901), date(2039, 6, 1), "synthetic", None, None),
        (norwegian("178512", 902), TODAY, "synthetic", "2012-05-17", "female"),
        (norwegian("178554", 500), TODAY, "synthetic", "1854-05-17", "female"),
        (norwegian("178599", 748), TODAY, "synthetic", "1899-05-17", "female"),
        (norwegian("578570", 2), TODAY, "synthetic", "1970-05-17", "female"),
        (norwegian("170531", 501), LATER, "national", "2031-05-17", "male"),
        (norwegian("570531", 501), LATER, "d_number", "2031-05-17", "male"),
        (norwegian("174531", 502), LATER, "h_number", "2031-05-17", "female"),
        (norwegian("812345", 678), TODAY, "fh", None, None),
        (norwegian("998765", 431), TODAY, "fh", None, None),
    ],
)
def test_norway(number, on, kind, born, sex):
    assert read(number, "NO", on) == (kind, born, sex)


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("30108299920", "published example, remainder 0"),
        ("30108299939", "published example, remainder 1"),
        ("02013299997", "published example, born 2 January 2032"),
        ("02013299903", "published example, remainder 1, born 2 January 2032"),
        (norwegian("170531", 501, remainder=3), "remainder 3"),
    ],
)
def test_from_2032_a_norwegian_number_tells_neither_birth_date_nor_sex(number, why):
    assert read(number, "NO", AFTER_2032) == ("national", None, None)


@pytest.mark.parametrize(
    ("number", "on", "code"),
    [
        ("30108299939", LATER, "check_digit"),  # remainder 1 does not exist before 2032
        (norwegian("170531", 501, remainder=4), AFTER_2032, "check_digit"),
        ("17857000400", TODAY, "check_digit"),
        (norwegian("812345", 678)[:-1] + "0", TODAY, "check_digit"),
        (norwegian("318270", 4), TODAY, "date"),  # 31 February
        (norwegian("178270", 4)[:-2], TODAY, "length"),
        (norwegian("178545", 600), TODAY, "century"),  # 45 with serial 500–749: no century
        (norwegian("179370", 4), TODAY, "date"),  # month 93
        (norwegian("308227", 2), AFTER_2032, "date"),  # 30 February, in any century
        (norwegian("178527", 501), TODAY, "future"),
        ("1785 70 00a00", TODAY, "characters"),
        ("17857000400+", TODAY, "characters"),
    ],
)
def test_norway_refuses(number, on, code):
    assert refused(number, "NO", on) == code


# --- Denmark ---


@pytest.mark.parametrize(
    ("year", "seventh", "century"),
    [
        *[(year, digit, 1900) for year in ("00", "36", "37", "99") for digit in "0123"],
        ("00", "4", 2000), ("36", "4", 2000), ("37", "4", 1900), ("99", "4", 1900),
        *[(year, digit, 2000) for year in ("00", "57") for digit in "5678"],
        *[(year, digit, 1800) for year in ("58", "99") for digit in "5678"],
        ("00", "9", 2000), ("36", "9", 2000), ("37", "9", 1900), ("99", "9", 1900),
    ],
)  # fmt: skip
def test_denmark_century_by_seventh_digit_and_year(year, seventh, century):
    on = date(2060, 1, 1)
    assert read(f"7705{year}{seventh}123", "DK", on) == (
        "synthetic",
        f"{century + int(year):04}-05-17",
        "male",
    )


@pytest.mark.parametrize(
    ("number", "on", "kind", "born", "sex"),
    [
        ("170530-5124", date(2031, 1, 1), "national", "2030-05-17", "female"),
        ("1705305123", date(2031, 1, 1), "national", "2030-05-17", "male"),
        ("770570-1234", TODAY, "synthetic", "1970-05-17", "female"),
    ],
)
def test_denmark(number, on, kind, born, sex):
    assert read(number, "DK", on) == (kind, born, sex)


@given(st.integers(0, 9999))
def test_denmark_modulus_11_never_rejects(sequence):
    assert parse(f"770505{sequence:04}", "DK", on=date(2060, 1, 1)).is_synthetic


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("770570-123", "length"),
        ("770570-12345", "length"),
        ("921370-1234", "date"),
        ("903070-1234", "date"),  # 30 in month 30
        ("170527-5124", "future"),
        ("770570 12b4", "characters"),
        ("770570/1234", "characters"),
    ],
)
def test_denmark_refuses(number, code):
    assert refused(number, "DK") == code


# --- Sweden ---


@pytest.mark.parametrize(
    ("number", "kind", "born", "sex"),
    [
        (swedish("19700517980"), "synthetic", "1970-05-17", "female"),
        (swedish("19700517981"), "synthetic", "1970-05-17", "male"),
        (swedish("19700577989"), "synthetic", "1970-05-17", "male"),
        ("640823-3234", "national", "1964-08-23", "male"),  # the Tax Agency's own example
        # coordination numbers with unknown month or day, of nobody: serials never combined so
        (swedish("19700060001"), "coordination", None, "male"),
        (swedish("19700560002"), "coordination", None, "female"),
        (swedish("19700077002"), "coordination", None, "female"),
        (swedish("19700060988"), "synthetic", None, "female"),
    ],
)
def test_sweden(number, kind, born, sex):
    assert read(number, "SE") == (kind, born, sex)


@pytest.mark.parametrize(
    ("typed", "on", "normalised_year"),
    [
        # ten digits: under 100 unless there is a plus sign
        ("700517-980", date(2026, 11, 22), "1970"),
        ("700517980", date(2026, 11, 22), "1970"),
        ("270517-980", date(2026, 11, 22), "1927"),
        ("260517-980", date(2026, 11, 22), "2026"),
        ("260517+980", date(2026, 11, 22), "1926"),  # turns 100 in 2026: plus sign all year
        ("261224+980", date(2026, 11, 22), "1926"),
        ("250517+980", date(2026, 11, 22), "1925"),
        ("25 05 17 + 980", date(2026, 11, 22), "1925"),
        ("700517+980", date(2071, 1, 1), "1970"),
    ],
)
def test_sweden_century_of_ten_digits(typed, on, normalised_year):
    digits = "".join(c for c in typed if c.isdigit())
    typed += luhn.calc_check_digit(digits)
    identity = parse(typed, "SE", on=on)
    assert identity.number == normalised_year + digits[2:] + typed[-1]


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (swedish("19700517980")[:-1], "length"),
        ("700517-9800", "check_digit"),
        (swedish("19700230980"), "date"),
        (swedish("19701360980"), "date"),  # month 13 of a coordination number
        (swedish("19700292980"), "date"),  # day 32 of a coordination number
        (swedish("19700291980"), "date"),  # 31 February of a coordination number
        (swedish("19700517000"), "serial"),
        (swedish("20261224980"), "future"),
        (swedish("20270060980"), "future"),  # unknown month, but the year has not been
        (swedish("19261224980")[2:8] + "-" + swedish("19261224980")[8:], "future"),  # + forgotten
        ("700517+" + swedish("19700517980")[8:], "century"),  # a + would make 156 years
        ("70+0517" + swedish("19700517980")[8:], "characters"),
        ("700517_9800", "characters"),
    ],
)
def test_sweden_refuses(number, code):
    assert refused(number, "SE") == code


# --- Finland ---


def finnish(start: str) -> str:
    digits = start[:6] + start[7:]
    return start + "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31]


@pytest.mark.parametrize("sign", "+-YXWVUABCDEF")
def test_finland_century_by_sign(sign):
    century = {"+": 1800, **dict.fromkeys("-YXWVU", 1900)}.get(sign, 2000)
    number = finnish(f"170512{sign}902")
    assert read(number, "FI") == ("temporary", f"{century + 12}-05-17", "female")


@pytest.mark.parametrize(
    ("number", "kind", "born", "sex"),
    [
        ("131052-308T", "national", "1952-10-13", "female"),  # the agency's own example
        ("131052 -308t", "national", "1952-10-13", "female"),
        ("131052\u2212308T", "national", "1952-10-13", "female"),
        (finnish("131052-999"), "temporary", "1952-10-13", "male"),
    ],
)
def test_finland(number, kind, born, sex):
    assert read(number, "FI") == (kind, born, sex)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("131052-308U", "check_digit"),
        (finnish("310252-908"), "date"),
        (finnish("131052-001"), "serial"),
        (finnish("131027A908"), "future"),
        ("131052308T", "format"),
        ("131052G308T", "format"),
        ("131052-308T1", "format"),
        ("131052*308T", "characters"),
    ],
)
def test_finland_refuses(number, code):
    assert refused(number, "FI") == code


# --- Iceland ---


@pytest.mark.parametrize(
    ("number", "on", "kind", "born"),
    [
        ("120160-3389", date(2020, 1, 1), "national", "1960-01-12"),  # Registers Iceland's example
        ("120160-3389", TODAY, "national", "1960-01-12"),
        ("120130-2000", date(2031, 1, 1), "national", "2030-01-12"),  # no check digit any more
        ("120130-2008", date(2031, 1, 1), "national", "1830-01-12"),
        ("812345-6789", TODAY, "system", None),
        ("912345-6780", TODAY, "system", None),
    ],
)
def test_iceland(number, on, kind, born):
    assert read(number, "IS", on) == (kind, born, None)


@pytest.mark.parametrize(
    ("number", "on", "code"),
    [
        ("120160-3399", date(2026, 2, 17), "check_digit"),
        ("520160-3389", TODAY, "organisation"),
        ("120160-3387", TODAY, "century"),
        ("320160-3389", TODAY, "date"),
        ("120127-2000", TODAY, "future"),
        ("120160-338", TODAY, "length"),
        ("120160.3389", TODAY, "characters"),
    ],
)
def test_iceland_refuses(number, on, code):
    assert refused(number, "IS", on) == code


def test_iceland_has_no_check_digit_from_18_february_2026():
    assert read("120160-3399", "IS", date(2026, 2, 18))[0] == "national"


# --- all countries ---


@pytest.mark.parametrize(
    ("country", "ways"),
    [
        ("NO", ["17857000423", "178570 00423", "17 85 70 00423", "178570-00423", " 178570\u00a000423 "]),  # noqa: E501
        ("DK", ["7705701234", "770570-1234", "770570 1234", "77 05 70-1234", "770570\u20131234"]),
        ("SE", ["197005179809", "19700517-9809", "700517-9809", "7005179809", "700517 9809"]),
        ("FI", ["131052-308T", "131052-308t", "131052 - 308 T"]),
        ("IS", ["1201603389", "120160-3389", "120160 3389"]),
    ],
)  # fmt: skip
def test_the_same_person_typed_differently_is_the_same_string(country, ways):
    if country == "NO":
        right = norwegian("178570", 4)
        ways = [way.replace("00423", right[6:]) for way in ways]
        ways[0] = right
    if country == "SE":
        right = swedish("19700517980")
        ways = [way[:-1] + right[-1] for way in ways]
    assert len({parse(way, country, on=TODAY).number for way in ways}) == 1


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("text", ["", "   ", "-", "--", "٠١٠١٧٠٠٠٠٠", "1234567890\n", "0" * 400])
def test_nonsense_is_refused_with_a_reason(text, country):
    assert refused(text, country) in {"empty", "characters", "format", "length"}


def test_an_unknown_country_is_refused():
    assert refused("1", "DE") == "country"


@given(text=st.text(max_size=16), country=st.sampled_from(COUNTRIES))
def test_any_text_is_read_or_refused_never_a_crash(text, country):
    try:
        identity = parse(text, country, on=TODAY)
    except IdentityNumberError:
        return
    assert identity.birth_date is None or identity.birth_date <= TODAY


@given(
    country=st.sampled_from(["NO", "DK", "SE"]),
    born=st.dates(date(1905, 1, 1), TODAY),
    sex=st.sampled_from(["female", "male"]),
    sequence=st.integers(0, 9),
)
def test_synthetic_numbers_are_read_back(country, born, sex, sequence):
    number = synthetic_number(country, born, sex, sequence)
    identity = parse(number, country, on=TODAY)
    assert identity.kind is IdentityKind.SYNTHETIC
    assert (identity.birth_date, identity.sex, identity.number) == (born, sex, number)
    assert parse(identity.number, country, on=TODAY) == identity


def test_synthetic_numbers_are_all_different():
    born = [date(1950, 1, 1) + timedelta(days=n % 3) for n in range(120)]
    people = [("NO" if n % 2 else "DK", day, "female") for n, day in enumerate(born)]
    numbers = list(synthetic_numbers(people))
    assert len(set(numbers)) == 120
    assert numbers == list(synthetic_numbers(people))


def test_synthetic_numbers_run_out_with_a_message():
    with pytest.raises(ValueError, match="fewer than 11"):
        synthetic_number("SE", date(1970, 5, 17), "male", 10)
    with pytest.raises(ValueError, match="country 'IS'"):
        synthetic_number("IS", date(1970, 5, 17), "male", 0)


def test_one_wrong_digit_is_noticed_where_there_is_a_check_digit():
    for country in ("NO", "SE"):
        right = synthetic_number(country, date(1970, 5, 17), "female", 0)
        for place in range(2 if country == "SE" else 0, len(right)):
            for digit in set("0123456789") - {right[place]}:
                wrong = right[:place] + digit + right[place + 1 :]
                with pytest.raises(IdentityNumberError):
                    parse(wrong, country, on=TODAY)


def test_the_number_is_neither_in_the_repr_nor_in_the_message():
    number = synthetic_number("DK", date(1970, 5, 17), "female", 617)
    assert number not in repr(parse(number, "DK", on=TODAY))
    with pytest.raises(IdentityNumberError) as caught:
        parse(number + "1", "DK", on=TODAY)
    assert number not in str(caught.value)


def test_the_message_is_in_the_language_of_the_reader():
    with pytest.raises(IdentityNumberError) as caught:
        parse("7705701", "DK", on=TODAY)
    with translation.override("en"):
        assert "should have 10 digits, but 7 were typed" in str(caught.value)


@pytest.mark.parametrize("code", _MESSAGES)
def test_every_reason_has_words(code):
    assert str(IdentityNumberError(code, expected="10", found=7))
