"""check_registers and load_register, as a register owner runs them."""

import io

import pytest
from django.core.management import call_command

from registry.registers.loader import DEFINITIONS_DIR
from registry.registers.models import DefinitionVersion


@pytest.fixture
def wrong(tmp_path):
    """A copy of the limb register with two faults."""
    source = (DEFINITIONS_DIR / "limb_no.toml").read_text(encoding="utf-8")
    path = tmp_path / "limb_no.toml"
    path.write_text(
        source.replace('region_basis = "residence"', 'region_basis = "home"', 1).replace(
            'country = "NO"', 'country = "GL"'
        ),
        encoding="utf-8",
    )
    return path


def run(command, *files):
    """(exit code, what it printed, what it complained about)"""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(command, *map(str, files), stdout=out, stderr=err)
    except SystemExit as exit_:
        return exit_.code, out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_the_definitions_of_the_program_are_right():
    code, out, err = run("check_registers")
    assert (code, err) == (0, "")
    assert "definitions are right" in out


def test_faults_are_printed_one_a_line(wrong):
    code, _out, err = run("check_registers", wrong)
    assert code == 1
    assert err.splitlines() == [
        "limb_no.toml: register.country: “GL” is not one of 'NO', 'DK', 'SE', 'FI' or 'IS'",
        "limb_no.toml: register.region_basis: “home” is not one of 'unit' or 'residence'",
    ]


@pytest.mark.django_db
def test_one_wrong_file_and_nothing_is_loaded(wrong):
    before = DefinitionVersion.objects.count()
    good = DEFINITIONS_DIR / "danespine.toml"
    code, out, err = run("load_register", good, wrong)
    assert code == 1
    assert out == ""
    assert err.splitlines()[-1] == "Nothing was loaded."
    assert DefinitionVersion.objects.count() == before


@pytest.mark.django_db
def test_loading_says_what_was_done(tmp_path):
    path = tmp_path / "limb_no.toml"
    source = (DEFINITIONS_DIR / "limb_no.toml").read_text(encoding="utf-8")
    path.write_text(source.replace("maximum_age = 18", "maximum_age = 19"), encoding="utf-8")
    code, out, err = run("load_register", path)
    assert (code, err) == (0, "")
    assert out.startswith("limb_no: version 2 (")
    assert out.endswith("loaded\n")
    assert "unchanged" in run("load_register", path)[1]
