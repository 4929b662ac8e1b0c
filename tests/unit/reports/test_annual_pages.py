"""The pages of the annual report and the export: who sees them, and what they show."""

import csv
import io
import json

import pytest

from registry.audit.models import AccessLog
from registry.jobs.models import Job
from registry.registers.selectors import units_of
from tests.published.test_danespine import add_facts

pytestmark = pytest.mark.django_db
ANNUAL = "/reports/limb_no/annual/2023/"
PAGES = (
    ANNUAL,
    "/reports/limb_no/annual/",
    f"{ANNUAL}json/",
    f"{ANNUAL}operations/csv/",
)
WHOLE = ("coordinator", "administrator", "national_reader")


@pytest.mark.parametrize("role", WHOLE)
@pytest.mark.parametrize("page", PAGES)
def test_a_role_for_the_whole_register_sees_the_report(client_of, role, page):
    answer = client_of(role, "limb_no").get(page)
    assert answer.status_code in {200, 302}


@pytest.mark.parametrize("page", PAGES)
def test_others_get_404_and_leave_a_trace(client_of, page):
    unit = units_of("limb_no")[0]
    for client in (
        client_of("clinician", "limb_no", unit),
        client_of("coordinator", "limb_no", unit),
        client_of("administrator", "danespine"),
        client_of(),
    ):
        assert client.get(page).status_code == 404
    denied = AccessLog.objects.filter(outcome="denied", object_type="annual_report")
    assert denied.count() == 4


def test_a_year_or_a_table_that_is_not_there_is_404(client_of):
    client = client_of("administrator", "limb_no")
    for page in ("/reports/limb_no/annual/1990/", f"{ANNUAL}nothing/csv/"):
        assert client.get(page).status_code == 404


def test_the_page_shows_every_table_with_years_and_downloads(client_of):
    client = client_of("administrator", "limb_no")
    text = client.get(ANNUAL).content.decode()
    assert text.count("<caption") == 5
    assert 'href="/reports/limb_no/annual/2022/"' in text
    assert 'aria-current="page">2023' in text
    assert "Cross-union technique" in text
    assert "style=" not in text
    data = json.loads(client.get(f"{ANNUAL}json/").content)
    assert data["tables"][0]["id"] == "consultations_by_region_year"
    answer = client.get(f"{ANNUAL}operations/csv/")
    assert "attachment" in answer["Content-Disposition"]
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    assert rows[0] == ["Procedure", "Number", "Percent"]
    assert rows[-1] == ["Total", "0", ""]


def test_the_national_reader_does_not_see_small_numbers(client_of):
    first, second, third, *_rest = units_of("danespine")
    serial = add_facts(3, group="cervical_myelopathy", unit=first.pk, answered=3)
    serial = add_facts(8, group="cervical_myelopathy", unit=second.pk, answered=6, first=serial)
    add_facts(40, group="cervical_myelopathy", unit=third.pk, answered=30, first=serial)
    page = "/reports/danespine/annual/2022/json/"

    def held(role):
        data = json.loads(client_of(role, "danespine").get(page).content)
        found = next(t for t in data["tables"] if t["id"] == "cervical_preop_completeness")
        return {row[0]: row[4:] for row in found["rows"]}

    assert held("administrator")[first.name] == [3, 3, 100.0]
    hidden = held("national_reader")
    assert hidden[first.name] == [None, None, None]
    # Or it would follow from the total.
    assert hidden[second.name] == [None, None, None]
    assert hidden[third.name] == [40, 30, 75.0]
    assert hidden["Total"] == [51, 39, 76.5]
    text = client_of("national_reader", "danespine").get("/reports/danespine/annual/2022/")
    assert "Too few patients to be shown" in text.content.decode()


def test_the_export_page_starts_a_job_for_who_may(client_of, django_capture_on_commit_callbacks):
    unit = units_of("danespine")[0]
    client = client_of("coordinator", "danespine", unit)
    text = client.get("/reports/danespine/export/").content.decode()
    assert unit.name in text
    assert "style=" not in text
    answer = client.post("/reports/danespine/export/", {"year": "2022", "format": "xlsx"})
    job = Job.objects.get()
    assert answer.url == f"/jobs/danespine/{job.pk}/"
    assert job.parameters["year"] == 2022
    assert job.parameters["format"] == "xlsx"
    assert client.get(answer.url).status_code == 200


def test_a_wrong_choice_is_said_beside_its_field_and_kept(client_of):
    client = client_of("administrator", "danespine")
    answer = client.post("/reports/danespine/export/", {"year": "1066", "format": "xlsx"})
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "Choose one of the years in the list." in text
    assert 'value="xlsx" checked' in text
    assert not Job.objects.exists()


@pytest.mark.parametrize("role", ["clinician", "national_reader"])
def test_others_do_not_see_the_export(client_of, role):
    unit = units_of("danespine")[0] if role == "clinician" else None
    client = client_of(role, "danespine", unit)
    assert client.get("/reports/danespine/export/").status_code == 404
    assert client.post("/reports/danespine/export/", {"year": "2022"}).status_code == 404
    assert AccessLog.objects.filter(outcome="denied", action="export").count() == 2
