"""A register's file cannot ask what there is not: refused when it is loaded, by file and key."""

from pathlib import Path

import pytest

from registry.registers.loader import DefinitionError, read_definition

FOOT = Path(__file__).resolve().parents[2] / "data" / "registers" / "foot_se.toml"
ASKED = '{ code = "eq5d3l" }'
KEY = "foot_se.toml: proms.questionnaires.0.instruments: "


@pytest.mark.parametrize(
    ("instead", "fault"),
    [
        (f'{ASKED}, {{ code = "oswestry" }}', "unknown instrument “oswestry”; known are eq5d3l"),
        (f'{ASKED}, {{ code = "lenke" }}', "“lenke” is filled in by the surgeon"),
        (f'{ASKED}, {{ code = "vas" }}', "“vas” stands for vas_back, vas_leg,"),
        (f'{ASKED}, {{ code = "eq5dy3l" }}', "“eq5dy3l” and “eq5d3l” both ask “mobility”, diff"),
        # Nobody is asked both.
        ('{ code = "eq5dy3l", ages = "8-15" }, { code = "eq5d3l", ages = "16-" }', None),
        (f'{ASKED}, {{ code = "odi", status = "planned" }}', None),
        # The same question in two forms is one answer.
        (f'{ASKED}, {{ code = "patient_baseline" }}, {{ code = "patient_followup" }}', None),
        (f'{ASKED}, {{ code = "sf36" }}, {{ code = "rand36" }}', None),
    ],
)
def test_what_a_register_asks(instead, fault, tmp_path):
    file = tmp_path / FOOT.name
    file.write_text(FOOT.read_text("utf-8").replace(ASKED, instead, 1), "utf-8")
    if fault is None:
        read_definition(file)
        return
    with pytest.raises(DefinitionError) as caught:
        read_definition(file)
    assert KEY + fault in str(caught.value)


def test_a_patients_question_must_be_one_of_the_instrument(tmp_path):
    file = tmp_path / FOOT.name
    question = (
        '\n[[proms.patient_questions]]\nkey = "smoking"\ninstruments = ["eq5d3l"]\nitem = "x"\n'
    )
    file.write_text(FOOT.read_text("utf-8") + question, "utf-8")
    with pytest.raises(DefinitionError, match=r"proms\.patient_questions\.0\.item: “eq5d3l” has no item “x”"):  # noqa: E501  # fmt: skip
        read_definition(file)
