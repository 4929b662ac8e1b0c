"""What a register computes from what its surgeons enter, and which definitions are refused."""

from pathlib import Path

import pytest

from proms.scoring.surgeon import computed_scores
from registry.registers.loader import (
    DEFINITIONS_DIR,
    DefinitionError,
    read_definition,
)

DANESPINE = DEFINITIONS_DIR / "danespine.toml"
METASTASIS = {
    "tokuhashi_karnofsky": "80_100",
    "tokuhashi_extraspinal": "one_or_two",
    "tokuhashi_vertebral": "two",
    "tokuhashi_organ": "removable",
    "tokuhashi_palsy": "frankel_e",
    "tokuhashi_primary": "kidney",
}
LESS, MORE = "12 months or less", "12 months or more"
CURVES = {
    "lenke_pt_cobb": 20.0,
    "lenke_pt_bending": 10.0,
    "lenke_mt_cobb": 52.5,
    "lenke_tl_cobb": 30.0,
    "lenke_tl_bending": -5.0,
    "lenke_kyphosis_t2_t5": 5.0,
    "lenke_kyphosis_t10_l2": 5.0,
    "lenke_kyphosis_t5_t12": 8.0,
    "lenke_csvl": "between_pedicles",
}


def computed(details, **changed):
    """Return scale code to value, or to the reason why there is none."""
    held = {key: value for key, value in {**details, **changed}.items() if value is not None}
    return {
        scale.code: score.reason or (scale.values and scale.named(score.value)) or score.value
        for scale, score in computed_scores(read_definition(DANESPINE), held)
    }


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {"tokuhashi": 10, "tokuhashi_band": MORE}),
        ({"tokuhashi_primary": "lung"}, {"tokuhashi": 7, "tokuhashi_band": LESS}),
        ({"tokuhashi_palsy": "frankel_a_b"}, {"tokuhashi": 8, "tokuhashi_band": LESS}),
        ({"tokuhashi_palsy": "frankel_c_d"}, {"tokuhashi": 9, "tokuhashi_band": MORE}),
        (
            {
                "tokuhashi_karnofsky": "10_40",
                "tokuhashi_extraspinal": "three_or_more",
                "tokuhashi_vertebral": "three_or_more",
                "tokuhashi_organ": "unremovable",
            },
            {"tokuhashi": 5, "tokuhashi_band": "3 months or less"},
        ),
        ({"tokuhashi_organ": None}, {"tokuhashi": "too_few_answers"}),
    ],
)  # fmt: skip
def test_tokuhashi_with_the_bands_of_the_register(changed, expected):
    assert computed(METASTASIS, **changed) == expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, {"lenke": "1A-"}),
        ({"lenke_csvl": "touches_body"}, {"lenke": "1B-"}),
        ({"lenke_csvl": "clear_of_body", "lenke_kyphosis_t5_t12": 41}, {"lenke": "1C+"}),
        ({"lenke_csvl": None}, {"lenke": "too_few_answers"}),
        ({"lenke_tl_cobb": 60, "lenke_mt_bending": 10}, {"lenke": "contradiction"}),
    ],
)
def test_lenke_or_why_there_is_none(changed, expected):
    assert computed(CURVES, **changed) == expected


def test_nothing_is_computed_of_what_was_not_entered():
    assert computed({"asa_class": "2"}) == {}
    assert computed({**METASTASIS, **CURVES}).keys() == {"tokuhashi", "tokuhashi_band", "lenke"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('instrument = "tokuhashi"', 'instrument = "odi"', "“odi” is none of surgeons"),
        ('primary = "tokuhashi_primary"\n', "", "nothing answers “primary”"),
        ('primary = "tok', 'tumour = "tok', "“tokuhashi” has no item “tumour”"),
        ('csvl = "lenke_csvl"', 'csvl = "lenke_line"', "there is no variable “lenke_line”"),
        ("touches_body = 2", "touches_body = 4", "“touches_body” of “lenke_csvl” must be one of"),
        ("touches_body = 2, ", "", "“touches_body” of “lenke_csvl” stands for no answer"),
        ("80_100 = 80 }", "80_100 = 85 }", "must be a whole number from 10 to 100 in steps of 10"),
        ('csvl = "lenke_csvl"', 'csvl = "microscope"', "neither a number nor a choice"),
    ],
)
def test_a_definition_that_cannot_be_computed_is_refused(old, new, fault, tmp_path: Path):
    file = tmp_path / DANESPINE.name
    text = DANESPINE.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), "utf-8")
    with pytest.raises(DefinitionError) as caught:
        read_definition(file)
    assert "danespine.toml: procedures.computed." in str(caught.value)
    assert fault in str(caught.value)
