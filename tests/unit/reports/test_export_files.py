"""Yearly files: one row an operation, pseudonymous, scoped, explained by a codebook."""

import csv
import io
import zipfile
from datetime import UTC, date, datetime

import pytest
from django.core.management import CommandError, call_command
from openpyxl import load_workbook

from patients.models import UnitRelation
from procedures.models import Operation, Procedure
from proms.models import FollowUp, Invitation, Response, Score
from registry.accounts.permissions import Permission
from registry.audit.classification import FieldClass, IdentifyingField
from registry.audit.models import AccessLog
from registry.jobs.models import Job, JobState
from registry.jobs.runners import JobRefused
from registry.registers.actions import mark_slices_stale
from registry.registers.selectors import definition_for, units_of
from reports.annual import trusted_viewer
from reports.exports import export_year
from reports.exports.columns import Column, operation_columns
from reports.exports.job import EXPORT
from tests.conftest import TODAY
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db
YEAR = 2025


@pytest.fixture
def units():
    return units_of("danespine")


def operate(member, unit, *, on=date(2025, 3, 4), scores=None, **fields):
    """A performed operation with a questionnaire before surgery answered by these scores."""
    operation = make_operation(
        member, planned_on=on, performed_on=on, unit=unit, diagnosis="M48.0", **fields
    )
    Procedure.objects.create(
        operation=operation, position=1, procedure_type="decompression", code="ABC36"
    )
    UnitRelation.objects.get_or_create(
        membership=member, unit=unit, defaults={"since": date(2020, 1, 1)}
    )
    if scores is not None:
        invitation = Invitation.objects.create(
            membership=member, time_point="before", plan={}, opens_on=on, due_on=on, closes_on=on
        )
        FollowUp.objects.update_or_create(
            operation=operation,
            time_point="before",
            defaults={
                "opens_on": on,
                "due_on": on,
                "closes_on": on,
                "invitation": invitation,
                "completed_on": on,
            },
        )
        response = Response.objects.create(
            invitation=invitation,
            submitted_at=datetime(2025, 3, 1, tzinfo=UTC),
            answered_on=on,
            answers={},
            instruments={},
            language="da",
            method="web",
        )
        for scale, value in scores.items():
            Score.objects.create(
                response=response,
                scale=scale,
                value=value,
                answered=1,
                instrument=scale,
                instrument_version="1",
            )
    mark_slices_stale([("danespine", unit.pk, on.year)])
    return operation


def export(folder, viewer=None, *, register="danespine", year=YEAR, format="csv", language="en"):
    return export_year(
        viewer or trusted_viewer(register, "test"),
        register,
        year,
        format=format,
        folder=folder,
        language=language,
        on=TODAY,
    )


def rows_of(path, delimiter=";"):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=delimiter))


def test_a_row_is_an_operation_with_everything_that_belongs_to_it(tmp_path, units):
    member = make_member()
    operation = operate(
        member,
        units[0],
        scores={"odi": 41.5, "eq5d3l_index": -0.05},
        details={"asa_class": "2", "previous_surgery_level": False},
        complications_assessed_on=date(2025, 4, 1),
    )
    Procedure.objects.create(
        operation=operation, position=2, procedure_type="discectomy", code="ABC16"
    )
    written = export(tmp_path)
    (row,) = rows_of(tmp_path / "operations.csv")
    assert written.rows == {"operations.csv": 1}
    prefix = definition_for("danespine").about.export.pseudonym_prefix
    assert row["pseudonym"] == f"{prefix}-{member.pseudonym.hex}"
    told = {
        "operation_number": "1",
        "operation_date": "2025-03-04",
        "unit": units[0].code,
        "age": "74",
        "sex": "female",
        "group": "lumbar_stenosis",
        "diagnosis": "M48.0",
        "procedure_type": "decompression",
        "procedure": "decompression;discectomy",
        "procedure_code": "ABC36;ABC16",
        "complications": "none",
        "asa_class": "2",
        "previous_surgery_level": "0",
        "answered_before": "1",
        "answered_before_on": "2025-03-04",
        "odi_y1": "",
    }
    assert {key: row[key] for key in told} == told
    decimal = definition_for("danespine").about.export.decimal
    assert row["odi_before"] == f"41{decimal}5"
    # A number below zero is a number, not a text that might run.
    assert row["eq5d3l_index_before"] == f"-0{decimal}05"


