"""Files as coordinators send them: the limb register's own, then everything that may be wrong."""

import io
import zipfile
from collections import Counter
from datetime import date

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from openpyxl import Workbook

from demo.identities import synthetic_number
from demo.limb_no import construct, write_files
from patients.models import Membership, Patient
from patients.vault import open_identity
from referrals.models import Consultation, Referral
from registry.audit.models import AccessLog
from registry.jobs import sheets
from registry.jobs.imports import FileRefused, ImportContext, import_file, preview_file
from registry.registers.selectors import units_of
from tests.conftest import TODAY

pytestmark = pytest.mark.django_db
UNIT = "ous-rikshospitalet-barneortopedi"
HEAD = "identity_number;given_name;family_name;birth_date;sex;residence_region\n"
BORN = date(2018, 5, 2)
ONE, TWO, THREE = (synthetic_number("NO", BORN, "male", n) for n in range(3))


@pytest.fixture
def context(viewer_of):
    unit = next(u for u in units_of("limb_no") if u.code == UNIT)
    return ImportContext(
        viewer=viewer_of("coordinator", "limb_no", unit),
        register_code="limb_no",
        on=TODAY,
        unit=unit,
    )


def load(context, kind, content, name="cases.csv"):
    file = content if hasattr(content, "read") else io.BytesIO(content)
    return import_file(context=context, kind=kind, file=file, name=name)


def patients_csv(*lines, head=HEAD):
    return (head + "\n".join(lines)).encode()


def faults_of(context, kind, content, name="cases.csv"):
    with pytest.raises(FileRefused) as refused:
        load(context, kind, content, name)
    return [(f.line, f.column, f.message) for f in refused.value.faults]


def test_the_limb_files_load_and_add_up(tmp_path, capsys):
    cases = construct()
    write_files(cases, tmp_path)
    for kind in ("patients", "referrals", "consultations"):
        call_command(
            "import_cases", "limb_no", kind, str(tmp_path / f"{kind}.csv"), unit=UNIT, verbosity=0
        )
    assert f"{len(cases.patients)} rows of patients" in capsys.readouterr().out
    assert Membership.objects.count() == len(cases.patients)
    assert Referral.objects.count() == len(cases.referrals) == 118
    assert Consultation.objects.count() == len(cases.consultations) == 1421
    loaded = Counter(Consultation.objects.values_list("region__code", "held_on__year"))
    told = Counter((c.residence_region, c.consultation_date.year) for c in cases.consultations)
    assert loaded == told
    assert Referral.objects.filter(decision="refused").count() == sum(
        r.decision == "refused" for r in cases.referrals
    )
    # A second time changes nothing.
    call_command(
        "import_cases", "limb_no", "consultations", str(tmp_path / "consultations.csv"), unit=UNIT
    )
    assert Consultation.objects.count() == 1421
    assert AccessLog.objects.filter(action="import").count() == 4


def test_a_file_may_tell_how_a_child_and_a_guardian_are_reached(context):
    head = (
        "identity_number;given_name;family_name;preferred_channel;guardian_name;"
        "guardian_relation;guardian_email;guardian_telephone;guardian_language\n"
    )
    row = f"{ONE};Ola;Næss;SMS;Siri Næss;parent;siri@example.org;12345678;sv"
    load(context, "patients", patients_csv(row, head=head))
    patient = Patient.objects.get()
    identity = open_identity(patient.pk)
    assert (patient.preferred_channel, patient.guardian_language) == ("sms", "sv")
    assert (identity.guardian_name, identity.guardian_relation) == ("Siri Næss", "parent")
    assert (identity.guardian_email, identity.guardian_telephone) == (
        "siri@example.org",
        "12345678",
    )
    wrong = f"{TWO};Kari;Ås;pigeon;;uncle;siri@;;"
    assert {
        column
        for _line, column, _message in faults_of(
            context, "patients", patients_csv(wrong, head=head)
        )
    } >= {"preferred_channel", "guardian_relation"}


def test_excel_and_csv_with_mark_and_semicolon_are_the_same(context):
    load(context, "patients", b"\xef\xbb\xbf" + patients_csv(f"{ONE};Ola;Næss;02.05.2018;male;"))
    book = Workbook()
    sheet = book.active
    sheet.append(HEAD.strip().split(";"))
    sheet.append([TWO, "Kari", "Ås", BORN, "male", "no-vest"])
    sheet.append([None] * 6)
    sheet.append([int(THREE) if THREE[0] != "0" else THREE, "Liv", "Ås", BORN, "male", None])
    file = io.BytesIO()
    book.save(file)
    assert load(context, "patients", file, "cases.xlsx") == 2
    assert set(Patient.objects.values_list("birth_date", "sex")) == {(BORN, "male")}
    assert Patient.objects.count() == 3


def test_every_fault_is_listed_with_line_and_column_and_nothing_is_written(context):
    content = patients_csv(
        f"{ONE};Ola;Næss;2018-05-02;male;no-vest",
        f"{TWO};Ola;Næss;2018-13-02;male;no-where",
        "123;Ola;Næss;2018-05-02;male;",
        "",
        f"{ONE};Ola;Næss;2018-05-02;boy;",
        f"{THREE};Ola;;2030-05-02;male;;surplus",
    )
    faults = faults_of(context, "patients", content)
    assert {(line, column) for line, column, _message in faults} == {
        (3, "birth_date"),
        (3, "residence_region"),
        (4, "identity_number"),
        (6, "sex"),
        (7, ""),
        (7, "birth_date"),
        (7, "family_name"),
    }
    assert [line for line, *_rest in faults] == sorted(line for line, *_rest in faults)
    assert not Patient.objects.exists()


