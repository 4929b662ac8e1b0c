"""Patients' pages by WCAG 2.2 AA: axe, keyboard only, 320 pixels, text twice as large, no scripts.

A walk costs seconds, so each one checks several things on every page that it passes.
"""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
import time_machine
from playwright.sync_api import Page, expect

from proms import actions
from proms.instruments import instrument
from proms.links import token_for
from proms.models import Invitation, Response, StartedForm
from proms.questionnaire import form_for
from registry.core import clock
from tests.browser.conftest import PHONE, accessibility_faults, next_page
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db(transaction=True)

NARROW = {"width": 320, "height": 640}
BORN = {"day": "9", "month": "3", "year": "1950"}

# What can be pressed is 48 pixels high; two next to each other in a line of text are too.
SMALL = """() => [...document.querySelectorAll("main a, button, input:not([type=hidden]), .choice")]
    .filter((one) => one.checkVisibility() && !one.closest(".visually-hidden, [aria-hidden]")
        && !one.matches(".visually-hidden, .choice input"))
    .filter((one) => one.getBoundingClientRect().height < 47.5)
    .map((one) => `${one.getBoundingClientRect().height} px: ${one.outerHTML.slice(0, 100)}`)"""
TOO_WIDE = """() => document.documentElement.scrollWidth > document.documentElement.clientWidth
    ? `${document.documentElement.scrollWidth} px wide` : "" """
# The focus is seen (an outline or a shadow, on itself or the row around it), inside the window,
# and not beneath the bar with Back and Next.
UNSEEN_FOCUS = """() => {
    const one = document.activeElement, row = one.closest(".choice") ?? one;
    const marked = [one, row].some((held) => {
        const style = getComputedStyle(held);
        return style.outlineStyle !== "none" || style.boxShadow !== "none";
    });
    const box = row.getBoundingClientRect(), bar = document.querySelector(".at-bottom");
    const end = bar && !bar.contains(one) ? bar.getBoundingClientRect().top : innerHeight;
    const name = one.outerHTML.slice(0, 100);
    if (!marked) return `no mark: ${name}`;
    return box.top >= end || box.bottom <= 0 ? `out of sight: ${name}` : "";
}"""


def make_invitation(*codes: str) -> Invitation:
    """An invitation that asks these instruments, so that a walk is no longer than it need be."""
    operation = make_operation(make_member(), planned_on=clock.today() + timedelta(days=20))
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=clock.now())
    invitation = Invitation.objects.get(follow_ups__operation=operation)
    invitation.plan = [{"code": code, "version": instrument(code).version} for code in codes]
    invitation.save()
    return invitation


def link(invitation: Invitation) -> str:
    return f"/q/{token_for(invitation.pk, invitation.generation)}/"


def let_in(page: Page, invitation: Invitation) -> None:
    page.goto(link(invitation))
    for name, value in BORN.items():
        page.locator(f"[name={name}]").fill(value)
    with next_page(page):
        page.locator("main form button.btn-primary").click()


def number_of(invitation: Invitation, code: str) -> int:
    pages = form_for(invitation.plan, "da").pages
    return next(page.number for page in pages if code in page.codes)


class Examiner:
    """Looks at every state of a page it is shown, and collects what is wrong with it."""

    def __init__(self, page: Page, complaints: list[str]) -> None:
        self.page, self.complaints = page, complaints
        self.faults: list[str] = []

    def look(self, where: str, *, axe: bool = True) -> None:
        found = [self.page.evaluate(TOO_WIDE), *self.page.evaluate(SMALL), *self.complaints]
        self.complaints.clear()
        found += accessibility_faults(self.page) if axe else []
        self.faults += [f"{where}: {fault}" for fault in found if fault]

    def tab_to(self, wanted: str, most: int = 30) -> None:
        """Press Tab until this selector has the focus; every stop on the way must be seen."""
        for _stop in range(most):
            self.page.keyboard.press("Tab")
            unseen = self.page.evaluate(UNSEEN_FOCUS)
            if unseen:
                self.faults.append(f"{self.page.url}: {unseen}")
            if self.page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
                return
        raise AssertionError(f"the keyboard does not reach {wanted} on {self.page.url}")