def test_nothing_identifying_is_in_the_files(tmp_path, units):
    member = make_member()
    operation = operate(member, units[0], scores={"odi": 40})
    export(tmp_path)
    text = (tmp_path / "operations.csv").read_text(encoding="utf-8")
    head, row = text.splitlines()[:2]
    cells = row.split(";")
    assert str(member.registry_number) not in cells
    assert {str(member.patient_id), str(member.pk), str(operation.pk)}.isdisjoint(
        cells[0].split("-")
    )
    assert "1950-03-09" not in text
    assert not {"birth_date", "patient", "membership", "registry_number"} & set(head.split(";"))
    for column in operation_columns(definition_for("danespine")):
        assert column.classification is not FieldClass.IDENTIFYING, column.key


def test_a_column_of_an_identifying_field_cannot_be_made():
    with pytest.raises(IdentifyingField):
        Column("number", "Number", "integer", "x", ("patients.Membership", "registry_number"))


def test_sensitive_free_text_stays(units):
    keys = {column.key for column in operation_columns(definition_for("limb_no"))}
    assert "planned_lengthening_mm" in keys
    assert "result_comment" not in keys


def test_who_opted_out_planned_and_cancelled_are_left_out(tmp_path, units):
    operate(make_member(), units[0])
    operate(make_member(opted_out_on=date(2026, 1, 1)), units[0])
    make_operation(make_member(), planned_on=date(2025, 5, 1), unit=units[0])
    make_operation(
        make_member(),
        planned_on=date(2025, 5, 1),
        unit=units[0],
        cancelled_on=date(2025, 4, 1),
        cancel_reason="ill",
    )
    operate(make_member(), units[0], on=date(2024, 12, 31))
    assert export(tmp_path).rows == {"operations.csv": 1}


def test_operations_of_a_patient_are_numbered_over_all_years(tmp_path, units):
    member = make_member()
    operate(member, units[0], on=date(2024, 2, 1))
    operate(member, units[1], on=date(2025, 2, 1))
    operate(member, units[0], on=date(2025, 6, 1))
    export(tmp_path)
    held = rows_of(tmp_path / "operations.csv")
    assert [row["operation_number"] for row in held] == ["2", "3"]
    assert len({row["pseudonym"] for row in held}) == 1


def test_a_unit_exports_its_own_operations_only(tmp_path, units, viewer_of):
    operate(make_member(), units[0])
    operate(make_member(), units[1])
    coordinator = viewer_of("coordinator", "danespine", units[1])
    export(tmp_path, coordinator)
    assert [row["unit"] for row in rows_of(tmp_path / "operations.csv")] == [units[1].code]
    entry = AccessLog.objects.get(action="export")
    assert (entry.actor_id, entry.register_code) == (coordinator.user_id, "danespine")
    assert "1 operations.csv of own units" in entry.detail


@pytest.mark.parametrize("role", ["clinician", "national_reader"])
def test_others_may_not_export_and_leave_a_trace(tmp_path, units, viewer_of, role):
    from registry.core.errors import NotAllowed

    viewer = viewer_of(role, "danespine", None if role == "national_reader" else units[0])
    with pytest.raises(NotAllowed):
        export(tmp_path / "new", viewer)
    assert not (tmp_path / "new").exists()
    assert AccessLog.objects.filter(outcome="denied", action=Permission.EXPORT).count() == 1


def test_cells_that_would_run_are_text_in_both_formats(tmp_path, units):
    operate(make_member(), units[0], details={"asa_class": "=1+1"}, scores={"odi": 0.0})
    operation = Operation.objects.get()
    Operation.objects.filter(pk=operation.pk).update(diagnosis="@SUM(A1)")
    export(tmp_path)
    export(tmp_path, format="xlsx")
    (row,) = rows_of(tmp_path / "operations.csv")
    assert (row["asa_class"], row["diagnosis"]) == ("'=1+1", "'@SUM(A1)")
    head, cells = load_workbook(tmp_path / "operations.xlsx").active.iter_rows()
    sheet = {h.value: cell for h, cell in zip(head, cells, strict=True)}
    assert (sheet["asa_class"].value, sheet["diagnosis"].value) == ("'=1+1", "'@SUM(A1)")
    assert all(cell.data_type != "f" for cell in sheet.values())


