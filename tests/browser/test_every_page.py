"""Every page in a real browser: accessible, within the policy, no wider than a telephone.

The pages are the GET lines of the access matrix that answer somebody with a page; each is opened
by the role that may do most there, in Danish, which has long words.
"""

import pytest
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import Page, expect

from procedures.models import Operation
from registry.core import clock
from reports.actions import refresh_register
from tests.addresses import lines
from tests.browser.conftest import DESKTOP, PHONE, accessibility_faults, next_page
from tests.world import BIRTH_DATE, ROLES, build_world

pytestmark = pytest.mark.django_db(transaction=True)

# Whose page is looked at, of those who have one; each of these logs in once.
PREFERRED = ("admin", "coord", "anonymous", "nobody")
# Colours that are still changing have no contrast to be measured.
CALM = {"locale": "da", "reduced_motion": "reduce"}
# Answers that are no pages of ours: data, files, parts of a page, the API's own documentation.
NO_PAGES = {
    "health",
    "jobs:file",
    "jobs:status",
    "reports:annual_csv",
    "reports:annual_json",
    "api-docs",
    "api-schema",
}


@pytest.fixture
def world(settings, tmp_path):
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    cache.clear()
    on = clock.today()
    world = build_world(on=on)
    for register in (world.danespine, world.limb_no):
        refresh_register(register.code, on=on)
    return world


def pages() -> list[tuple[str, str, object]]:
    """(who, address, line) of every page, those of one person together."""
    found = []
    for line in lines():
        if line.method == "GET" and line.name.partition(":")[0] != "api":
            seen_by = dict(zip(ROLES, line.expected, strict=True))
            who = next((role for role in PREFERRED if seen_by[role] == "200"), None)
            if who is not None and line.name not in NO_PAGES:
                found.append((who, line.register, line))
    return sorted(found, key=lambda one: PREFERRED.index(one[0]))


def faults_of(page: Page, complaints: list[str], *, language: str) -> list[str]:
    """Return what is wrong with the page that is shown at the width of a telephone."""
    faults = [*complaints]
    complaints.clear()
    wide = page.evaluate(
        """() => {
            const most = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= most) return "";
            const wide = [...document.querySelectorAll("main *, header *, footer *")].filter(
                (one) => one.getBoundingClientRect().right > most + 1 &&
                    !one.closest(".table-responsive, .main-menu"));
            return `${document.documentElement.scrollWidth} px wide: ` +
                wide.slice(0, 3).map((one) => one.outerHTML.slice(0, 120)).join(" | ");
        }"""
    )
    if wide:
        faults.append(wide)
    stacked = page.locator(".table-stack").evaluate_all(
        """tables => tables.filter((one) => one.checkVisibility() &&
            one.scrollWidth > one.closest(".table-responsive").clientWidth + 1).length"""
    )
    if stacked:
        faults.append(f"{stacked} tables scroll sideways")
    if (told := page.locator("html").get_attribute("lang")) != language:
        faults.append(f"lang is {told}")
    if (heads := page.locator("h1").count()) != 1:
        faults.append(f"{heads} first headings")
    page.set_viewport_size(DESKTOP)
    faults += accessibility_faults(page)
    page.emulate_media(color_scheme="dark")
    faults += [f"in the dark: {one}" for one in accessibility_faults(page, ("color-contrast",))]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size(PHONE)
    return faults


def test_every_page_of_the_staff(world, visitor):
    visitors, wrong = {}, {}
    for who, register_of, line in pages():
        register = register_of(world)
        key = (who, register.code)
        if key not in visitors:
            someone = visitor(PHONE, register.people.get(who), **CALM)
            visitors[key] = (someone, someone.page())
        someone, page = visitors[key]
        response = page.goto(line.path(register))
        assert response.status == 200, line
        if line.name.startswith("reports:"):
            page.wait_for_load_state("networkidle")  # the chart comes from the API
        if faults := faults_of(page, someone.complaints, language="da"):
            wrong[line.address] = faults
    assert not wrong, "\n" + "\n".join(
        f"{address}\n    " + "\n    ".join(faults) for address, faults in wrong.items()
    )


