"""The operation form on a slow line: what is chosen decides the fields, and nothing is lost."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, Route, expect

from procedures.models import OperationDraft
from registry.core import clock
from tests.browser.conftest import DESKTOP, Visitor
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)


class SlowLine:
    """Holds back what a page asks for until it is let through."""

    def __init__(self, page: Page, address: str, *, method: str = "GET") -> None:
        self.page, self.method, self.slow = page, method, True
        self.held: list[Route] = []
        page.route(address, self._hold)

    def _hold(self, route: Route) -> None:
        if self.slow and route.request.method == self.method:
            self.held.append(route)
        else:
            route.continue_()

    def wait(self) -> None:
        """Wait until something is held back."""
        for _attempt in range(100):
            if self.held:
                return
            self.page.wait_for_timeout(50)
        raise AssertionError("nothing was asked for")

    def end(self) -> None:
        """Let everything through, from now on too."""
        self.wait()
        self.slow = False
        for route in self.held:
            route.continue_()


@pytest.fixture
def world(db):
    return build_world(on=clock.today())


@pytest.fixture
def address(world) -> str:
    danespine = world.danespine
    return reverse("procedures:register", args=["danespine", danespine.ids["membership"]])


@pytest.fixture
def someone(visitor, user_with, world) -> Visitor:
    return visitor(DESKTOP, user_with("coordinator", "danespine"))


def choose_group(page: Page) -> None:
    page.get_by_label("Group").select_option("lumbar_stenosis")
    expect(page.get_by_label("L4-L5")).to_be_visible()


def test_what_is_chosen_before_the_scripts_are_there_is_asked_for(someone, address):
    page = someone.page()
    line = SlowLine(page, "**/*.js")
    page.goto(address, wait_until="commit")
    page.get_by_label("Date of operation").fill("2024-02-03")
    page.get_by_label("Group").select_option("lumbar_stenosis")
    line.end()
    page.get_by_label("L4-L5").check()
    expect(page.get_by_label("Date of operation")).to_have_value("2024-02-03")
    assert someone.complaints == []


def test_what_is_typed_before_the_scripts_are_there_is_kept(someone, address):
    page = someone.page()
    line = SlowLine(page, "**/*.js")
    page.goto(address, wait_until="commit")
    page.get_by_label("Date of operation").fill("2024-02-03")
    line.end()
    expect(page.locator("#operation-aside")).to_contain_text("2024")
    assert OperationDraft.objects.get().data["performed_on"] == ["2024-02-03"]


def test_a_choice_made_while_an_answer_is_on_its_way_brings_its_fields(someone, address):
    page = someone.page()
    page.goto(address)
    choose_group(page)
    line = SlowLine(page, f"**{address}", method="POST")
    page.get_by_label("First procedure").select_option("decompression")
    line.wait()  # the fields of the procedure are on their way
    page.get_by_label("L4-L5").check()
    page.get_by_label("There were none").check()
    page.get_by_role("group", name="ASA").get_by_role("radio").nth(1).check()
    line.end()
    expect(page.get_by_label("Assessed on")).to_be_visible()
    expect(page.get_by_label("L4-L5")).to_be_checked()
    expect(page.get_by_role("group", name="ASA").get_by_role("radio").nth(1)).to_be_checked()
    expect(page.get_by_label("First procedure")).to_have_value("decompression")


def test_a_choice_is_not_forgotten_for_a_later_change(someone, address):
    """Only the last of the waiting requests is sent; it may be one that asks for no fields."""
    page = someone.page()
    page.goto(address)
    choose_group(page)
    line = SlowLine(page, f"**{address}", method="POST")
    page.get_by_label("Diagnosis (ICD-10)").fill("M48.0")
    page.get_by_label("L4-L5").check()  # leaves the diagnosis, which is saved
    line.wait()
    page.get_by_label("There were none").check()
    page.get_by_label("L3-L4").check()
    line.end()
    expect(page.get_by_label("Assessed on")).to_be_visible()
    expect(page.get_by_label("L3-L4")).to_be_checked()


def test_what_is_taken_away_while_an_answer_is_on_its_way_stays_away(someone, address):
    page = someone.page()
    page.goto(address)
    choose_group(page)
    page.get_by_label("L4-L5").check()
    page.get_by_label("Diagnosis (ICD-10)").fill("M48.0")
    line = SlowLine(page, f"**{address}", method="POST")
    page.get_by_label("There were none").check()
    line.wait()
    page.get_by_label("L4-L5").uncheck()
    page.get_by_label("Diagnosis (ICD-10)").fill("")
    line.end()
    expect(page.get_by_label("Assessed on")).to_be_visible()
    expect(page.get_by_label("L4-L5")).not_to_be_checked()
    expect(page.get_by_label("Diagnosis (ICD-10)")).to_have_value("")


def test_one_more_row_comes_though_another_answer_is_on_its_way(someone, address):
    page = someone.page()
    page.goto(address)
    choose_group(page)
    rows = page.locator("[name^=procedures-][name$=-code]")
    before = rows.count()
    line = SlowLine(page, f"**{address}", method="POST")
    page.get_by_label("There were none").check()
    line.wait()
    rows.last.fill("ABC10")
    page.locator("button[value=rows-procedures]").click()
    line.end()
    expect(rows).to_have_count(before + 1)
    expect(rows.nth(before - 1)).to_have_value("ABC10")
    expect(page.get_by_label("Assessed on")).to_be_visible()


def test_without_an_answer_the_buttons_are_the_way_on(someone, address):
    page = someone.page()
    page.goto(address)
    address_of_form = f"**{address}"
    page.route(address_of_form, lambda route: route.abort())
    button = page.get_by_role("button", name="Show the fields of the group")
    expect(button).to_be_hidden()
    warning = page.get_by_text("The draft could not be saved")
    expect(warning).to_be_hidden()
    page.get_by_label("Group").select_option("lumbar_stenosis")
    expect(button).to_be_visible()
    expect(warning).to_be_visible()
    page.unroute(address_of_form)
    button.click()
    expect(page.get_by_label("L4-L5")).to_be_visible()


def test_a_draft_that_is_not_saved_says_so_until_it_is(someone, address):
    page = someone.page()
    page.goto(address)
    choose_group(page)
    warning, day = (
        page.get_by_text("The draft could not be saved"),
        page.get_by_label("Date of operation"),
    )
    page.route(f"**{address}", lambda route: route.abort())
    day.fill("2024-02-03")
    day.blur()
    expect(warning).to_be_visible()
    page.unroute(f"**{address}")
    day.fill("2024-02-04")
    day.blur()
    expect(warning).to_be_hidden()
    expect(page.get_by_text("Draft saved")).to_be_visible()