@pytest.fixture
def examine(visitor) -> Callable[..., Examiner]:
    def open_at(viewport: dict[str, int], **options: object) -> Examiner:
        person = visitor(viewport, locale="da", reduced_motion="reduce", **options)
        return Examiner(person.page(), person.complaints)

    return open_at


def test_a_whole_form_by_keyboard_alone_on_320_pixels(examine):
    invitation = make_invitation("vas_back", "eq5d3l")
    examiner = examine(NARROW)
    page, keys = examiner.page, examiner.page.keyboard
    page.goto(link(invitation))
    examiner.look("link")
    for name, value in BORN.items():
        examiner.tab_to(f"[name={name}]")
        keys.type(value)
    with next_page(page):
        keys.press("Enter")
    page.wait_for_url("**/q/form/")
    examiner.look("start")
    examiner.tab_to("main a.btn-primary")
    with next_page(page):
        keys.press("Enter")
    page.wait_for_url("**/q/form/1/")
    _scale_by_keyboard(examiner)
    kinds = 0
    while "/review/" not in page.url:
        if page.locator("input[type=radio]").count():
            examiner.tab_to("input[type=radio]")
            keys.press("Space")
            expect(page.locator("input[type=radio]:checked")).to_have_count(1)
            kinds += 1
            examiner.look(page.url, axe=kinds == 1)
        examiner.tab_to(".at-bottom [value=next]")
        with next_page(page):
            keys.press("Enter")
    examiner.look("review")
    examiner.tab_to("main form button.btn-primary", most=60)
    with next_page(page):
        keys.press("Enter")
    page.wait_for_url("**/thanks/")
    examiner.look("thanks")
    assert Response.objects.get().answers["vas_back"] == 41
    assert examiner.faults == []


def _scale_by_keyboard(examiner: Examiner) -> None:
    """Nothing is preset; arrows, Home, End and the buttons set a number."""
    page, keys = examiner.page, examiner.page.keyboard
    slider, field = page.get_by_role("slider"), page.locator("[name=vas_back]")
    expect(slider).to_have_attribute("aria-valuetext", "Ikke besvaret")
    expect(page.locator(".vas-handle")).to_be_hidden()
    assert field.input_value() == ""
    examiner.look("scale, untouched")
    examiner.tab_to("[role=slider]")
    for key, value in (("ArrowRight", "51"), ("Home", "0"), ("PageUp", "10"), ("End", "100")):
        keys.press(key)
        expect(field).to_have_value(value)
        expect(slider).to_have_attribute("aria-valuenow", value)
    keys.press("Home")
    for _press in range(4):
        keys.press("PageUp")
    examiner.tab_to(".vas-steps button")
    examiner.tab_to(".vas-steps button")
    keys.press("Enter")
    expect(field).to_have_value("41")
    expect(page.locator(".vas-handle")).to_be_visible()
    examiner.look("scale, answered")


def test_every_other_state_on_a_telephone_with_text_twice_as_large(examine):
    invitation = make_invitation("vas_back", "sf36", "patient_baseline")
    examiner = examine(PHONE, is_mobile=True, has_touch=True)
    page = examiner.page

    def look(where: str) -> None:
        page.evaluate("document.documentElement.style.fontSize = '200%'")
        examiner.look(where)

    page.goto(link(invitation))
    page.locator("[name=day]").fill("8")
    with next_page(page):
        page.locator("main form button.btn-primary").click()
    expect(page.locator(".problem")).to_be_focused()
    look("birth date missing")
    let_in(page, invitation)
    for code in ("vas_back", "height_cm", "smoking"):
        page.goto(f"/q/form/{number_of(invitation, code)}/")
        look(f"{code}, to be answered")
    rows = next(p for p in form_for(invitation.plan, "da").pages if p.in_rows)
    for number in (number_of(invitation, "vas_back"), rows.number):
        page.goto(f"/q/form/{number}/")
        with next_page(page):
            page.locator(".at-bottom [value=next]").click()
        expect(page.locator(".problem")).to_be_focused()
        look(f"page {number}, not answered")
    page.goto("/q/form/review/")
    look("review, with questions left")
    # Another patient's form is opened in the same browser; a page of the first is still there.
    page.goto(f"/q/form/{rows.number}/")
    page.context.new_page().goto(link(invitation))
    page.evaluate("document.querySelector('[name=form]').value = 'of another form'")
    with next_page(page):
        page.locator(".at-bottom [value=next]").click()
    look("out of date")
    page.goto(f"/q/form/{rows.number}/")
    actions.decline(invitation=invitation, now=clock.now())
    with next_page(page):
        page.locator(".at-bottom [value=back]").click()
    look("not kept")
    page.goto("/q/form/")
    look("closed")
    page.goto(f"/q/{'x' * 43}/")
    look("a link that does not open")
    with next_page(page):
        page.locator("main form button.btn-primary").click()
    page.wait_for_url("**/q/sent/")
    look("a new link is on its way")
    assert examiner.faults == []