def test_faults_come_in_the_users_language(context):
    from django.utils import translation

    with translation.override("nb"):
        [(_line, _column, message)] = faults_of(
            context, "patients", patients_csv(f"{ONE};Ola;Næss;2018-13-02;male;")
        )
    assert "er ikke en dato" in message


@pytest.mark.parametrize(
    ("head", "column", "says"),
    [
        ("identity_number;name\n", "name", "not known"),
        ("identity_number;sex;sex\n", "sex", "twice"),
    ],
)
def test_a_head_that_does_not_fit_is_refused(context, head, column, says):
    [(line, where, message)] = faults_of(context, "patients", patients_csv("1", head=head))
    assert (line, where) == (1, column)
    assert says in message


def test_a_missing_column_is_named(context):
    faults = faults_of(context, "consultations", b"identity_number\n1\n")
    assert {column for _line, column, _message in faults} == {"consultation_date", "kind"}


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "a.csv", "empty"),
        (HEAD.encode(), "a.csv", "no rows"),
        (HEAD.encode() + "Ås".encode("latin-1"), "a.csv", "UTF-8"),
        (HEAD.encode() + b'"open;1\n', "a.csv", "quotation mark"),
        (b"x", "a.pdf", ".csv or .xlsx"),
        (b"x", "a.xlsx", "XLSX format"),
        (HEAD.encode() + b"x" * 6000, "a.csv", "5000 characters"),
    ],
)
def test_a_file_that_cannot_be_read_is_explained(context, content, name, says):
    [(line, _column, message)] = faults_of(context, "patients", content, name)
    assert line == 0
    assert says in message


def test_a_spreadsheet_that_unpacks_to_too_much_is_not_opened(context, monkeypatch):
    monkeypatch.setattr(sheets, "MOST_UNPACKED_BYTES", 1_000_000)
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 1_000_001)
    [(_line, _column, message)] = faults_of(context, "patients", file.getvalue(), "a.xlsx")
    assert "unpacks" in message


def test_rows_name_patients_who_must_be_known_and_mine(context, viewer_of):
    load(context, "patients", patients_csv(f"{ONE};Ola;Næss;;;no-vest"))
    head = "identity_number;registry_number;consultation_date;kind\n"
    faults = faults_of(
        context,
        "consultations",
        (head + f"{TWO};;2026-01-02;first\n;7;2026-01-02;first\n;;2026-01-02;first\n").encode(),
    )
    assert [(line, column) for line, column, _message in faults] == [
        (2, "identity_number"),
        (3, "registry_number"),
        (4, "identity_number"),
    ]
    load(
        context,
        "consultations",
        (head + f"{ONE};;2026-01-02;first\n;1;2026-01-03;follow_up\n").encode(),
    )
    assert Consultation.objects.count() == 2


def test_a_file_larger_than_a_batch_is_still_all_or_nothing(context, monkeypatch):
    monkeypatch.setattr("registry.jobs.imports.BATCH", 3)
    numbers = [synthetic_number("NO", BORN, "female", n) for n in range(8)]
    lines = [f"{number};Kari;Næss;;;no-vest" for number in numbers]
    faults = faults_of(context, "patients", patients_csv(*lines[:4], "1;x;y;;;", *lines[4:], "2"))
    assert [line for line, *_rest in faults] == [6, 11]
    assert not Patient.objects.exists()
    seen = []
    rows = import_file(
        context=context,
        kind="patients",
        file=io.BytesIO(patients_csv(*lines)),
        name="a.csv",
        progress=seen.append,
    )
    assert (rows, seen) == (8, [3, 6, 8])
    assert Patient.objects.count() == 8


def test_a_preview_shows_the_beginning_and_writes_nothing(context):
    shown = preview_file(
        context=context,
        kind="patients",
        file=io.BytesIO(patients_csv(f"{ONE};Ola;Næss;;;", f"{TWO};Kari;;;;")),
        name="a.csv",
        shown=1,
    )
    assert [column.key for column in shown.columns] == [
        "identity_number",
        "given_name",
        "family_name",
    ]
    assert shown.rows == ((2, (ONE, "Ola", "Næss")),)
    assert [(f.line, f.column) for f in shown.faults] == [(3, "family_name")]
    assert not Patient.objects.exists()


def test_the_command_line_lists_faults_and_writes_nothing(tmp_path, capsys):
    file = tmp_path / "p.csv"
    file.write_bytes(patients_csv("123;Ola;Næss;;;", f"{ONE};Ola;Næss;;;"))
    with pytest.raises(CommandError, match="nothing of"):
        call_command("import_cases", "limb_no", "patients", str(file), unit=UNIT)
    assert "line 2, identity_number:" in capsys.readouterr().err
    assert not Patient.objects.exists()
    for wrong in (("nowhere", "patients"), ("limb_no", "dreams")):
        with pytest.raises(CommandError):
            call_command("import_cases", *wrong, str(file))
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_cases", "limb_no", "patients", "missing.csv", unit=UNIT)


def test_only_who_may_import_imports(context, viewer_of):
    from registry.core.errors import NotAllowed

    clinician = viewer_of("clinician", "limb_no", context.unit)
    with pytest.raises(NotAllowed):
        load(
            ImportContext(clinician, "limb_no", TODAY, context.unit),
            "patients",
            patients_csv(f"{ONE};Ola;Næss;;;"),
        )
    assert AccessLog.objects.filter(action="import", outcome="denied").count() == 1


def test_history_is_written_for_every_row(context):
    load(context, "patients", patients_csv(f"{ONE};Ola;Næss;;;no-vest"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM patients_membershipevent")
        assert cursor.fetchone() == (1,)
