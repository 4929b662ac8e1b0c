"""Synthetic identity numbers for demo and tests: valid in form, belonging to nobody.

Norway: the Tax Administration's synthetic population (month + 80). Denmark: the convention
day + 60. Sweden: the Tax Agency's test serials 980–989.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date

from stdnum import luhn
from stdnum.no import fodselsnummer

from patients.identity import Sex


def synthetic_number(country: str, birth_date: date, sex: Sex, sequence: int) -> str:
    """The synthetic number of the person no. `sequence` (from 0) with this birth date and sex.

    Deterministic, different for every sequence, and read by `patients.identity.parse` as kind
    synthetic with the same birth date and sex. Room per birth date and sex: about 200 in Norway,
    2,000 or more in Denmark, 10 in Sweden.

    Raises ValueError for another country, a year without synthetic numbers, or no room left.
    """
    try:
        candidates = {"NO": _norwegian, "DK": _danish, "SE": _swedish}[country]
    except KeyError:
        raise ValueError(f"no synthetic numbers for the country {country!r}") from None
    found = next(itertools.islice(candidates(birth_date, sex), sequence, None), None)
    if found is None:
        raise ValueError(
            f"fewer than {sequence + 1} synthetic numbers in {country} for one birth date and sex"
        )
    return found


def synthetic_numbers(people: Iterable[tuple[str, date, Sex]]) -> Iterator[str]:
    """A number for each (country, birth date, sex), all different within this call."""
    given: Counter[tuple[str, date, Sex]] = Counter()
    for person in people:
        yield synthetic_number(*person, given[person])
        given[person] += 1


def _of_sex(numbers: range, sex: Sex) -> range:
    """The odd numbers for a man, the even ones for a woman."""
    odd = sex == "male"
    return range(numbers.start + (numbers.start % 2 != odd), numbers.stop, 2)


def _norwegian(birth_date: date, sex: Sex) -> Iterator[str]:
    if 1900 <= birth_date.year < 2000:
        serials = range(0, 500)
    elif 2000 <= birth_date.year < 2040:
        serials = range(500, 1000)
    else:
        raise ValueError(f"no synthetic Norwegian numbers for the year {birth_date.year}")
    dated = f"{birth_date.day:02}{birth_date.month + 80:02}{birth_date.year % 100:02}"
    for serial in _of_sex(serials, sex):
        number = f"{dated}{serial:03}"
        for check in (fodselsnummer.calc_check_digit1, fodselsnummer.calc_check_digit2):
            number += check(number)
        if len(number) == 11:  # a check digit of 10 is never given out
            yield number


def _danish(birth_date: date, sex: Sex) -> Iterator[str]:
    year = birth_date.year
    if 1900 <= year < 2000:
        serials = range(0, 4000) if year < 1937 else range(0, 5000)
    elif 2000 <= year < 2037:
        serials = range(4000, 10000)
    else:
        raise ValueError(f"no synthetic Danish numbers for the year {year}")
    dated = f"{birth_date.day + 60:02}{birth_date.month:02}{year % 100:02}"
    return (f"{dated}{serial:04}" for serial in _of_sex(serials, sex))


def _swedish(birth_date: date, sex: Sex) -> Iterator[str]:
    """Test numbers first, then test coordination numbers (day + 60); twelve digits."""
    for day in (birth_date.day, birth_date.day + 60):
        dated = f"{birth_date.year:04}{birth_date.month:02}{day:02}"
        for serial in _of_sex(range(980, 990), sex):
            number = f"{dated}{serial}"
            yield number + luhn.calc_check_digit(number[2:])
