"""The annual report and the export in a browser: accessible, within the policy, on a phone too."""

import os

import pytest

from tests.browser.conftest import DESKTOP, PHONE, accessibility_faults

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("address", ["/reports/limb_no/annual/2023/", "/reports/limb_no/export/"])
def test_pages_are_accessible_and_fit(visitor, user_with, viewport, address):
    someone = visitor(viewport, user_with("administrator", "limb_no"))
    page = someone.page()
    page.goto(address)
    assert accessibility_faults(page) == []
    assert someone.complaints == []
    # Wide tables scroll in their own region; the page does not.
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    if folder := os.environ.get("SCREENSHOTS"):
        name = address.strip("/").replace("/", "-")
        page.screenshot(path=f"{folder}/{name}-{viewport['width']}.png", full_page=True)
