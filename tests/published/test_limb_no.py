"""The annual report 2023 of the limb register: cases in by file, every cell out as printed."""

import csv
import json

import pytest
from django.core.management import call_command

from demo.limb_no import UNIT, construct, recent, write_files
from demo.published import FOLDER, table
from procedures.models import Operation
from registry.accounts.permissions import Viewer
from registry.jobs.imports import ImportContext, import_file
from registry.registers.selectors import units_of
from tests.conftest import TODAY

# Table of the report → published file.
TABLES = {
    "consultations_by_region_year": "limb_no_consultations_by_region_year",
    "new_referrals_by_region_year": "limb_no_new_referrals_by_region_year",
    "operations": "limb_no_operations_2023",
    "quality_goals": "limb_no_quality_goals_2023",
    "complications": "limb_no_complications_2023",
}
# Cells where print follows no rule of its own; none is known in this report. Table, row, column.
EXCEPTIONS: dict[tuple[str, str, str], str] = {}
EXPECTED_CELLS = {
    "consultations_by_region_year": 45,
    "new_referrals_by_region_year": 45,
    "operations": 42,
    "quality_goals": 35,
    "complications": 4,
}


@pytest.fixture(scope="module")
def loaded(django_db_setup, django_db_blocker, tmp_path_factory):
    """The published cases and the recent ones, imported once; rolled back after this file."""
    from django.db import transaction

    from registry.accounts.models import Role
    from registry.accounts.permissions import Grant

    with django_db_blocker.unblock():
        outer = transaction.atomic()
        outer.__enter__()
        try:
            unit = next(u for u in units_of("limb_no") if u.code == UNIT)
            viewer = Viewer(None, (Grant(Role.ADMINISTRATOR, "limb_no", None),), "test")
            context = ImportContext(viewer, "limb_no", TODAY, unit)
            for name, cases in (("published", construct()), ("recent", recent(TODAY))):
                files = write_files(cases, tmp_path_factory.mktemp(name))
                for kind, path in files.items():
                    with path.open("rb") as file:
                        import_file(context=context, kind=kind, file=file, name=path.name)
            yield viewer
        finally:
            transaction.set_rollback(True)
            outer.__exit__(None, None, None)


def report(tmp_path, language="en", *more):
    file = tmp_path / f"{language}.json"
    call_command(
        "annual_report", "limb_no", "2023", "--language", language, "--output", str(file), *more
    )
    return json.loads(file.read_text(encoding="utf-8"))


def printed(text):
    """A printed cell: a number, blank, or a text."""
    if text == "":
        return None
    try:
        return float(text)
    except ValueError:
        return text


@pytest.mark.django_db
@pytest.mark.parametrize(("table_id", "file"), TABLES.items())
def test_every_cell_equals_print(loaded, tmp_path, table_id, file):
    found = next(t for t in report(tmp_path)["tables"] if t["id"] == table_id)
    keys = [column["key"] for column in found["columns"]]
    with (FOLDER / f"{file}.csv").open(encoding="utf-8") as source:
        assert keys == next(csv.reader(source))
    expected = table(file)
    assert len(found["rows"]) == len(expected)
    differences, compared = [], 0
    for row, wanted in zip(found["rows"], expected, strict=True):
        for key, cell in zip(keys, row, strict=True):
            assert isinstance(cell, str) == (key == keys[0])
            compared += 1
            if (table_id, row[0], key) not in EXCEPTIONS and cell != printed(wanted[key]):
                differences.append((row[0], key, cell, wanted[key]))
    assert differences == []
    assert compared == EXPECTED_CELLS[table_id]


@pytest.mark.django_db
def test_the_report_carries_what_is_needed_to_make_it_again(loaded, tmp_path):
    one, two = report(tmp_path), report(tmp_path, "en", "--on", "2023-12-31")
    assert one["register"] == "limb_no"
    assert one["year"] == 2023
    assert len(one["definition_version"]) == 16
    assert len(one["checksum"]) == 64
    assert (one["cut_off"], two["cut_off"]) == (None, "2023-12-31")
    assert one["tables"] == two["tables"]
    assert one["checksum"] == two["checksum"]
    assert [t["id"] for t in one["tables"]] == list(TABLES)


@pytest.mark.django_db
def test_the_same_data_give_the_same_bytes(loaded, tmp_path):
    report(tmp_path)
    first = (tmp_path / "en.json").read_bytes()
    report(tmp_path)
    assert (tmp_path / "en.json").read_bytes() == first


@pytest.mark.django_db
def test_what_happens_after_the_cut_off_does_not_count(loaded, tmp_path):
    held = report(tmp_path, "en", "--on", "2023-06-30")["tables"]
    consultations = next(t for t in held if t["id"] == "consultations_by_region_year")
    assert consultations["rows"][-1][1:7] == [249, 201, 278, 190, 155, 161]
    assert 0 < consultations["rows"][-1][7] < 187
    operations = next(t for t in held if t["id"] == "operations")["rows"][-1][1]
    assert 0 < operations < 18


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("language", "total", "title", "nothing"),
    [
        ("nb", "Totalt", "Konsultasjoner etter region og år", "Ingen registrert"),
        ("da", "I alt", "Konsultationer efter region og år", "Ingen registreret"),
        ("sv", "Totalt", "Konsultationer efter region och år", "Ingen registrerad"),
    ],
)
def test_labels_follow_the_language_and_numbers_do_not(
    loaded, tmp_path, language, total, title, nothing
):
    english, other = report(tmp_path), report(tmp_path, language)
    assert other["tables"][0]["title"] == title
    assert other["tables"][0]["rows"][-1][0] == total
    assert other["tables"][-1]["rows"] == [[nothing, 0], [total, 0]]
    # Regions keep the names of their reports; keys and numbers are the same in every language.
    assert [r[0] for r in other["tables"][0]["rows"][:-1]] == [
        "Sør-Øst",
        "Vest",
        "Midt-Norge",
        "Nord",
    ]
    for one, same in zip(english["tables"], other["tables"], strict=True):
        assert [c["key"] for c in one["columns"]] == [c["key"] for c in same["columns"]]
        assert [r[1:] for r in one["rows"]] == [r[1:] for r in same["rows"]]


@pytest.mark.django_db
def test_a_goal_not_achieved_is_0_and_not_assessed_is_blank(loaded, tmp_path):
    foot = Operation.objects.get(procedure_type="foot_correction", year=2023)
    goals = foot.goals.filter(goal="healing")
    assert goals.update(outcome="not_achieved") == 1
    held = next(t for t in report(tmp_path)["tables"] if t["id"] == "quality_goals")
    row = next(r for r in held["rows"] if r[0] == "Foot correction")
    assert row == ["Foot correction", 1, None, None, None, 0, 0]


@pytest.mark.django_db
def test_a_complication_is_counted_once_an_operation_and_once_a_kind(loaded, tmp_path):
    foot = Operation.objects.get(procedure_type="foot_correction", year=2023)
    foot.complications.create(kind="pin_infection")
    foot.complications.create(kind="nerve_injury")
    held = {t["id"]: t for t in report(tmp_path)["tables"]}
    assert held["complications"]["rows"] == [
        ["Nerve injury", 1],
        ["Pin-site infection", 1],
        ["Total", 2],
    ]
    row = next(r for r in held["quality_goals"]["rows"] if r[0] == "Foot correction")
    assert row[-1] == 1