def open_form(page: Page, token: str) -> None:
    """Open the link and say the birth date."""
    page.goto(reverse("answer:link", kwargs={"token": token}))
    for name in ("day", "month", "year"):
        field = page.locator(f"[name={name}]")
        value = str(getattr(BIRTH_DATE, name))
        if field.evaluate("field => field.tagName") == "SELECT":
            field.select_option(value)
        else:
            field.fill(value)
    with next_page(page):
        page.locator("main form button[type=submit]").first.click()


def test_every_page_of_the_patient(world, visitor):
    """One of each kind of question is looked at closely; all are measured."""
    patient = visitor(PHONE, is_mobile=True, has_touch=True, **CALM)
    page = patient.page()
    wrong, kinds = {}, set()

    def look(name: str) -> None:
        if faults := faults_of(page, patient.complaints, language="da"):
            wrong[name] = faults

    page.goto(reverse("answer:link", kwargs={"token": world.token}))
    look("link")
    page.goto(reverse("answer:link", kwargs={"token": "unknown"}))
    look("closed")
    page.goto(reverse("answer:stop", kwargs={"token": "unknown"}))
    look("stop")
    with next_page(page):
        page.locator("main form button[type=submit]").click()
    look("stopped")
    open_form(page, world.token)
    look("start")
    page.goto(page.locator("main .step-buttons a.btn-primary").get_attribute("href"))
    for number in range(1, 80):
        page.goto(reverse("answer:question", kwargs={"number": number}))
        if f"/{number}/" not in page.url:
            continue  # not asked of this patient
        kind = page.evaluate(
            """() => [...new Set([...document.querySelectorAll("main input, main textarea")]
                .map((one) => one.type + one.inputMode))].join() +
                (document.querySelectorAll("main fieldset").length > 1)"""
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], page.url
        if kind not in kinds:
            kinds.add(kind)
            look(f"question {number}")
    assert len(kinds) >= 2
    page.goto(reverse("answer:review"))
    look("review")
    assert not wrong, "\n" + "\n".join(
        f"{name}\n    " + "\n    ".join(faults) for name, faults in wrong.items()
    )


def test_forms_work_without_scripts(world, visitor):
    """A clinician plans an operation, a patient answers a question; nothing runs in the browser."""
    unscripted = {"java_script_enabled": False, "locale": "da"}
    clinician = visitor(PHONE, world.danespine.people["own"], **unscripted).page()
    member = world.danespine.ids["membership"]
    planned = Operation.objects.filter(membership_id=member, performed_on=None)
    before = planned.count()
    clinician.goto(reverse("procedures:plan", args=["danespine", member]))
    on = clock.today().replace(year=clock.today().year + 1)
    clinician.locator("[name=planned_on]").fill(on.isoformat())
    clinician.locator("[name=group]").select_option("lumbar_stenosis")
    with next_page(clinician):
        clinician.locator("button[name=do][value=fields]").first.click()
    clinician.locator("[name=levels]").first.check()
    with next_page(clinician):
        clinician.locator("button[name=do][value=submit]").first.click()
    expect(clinician.locator("h1")).to_be_visible()
    assert planned.count() == before + 1

    patient = visitor(PHONE, **unscripted).page()
    open_form(patient, world.token)
    with next_page(patient):
        patient.locator("main .step-buttons a.btn-primary").click()
    choices = patient.locator("main input[type=radio]")
    for number in range(1, 20):
        patient.goto(reverse("answer:question", kwargs={"number": number}))
        if choices.count():
            break
    question = patient.url
    for group in patient.locator("main fieldset").all():
        group.locator("input[type=radio]").first.check()
    with next_page(patient):
        patient.locator("main button[name=go][value=next]").last.click()
    assert patient.url != question
    patient.goto(question)
    assert choices.first.is_checked()
