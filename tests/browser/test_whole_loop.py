"""The main job, once through, with everything real: pages, worker, mail, telephone, clock."""

import re
from datetime import date, timedelta
from zipfile import ZipFile

import pytest
from celery import Celery
from playwright.sync_api import Page, expect

from demo.identities import synthetic_number
from procedures.models import Operation
from proms.models import Response, Score
from registry.core import clock
from tests.browser.conftest import DESKTOP, PHONE, next_page
from tests.processes import Inbox, test_environment, worker

pytestmark = pytest.mark.django_db(transaction=True)

BIRTH_DATE = date(1958, 4, 12)


@pytest.fixture
def tasks() -> Celery:
    """Sends tasks to the worker of this test, as beat would."""
    app = Celery(broker=test_environment()["REDIS_URL"])
    app.conf.task_default_queue = "registry"
    with app.connection_for_write() as connection:
        connection.default_channel.queue_purge("registry")
    return app


@pytest.fixture
def inbox():
    with Inbox() as box:
        yield box


def register_patient(page: Page) -> None:
    page.goto("/patients/danespine/new/")
    number = synthetic_number("DK", BIRTH_DATE, "female", 3)
    page.get_by_label("Identity number").fill(number)
    page.get_by_label("Given name").fill("Karla")
    page.get_by_label("Surname").fill("Prøvesen")
    page.get_by_label("Language", exact=True).last.select_option("da")
    page.get_by_label("Region of residence").select_option(label="Region Hovedstaden")
    page.get_by_role("textbox", name="E-mail address (optional)", exact=True).fill(
        "karla@patient.example"
    )
    with next_page(page):
        page.get_by_role("button", name="Register the patient").click()
    expect(page.get_by_role("heading", name="Karla Prøvesen")).to_be_visible()


def plan_operation(page: Page, planned_on: date) -> None:
    with next_page(page):
        page.get_by_role("link", name="Plan an operation").click()
    page.get_by_label("Planned date").fill(planned_on.isoformat())
    page.get_by_label("Group").select_option("lumbar_stenosis")
    # Choosing the group brings its own fields.
    page.get_by_label("L4-L5").check()
    with next_page(page):
        page.get_by_role("button", name="Plan the operation").click()
    expect(page.get_by_text("Planned", exact=True).first).to_be_visible()


def perform_operation(page: Page, performed_on: date) -> None:
    with next_page(page):
        page.get_by_role("link", name="Register as performed").click()
    page.get_by_label("Date of operation").fill(performed_on.isoformat())
    page.get_by_label("Diagnosis (ICD-10)").fill("M48.0")
    page.get_by_label("First procedure (decides the type)").select_option("decompression")
    page.get_by_role("group", name="ASA").get_by_role("radio").nth(1).check()
    previous = page.get_by_role("group", name=re.compile("surgery", re.IGNORECASE))
    previous.get_by_label("No", exact=True).check()
    page.get_by_label("There were none").check()
    page.get_by_label("Assessed on").fill(performed_on.isoformat())
    with next_page(page):
        page.get_by_role("button", name="Register the operation").click()
    expect(page.get_by_text("Performed", exact=True).first).to_be_visible()


def link_in(message) -> str:
    text = message.get_body(("plain",)).get_content()
    return re.search(r"https?://\S+/q/\S+", text).group()


def answer_on_telephone(page: Page, link: str, *, how_bad: int, leave_after: int = 0) -> int:
    """Answer every question: the option ``how_bad`` (0 best), VAS 20 times that; return pages."""
    page.goto(link)
    for field, value in (("day", 12), ("month", 4), ("year", 1958)):
        control = page.locator(f"[name={field}]")
        if control.evaluate("node => node.tagName") == "SELECT":
            control.select_option(str(value))
        else:
            control.fill(str(value))
    with next_page(page):
        page.locator("main form button[type=submit]").first.click()
    with next_page(page):
        page.locator("main .step-buttons a.btn-primary").click()
    pages = 0
    while "/review/" not in page.url:
        pages += 1
        if pages == leave_after:
            page.goto(link)  # left, and came back by the same link
            return answer_on_telephone(page, link, how_bad=how_bad)
        for group in page.locator("fieldset.answers").all():
            radios = group.get_by_role("radio")
            radios.nth(min(how_bad, radios.count() - 1)).check()
        for field in page.locator("input[inputmode=numeric]").all():
            field.fill(str(20 * how_bad + 5))
        for field in page.locator("input[inputmode=decimal]").all():
            name = field.get_attribute("name")
            field.fill({"height": "168", "weight": "74"}.get(name.split("_")[0], "3"))
        with next_page(page):
            page.locator("main button[name=go][value=next]").last.click()
    with next_page(page):
        page.locator("main form button.btn-primary").click()
    expect(page.get_by_role("heading", name="Tak")).to_be_visible()
    return pages


