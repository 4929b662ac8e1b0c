"""The data dictionary says what the definitions say."""

import pytest
from django.conf import settings
from django.core.management import call_command

from registry.registers.dictionary import data_dictionary
from registry.registers.loader import definition_files, read_definition
from tests.unit.registers.example import definition


def test_the_dictionary_in_docs_is_up_to_date():
    written = (settings.BASE_DIR / "docs" / "data-dictionary.md").read_text(encoding="utf-8")
    assert written == data_dictionary(read_definition(path) for path in definition_files()), (
        "Run manage.py data_dictionary."
    )


@pytest.mark.parametrize("path", definition_files(), ids=lambda path: path.stem)
def test_every_key_is_in_it(path):
    register = read_definition(path)
    text = data_dictionary([register])
    for held in (
        register.groups,
        register.procedure_types,
        register.complications,
        register.variables,
        register.goals,
        register.indicators,
        register.criteria,
        register.time_points,
    ):
        assert all(f"`{key}`" in text for key in held)


def test_a_row_says_range_need_and_where_it_is_asked():
    lines = data_dictionary([definition()]).splitlines()

    def row(key):
        return next(line for line in lines if line.startswith(f"| `{key}` |"))

    assert row("minutes") == (
        "| `minutes` | Duration | operation | integer | 1 to 1440 min | no | all |"
    )
    assert row("implant_types").endswith("| when `implant` is true | all |")
    assert row("angle").endswith("| no | `fusion` |")
    assert row("y1") == "| `y1` | 335 | 365 | 545 | 14 days after invitation (as reached) |"


def test_the_command_writes_and_checks(tmp_path, capsys):
    path = tmp_path / "dictionary.md"
    with pytest.raises(SystemExit):
        call_command("data_dictionary", "--check", "--output", str(path))
    call_command("data_dictionary", "--output", str(path))
    call_command("data_dictionary", "--check", "--output", str(path))
    path.write_text(path.read_text(encoding="utf-8") + "more", encoding="utf-8")
    with pytest.raises(SystemExit):
        call_command("data_dictionary", "--check", "--output", str(path))
    assert "out of date" in capsys.readouterr().err
