"""The report pages in a browser: chart under the strict policy, filters, without scripts."""

import re
from datetime import date

import pytest
from playwright.sync_api import expect

from registry.registers.selectors import units_of
from tests.browser.conftest import DESKTOP, PHONE, accessibility_faults, next_page
from tests.integration.reports_world import REGISTER, answer, operate
from tests.integration.test_benchmark import treat

pytestmark = pytest.mark.django_db(transaction=True)
ADDRESS = f"/reports/{REGISTER}/"


@pytest.fixture
def clinician(user_with):
    """A clinician whose unit and another one have operated and asked."""
    units = units_of(REGISTER)
    treat(units[0], 6)
    treat(units[1], 7, before=60.0, after=58.0)
    patient = operate(unit=units[0], on=date(2024, 1, 2), group="cervical_radiculopathy")
    answer([patient], "before", {"ndi": 40.0}, on=date(2023, 12, 28))
    return user_with("clinician", REGISTER, units[0])


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_dashboard_draws_its_chart_and_follows_the_filters(visitor, clinician, viewport):
    someone = visitor(viewport, clinician)
    page = someone.page()
    page.goto(ADDRESS)
    page.locator(".chart svg").wait_for()
    assert "17.5 points, more than the nation" in page.locator(".headline").inner_text()
    told = re.compile("^1 year after: ODI falls")
    expect(page.locator(".chart")).to_have_attribute("aria-label", told)
    assert accessibility_faults(page) == []

    page.locator(".chart svg path[aria-roledescription=point]").first.hover()
    expect(page.locator(".chart-tip:visible")).to_contain_text("n = 6")
    with page.expect_download() as download:
        page.locator("[data-save-chart]").click()
    assert download.value.suggested_filename == "odi.svg"

    # The address keeps the question, so that it can be sent to a colleague.
    page.locator("#id_group").select_option("cervical_radiculopathy")
    page.wait_for_url("**group=cervical_radiculopathy**")
    page.locator("#id_scale option[value=ndi]").wait_for(state="attached")
    expect(page.locator("#id_scale")).to_have_value("ndi")
    page.go_back()
    page.locator(".chart svg").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert someone.complaints == []


def test_without_scripts_the_table_holds_the_figures(visitor, clinician):
    page = visitor(DESKTOP, clinician, java_script_enabled=False).page()
    page.goto(ADDRESS)
    assert "The chart needs JavaScript" in page.locator(".chart").inner_text()
    page.locator("#id_year_from").select_option("2025")
    with next_page(page):
        page.get_by_role("button", name="Show").click()
    assert "year_from=2025" in page.url
    assert "No answers here yet" in page.locator("#result").inner_text()


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_completeness_is_accessible_and_fits(visitor, clinician, viewport):
    someone = visitor(viewport, clinician)
    page = someone.page()
    page.goto(f"{ADDRESS}completeness/?year_from=2024&year_to=2024")
    assert "7/7" in page.locator("table").inner_text()
    assert accessibility_faults(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert someone.complaints == []