def test_excel_holds_numbers_and_dates(tmp_path, units):
    operate(make_member(), units[0], scores={"eq5d3l_index": -0.25})
    export(tmp_path, format="xlsx")
    head, cells = load_workbook(tmp_path / "operations.xlsx").active.iter_rows(values_only=True)
    row = dict(zip(head, cells, strict=True))
    assert row["eq5d3l_index_before"] == -0.25
    assert row["age"] == 74
    assert row["operation_date"].date() == date(2025, 3, 4)
    assert (tmp_path / "codebook.csv").exists()


def test_the_codebook_explains_every_column(tmp_path, units):
    operate(make_member(), units[0])
    export(tmp_path, language="da")
    with (tmp_path / "operations.csv").open(encoding="utf-8-sig", newline="") as file:
        head = next(csv.reader(file, delimiter=";"))
    book = rows_of(tmp_path / "codebook.csv")
    assert [row["column"] for row in book] == head
    assert all(row["label"] and row["type"] for row in book)
    assert {row["classification"] for row in book} <= {"open", "sensitive"}
    told = {row["column"]: row for row in book}
    assert "lumbar_disc_herniation = Lumbal diskusprolaps" in told["group"]["values"]
    assert told["odi_y1"]["instrument"] == "odi"
    assert told["odi_y1"]["unit"] == "0–100"


def test_a_questionnaire_that_is_not_due_is_blank_and_a_missing_one_is_0(tmp_path, units):
    operation = operate(make_member(), units[0])
    for point, due in (
        ("before", date(2025, 3, 4)),
        ("y1", date(2026, 3, 4)),
        ("y2", date(2027, 3, 4)),
    ):
        FollowUp.objects.update_or_create(
            operation=operation,
            time_point=point,
            defaults={"opens_on": due, "due_on": due, "closes_on": due, "completed_on": None},
        )
    FollowUp.objects.filter(time_point="before").update(completed_on=date(2025, 3, 1))
    export(tmp_path)
    (row,) = rows_of(tmp_path / "operations.csv")
    assert [row[f"answered_{p}"] for p in ("before", "y1", "y2")] == ["1", "0", ""]


def test_a_register_with_referrals_has_files_of_them(tmp_path):
    written = export(tmp_path, register="limb_no", year=2023)
    assert written.rows == {"operations.csv": 0, "referrals.csv": 0, "consultations.csv": 0}
    files = {row["file"] for row in rows_of(tmp_path / "codebook.csv")}
    assert files == {"operations", "referrals", "consultations"}


def test_a_year_without_an_export_is_refused_and_nothing_written(tmp_path):
    with pytest.raises(CommandError, match=r"There is no export of 1980"):
        call_command("export_year", "danespine", "1980", "--output", str(tmp_path / "new"))
    with pytest.raises(CommandError, match="not loaded"):
        call_command("export_year", "no_such", "2023", "--output", str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_the_command_writes_the_files(tmp_path, units, capsys):
    operate(make_member(), units[0])
    call_command("export_year", "danespine", str(YEAR), "--output", str(tmp_path / "new"))
    assert "operations.csv: 1 rows" in capsys.readouterr().out
    assert sorted(f.name for f in (tmp_path / "new").iterdir()) == [
        "codebook.csv",
        "operations.csv",
    ]


def test_the_job_packs_the_files_for_who_asked(units, user_with, viewer_of):
    operate(make_member(), units[0])
    user = user_with("coordinator", "danespine", units[0])
    from registry.accounts.selectors import viewer_for

    job = Job(
        kind="export_year",
        register_code="danespine",
        parameters={"year": YEAR, "format": "csv"},
        requested_by=user,
        state=JobState.RUNNING,
    )
    told = []
    outcome = EXPORT.run(
        job, viewer_for(user, on=TODAY), lambda done, total: told.append((done, total))
    )
    assert outcome.file_name == "danespine-2025-csv.zip"
    assert told[-1] == (1, 1)
    with zipfile.ZipFile(io.BytesIO(outcome.content)) as archive:
        assert archive.namelist() == ["codebook.csv", "operations.csv"]
    job.parameters["year"] = 1980
    with pytest.raises(JobRefused):
        EXPORT.run(job, viewer_for(user, on=TODAY), lambda done, total: None)
