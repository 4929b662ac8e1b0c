"""Return codes of paper forms: what is typed wrong is noticed, what is read wrong is understood."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proms.paper.codes import ALPHABET, codes_for, read_code, shown, with_check_character

bodies = st.text(alphabet=ALPHABET, min_size=9, max_size=9)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("00000-00000", "0000000000"),
        ("7K2MF-9RT4J", "7K2MF9RT4J"),
        ("7k2mf9rt4j", "7K2MF9RT4J"),
        (" 7K2MF 9RT4J ", "7K2MF9RT4J"),
        ("OOOOO-QQQQQ", "0000000000"),  # O and Q are read as zero
        ("7K2MF-9RT4C", None),  # a wrong character
        ("K72MF-9RT4J", None),  # two swapped
        ("7K2MF-9RT4", None),  # one is missing
        ("7K2MF-9RT4JJ", None),  # one too many
        ("7K2MF-9RT4Å", None),
        ("", None),
    ],
)
def test_what_is_typed_and_what_is_read(typed, read):
    assert read_code(typed) == read


@given(bodies)
def test_a_code_is_read_as_it_is_printed(body):
    code = with_check_character(body)
    assert read_code(shown(code)) == code
    assert read_code(code.lower()) == code


@given(bodies, st.integers(0, 9), st.sampled_from(ALPHABET))
def test_one_wrong_character_is_noticed(body, place, other):
    code = with_check_character(body)
    typed = code[:place] + other + code[place + 1 :]
    assert read_code(typed) == (code if typed == code else None)


@given(bodies, st.integers(0, 9), st.integers(0, 9))
def test_two_swapped_characters_are_noticed(body, one, two):
    code = with_check_character(body)
    characters = list(code)
    characters[one], characters[two] = characters[two], characters[one]
    typed = "".join(characters)
    assert read_code(typed) == (code if typed == code else None)


def test_codes_tell_nothing_and_differ_by_invitation_language_and_attempt():
    codes = {
        code
        for invitation in range(1, 501)
        for language in ("da", "sv")
        for code in islice(codes_for(invitation, language), 2)
    }
    assert len(codes) == 2000
    assert all(read_code(code) == code for code in codes)


def test_the_same_form_has_the_same_code_again():
    assert next(codes_for(17, "nb")) == next(codes_for(17, "nb"))


def test_codes_depend_on_the_installations_key(settings):
    before = next(codes_for(17, "nb"))
    settings.LINK_KEY = "5" * 64
    assert next(codes_for(17, "nb")) != before