def test_a_form_left_too_long_goes_on_where_it_was(examine):
    invitation = make_invitation("eq5d3l")
    examiner = examine(PHONE)
    page = examiner.page
    with time_machine.travel(clock.now() - timedelta(hours=5), tick=True):
        let_in(page, invitation)
        page.goto("/q/form/1/")
    page.get_by_role("radio").nth(1).check()
    with next_page(page):
        page.locator(".at-bottom [value=next]").click()
    expect(page.get_by_role("heading", name="Velkommen tilbage")).to_be_visible()
    examiner.look("left too long")
    for name, value in BORN.items():
        page.locator(f"[name={name}]").fill(value)
    with next_page(page):
        page.locator("main form button.btn-primary").click()
    page.wait_for_url("**/q/form/2/")
    assert StartedForm.objects.get().answers == {"mobility": 2}
    assert examiner.faults == []


def test_a_form_without_scripts_and_with_the_language_changed_on_the_way(examine):
    invitation = make_invitation("vas_back", "eq5d3l")
    examiner = examine(PHONE, java_script_enabled=False)
    page = examiner.page
    let_in(page, invitation)
    with next_page(page):
        page.locator("main a.btn-primary").click()
    page.locator("[name=vas_back]").fill("30")
    with next_page(page):
        page.get_by_role("button", name="Svenska").click()
    expect(page.locator("[name=vas_back]")).to_have_value("30")
    expect(page.get_by_text(re.compile("^Fråga 1 av 6"))).to_be_visible()
    while "/review/" not in page.url:
        if page.get_by_role("radio").count():
            page.get_by_role("radio").first.check()
        with next_page(page):
            page.locator(".at-bottom [value=next]").click()
    with next_page(page):
        page.locator("main form button.btn-primary").click()
    page.wait_for_url("**/thanks/")
    response = Response.objects.get()
    assert (response.language, response.answers["vas_back"]) == ("sv", 30)
    assert examiner.complaints == []


def test_a_screen_reader_meets_each_thing_once_and_in_order(examine):
    invitation = make_invitation("vas_back", "eq5d3l")
    page = examine(PHONE).page
    let_in(page, invitation)
    page.goto("/q/form/1/")
    expect(page.locator("main")).to_match_aria_snapshot("""
        - main:
          - paragraph: Spørgsmål 1 af 6
          - heading /ryggen/ [level=1]
          - paragraph: Tryk på linjen, hvor det passer, eller brug plus og minus.
          - slider /ryggen/
          - paragraph: /0/
          - button "En mindre"
          - status: –
          - button "En mere"
          - button "Tilbage"
          - button "Næste"
    """)
    assert page.get_by_role("textbox").count() == 0
    page.goto("/q/form/2/")
    expect(page.locator("main")).to_match_aria_snapshot("""
        - main:
          - paragraph: Spørgsmål 2 af 6
          - group:
            - heading [level=1]
            - radio
            - radio
            - radio
          - button "Tilbage"
          - button "Næste"
    """)
    assert page.get_by_role("button", name="Næste").count() == 1