def test_from_planning_to_the_yearly_export(
    visitor, user_with, unit, settings, live_server, tasks, inbox, tmp_path
):
    settings.CLOCK_FILE = str(tmp_path / "clock")
    own = unit("glostrup-rygkirurgi")
    clinician = visitor(DESKTOP, user_with("clinician", "danespine", own))
    patient = visitor(PHONE, is_mobile=True, has_touch=True)
    coordinator = visitor(DESKTOP, user_with("coordinator", "danespine"), accept_downloads=True)
    planned_on = clock.today() + timedelta(days=10)

    with worker(
        tmp_path / "worker.log",
        EMAIL_HOST="127.0.0.1",
        EMAIL_PORT=str(inbox.port),
        SITE_URL=live_server.url,
        CLOCK_FILE=settings.CLOCK_FILE,
        DEMO="1",
    ):
        staff = clinician.page()
        register_patient(staff)
        plan_operation(staff, planned_on)
        operation_page = staff.url

        # The worker sends the questions before surgery; the patient answers on a telephone.
        tasks.send_task("proms.invite_due")
        tasks.send_task("messaging.send_due")
        first = _mail(tasks, inbox, 1)
        assert first["To"] == "karla@patient.example"
        telephone = patient.page()
        pages = answer_on_telephone(telephone, link_in(first), how_bad=3, leave_after=3)
        assert pages <= 35
        assert Response.objects.count() == 1
        before = dict(Score.objects.values_list("scale", "value"))
        assert before["odi"] == pytest.approx(60)

        # The operation is done, and registered.
        clock.move_clock(10)
        staff.goto(operation_page)
        perform_operation(staff, planned_on)
        operation = Operation.objects.get()
        assert operation.performed_on == planned_on

        # A year on the patient is asked again.
        clock.move_clock(10 + 366)
        second = _mail(tasks, inbox, 2)
        assert second["Message-ID"] != first["Message-ID"]
        answer_on_telephone(telephone, link_in(second), how_bad=1)
        assert Response.objects.count() == 2

        # The same link cannot be used to answer twice.
        telephone.goto(link_in(second))
        assert Response.objects.count() == 2

        # The clinician sees the change at once.
        staff.goto("/reports/danespine/?group=lumbar_stenosis&scale=odi")
        table = staff.locator("main table").first
        expect(table).to_contain_text("60")
        expect(table).to_contain_text("20")
        expect(staff.locator("main svg, main canvas").first).to_be_visible()

        # The coordinator takes the year home; the worker makes the file meanwhile.
        office = coordinator.page()
        office.goto("/reports/danespine/export/")
        office.get_by_label("Year").select_option(str(planned_on.year))
        office.get_by_role("button", name="Make the export").click()
        with office.expect_download(timeout=60_000) as download:
            office.get_by_role("link", name=re.compile("^Download")).click(timeout=60_000)
        with ZipFile(download.value.path()) as archive:
            files = {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}
        operations = next(text for name, text in files.items() if "operation" in name)
        assert len(operations.strip().splitlines()) == 2
        assert "lumbar_stenosis" in operations
        for text in files.values():
            assert "Karla" not in text
            assert "Prøvesen" not in text

    for person in (clinician, patient, coordinator):
        assert person.complaints == []


def _mail(tasks: Celery, inbox: Inbox, count: int):
    """Return message no. ``count``; says "look now" until it is there, as beat does."""
    for _attempt in range(20):
        tasks.send_task("proms.invite_due")
        tasks.send_task("messaging.send_due")
        try:
            return inbox.wait_for(count, seconds=2)[count - 1]
        except AssertionError:
            continue
    return inbox.wait_for(count, seconds=1)[count - 1]
