"""Reference data: complete, safe to load again, and faults named with line and column."""

import io

import pytest
from django.core.management import call_command

from demo.published import table
from registry.units.models import HealthRegion, Hospital, Population, Sector, Unit, UnitCode
from registry.units.resources import FileRefused, import_populations, import_reference

HEAD = "region,year,count,rounded,source\n"


@pytest.fixture
def populations(tmp_path):
    """``populations("…")``: a file with those rows under the right head."""

    def write(content, head=HEAD):
        path = tmp_path / "people.csv"
        path.write_bytes((head + content).encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.mark.django_db
def test_regions_are_those_of_the_three_countries():
    def labels(country):
        return [r.report_label for r in HealthRegion.objects.filter(country=country)]

    assert labels("NO") == ["Sør-Øst", "Vest", "Midt-Norge", "Nord"]
    assert len(labels("DK")) == 5
    assert len(labels("SE")) == 6


@pytest.mark.django_db
def test_every_unit_of_the_published_tables_is_known_by_its_codes():
    for name in ("lumbar_preop_completeness", "cervical_preop_completeness",
                 "vertebroplasty_by_unit"):  # fmt: skip
        for row in table(f"danespine_{name}"):
            if not row["unit_code"]:
                continue
            codes = row["unit_code"].split("+")
            found = set(UnitCode.objects.filter(code__in=codes).values_list("unit", flat=True))
            assert len(found) == 1, row["unit"]
            unit = Unit.objects.get(pk=found.pop())
            assert unit.codes.filter(system="SKS").count() == len(codes)
            label = unit.labels.filter(table=name).first()
            assert (label.label if label else unit.name) == row["unit"]


@pytest.mark.django_db
def test_private_is_a_sector():
    private = set(Unit.objects.filter(sector=Sector.PRIVATE).values_list("code", flat=True))
    assert private == {
        "acure", "aleris-hamlet", "capio", "cph-privathospital", "gildhoej", "kollund", "moelholm",
    }  # fmt: skip


@pytest.mark.django_db
def test_loading_again_changes_nothing():
    before = list(UnitCode.objects.order_by("pk").values_list("pk", "updated_at"))
    for _name, written in import_reference():
        assert (written.created, written.changed) == (0, 0)
    assert list(UnitCode.objects.order_by("pk").values_list("pk", "updated_at")) == before


@pytest.mark.django_db
def test_loading_repairs_what_was_changed():
    Hospital.objects.filter(code="koege").update(name="?")
    changed = {name: written.changed for name, written in import_reference()}
    assert changed["hospitals.csv"] == 1
    assert Hospital.objects.get(code="koege").name == "Sjællands Universitetshospital, Køge"


@pytest.mark.django_db
def test_norwegian_populations_are_marked_as_rounded():
    rows = Population.objects.filter(year=2023, region__country="NO")
    assert [(p.region.report_label, p.count, p.rounded) for p in rows.order_by("-count")] == [
        ("Sør-Øst", 3_130_000, True),
        ("Vest", 1_140_000, True),
        ("Midt-Norge", 740_000, True),
        ("Nord", 480_000, True),
    ]


@pytest.mark.django_db
def test_a_coordinators_file_adds_and_replaces(populations):
    path = populations("no-vest,2023,1139761,no,Exact\nno-vest,2024,1150000,yes,Rounded\n\n")
    assert import_populations(path).created == 1
    exact = Population.objects.get(region__code="no-vest", year=2023)
    assert (exact.count, exact.rounded, exact.source) == (1139761, False, "Exact")


@pytest.mark.django_db
def test_a_file_as_a_nordic_spreadsheet_writes_it(populations):
    content = "\ufeffregion;year;count;rounded;source\r\nno-nord;2024;481000;ja;SSB\r\n"
    assert import_populations(populations(content, head="")).created == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "line", "column", "reason"),
    [
        ("no-ost,2023,1,no,x\n", 2, "region", "“no-ost” is not known."),
        (",2023,1,no,x\n", 2, "region", "“” is not known."),
        ("no-vest,2023,many,no,x\n", 2, "count", "“many” is not a whole number."),
        ("no-vest,2023,-1,no,x\n", 2, "count", "“-1” is not a whole number."),
        ("no-vest,2023,1_000,no,x\n", 2, "count", "“1_000” is not a whole number."),
        ("no-vest,2023,999999999999,no,x\n", 2, "count", "is outside the range 0 to 100000000."),
        ("no-vest,2023,1,no,x\nno-vest,1066,1,no,x\n", 3, "year", "outside the range 1900 to"),
        ("no-vest,2023,1,perhaps,x\n", 2, "rounded", "“perhaps” is neither yes nor no."),
        ("no-vest,2023,1,no,\n", 2, "source", "This field cannot be blank."),
        ("no-vest,2023,1\n", 2, "", "There are 3 cells, but 5 columns."),
        ("\nno-vest,2023,1,no,x\nno-vest,2023,2,no,x\n", 4, "year", "in row 1 already"),
        ('no-vest,2023,1,no,"Printed" twice\n', 2, "", "The line is not CSV: "),
        (f"no-vest,2023,1,no,{'x' * 201}\n", 2, "source", "at most 200 characters"),
    ],
)
def test_a_fault_names_line_and_column_and_changes_nothing(
    populations, content, line, column, reason
):
    before = list(Population.objects.order_by("pk").values())
    with pytest.raises(FileRefused) as refused:
        import_populations(populations(content))
    (fault,) = refused.value.faults
    assert (fault.file, fault.line, fault.column) == ("people.csv", line, column)
    assert reason in fault.reason
    assert list(Population.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_columns_are_checked_first(populations):
    with pytest.raises(FileRefused) as refused:
        import_populations(populations("", head="region,year,people,rounded,source\n"))
    assert [(f.line, f.column) for f in refused.value.faults] == [(1, "count"), (1, "people")]


@pytest.mark.django_db
def test_a_file_that_is_not_text(populations):
    with pytest.raises(FileRefused, match="UTF-8"):
        import_populations(populations(b"region\xe6"))


@pytest.mark.django_db
def test_the_command_prints_the_faults_and_writes_nothing(populations):
    err = io.StringIO()
    path = populations("no-vest,2023,1,no,x\nno-ost,2023,1,no,x\n")
    with pytest.raises(SystemExit) as stopped:
        call_command("load_reference", "--populations", str(path), stderr=err)
    assert stopped.value.code == 1
    assert err.getvalue().splitlines() == [
        "people.csv: line 3, column region: “no-ost” is not known.",
        "Nothing was loaded.",
    ]
    assert Population.objects.get(region__code="no-vest", year=2023).count == 1_140_000
