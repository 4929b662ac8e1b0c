"""Entering a returned form by keyboard alone, as somebody with two hundred of them would."""

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from proms import actions
from proms.models import Entry
from proms.paper.codes import shown
from proms.questionnaire import form_for
from registry.accounts.selectors import viewer_for
from registry.core import clock
from tests.browser.conftest import DESKTOP, PHONE, accessibility_faults, next_page
from tests.world import build_world

CALM = {"locale": "da", "reduced_motion": "reduce"}
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(db):
    return build_world(on=clock.today())


@pytest.fixture
def code(world) -> str:
    staff = viewer_for(world.danespine.people["coord"], on=clock.today())
    form = actions.print_form(
        invitation_id=world.invitation.pk, language="da", by=staff, now=clock.now(), by_post=True
    )
    return shown(form.code)


def type_form(page: Page, typed: dict[str, str]) -> None:
    """Type the answers, each with Enter; the question for some only is passed over by itself."""
    expect(page.locator("#height_cm")).to_be_focused()
    for code, text in typed.items():
        expect(page.locator(f"#{code}")).to_be_focused()
        page.keyboard.type(text)
        page.keyboard.press("Enter")


def test_a_form_is_entered_by_keyboard_and_enter_never_sends(world, code, visitor):
    items = form_for(world.invitation.plan, "da").items
    typed = {
        one: "2" if row.item.options else f"{row.item.minimum:g}"
        for one, row in items.items()
        if one != "sick_leave_days"
    } | {"work": "1", "odi3": "-", "odi8": "?"}
    someone = visitor(DESKTOP, world.danespine.people["coord"], **CALM)
    page = someone.page()
    page.goto(reverse("proms:find_form", args=["danespine"]))
    page.keyboard.type(code.lower())  # the field has the focus
    with next_page(page):
        page.keyboard.press("Enter")  # and Enter opens, as a scanner ends with it
    type_form(page, typed)
    assert not world.invitation.responses.exists()  # nothing was sent by all those Enters
    save = page.locator("[data-save]")
    expect(save).to_be_focused()
    expect(page.locator("[data-count]")).to_contain_text(f"{len(typed)}")
    assert (
        page.locator("#options-odi2 .is-chosen")
        .inner_text()
        .endswith(items["odi2"].words.options[1][1])
    )
    with next_page(page):
        page.keyboard.press("Enter")
    expect(page.locator("#code")).to_be_focused()  # ready for the next form
    response = world.invitation.responses.get()
    assert (response.method, response.answers["odi3"], response.answers["odi8"]) == (
        "paper",
        None,
        None,
    )
    assert response.answers["odi2"] == 1
    assert someone.complaints == []


def test_errors_stand_beside_the_fields_and_what_was_typed_stays(world, code, visitor):
    someone = visitor(PHONE, world.danespine.people["coord"], **CALM)
    page = someone.page()
    address = reverse("proms:enter", args=["danespine", world.invitation.pk, "paper"])
    page.goto(address)
    page.fill("#odi1", "9")
    page.fill("#odi2", "3")
    with next_page(page):
        page.locator("[data-save]").click()
    expect(page.locator("[data-error-summary]")).to_be_focused()
    expect(page.locator("#error-odi1")).to_be_visible()
    expect(page.locator("#odi1")).to_have_value("9")
    expect(page.locator("#odi2")).to_have_value("3")
    assert accessibility_faults(page) == []
    page.emulate_media(color_scheme="dark")
    assert accessibility_faults(page, ("color-contrast",)) == []
    assert someone.complaints == []


def test_without_scripts_enter_sends_nothing_and_the_button_does(world, code, visitor):
    someone = visitor(DESKTOP, world.danespine.people["coord"], java_script_enabled=False)
    page = someone.page()
    page.goto(reverse("proms:enter", args=["danespine", world.invitation.pk, "paper"]))
    items = form_for(world.invitation.plan, "da").items
    for one, row in items.items():
        page.fill(f"#{one}", "1" if row.item.options else f"{row.item.minimum:g}")
        page.press(f"#{one}", "Enter")
    assert not world.invitation.responses.exists()
    with next_page(page):
        page.locator("[data-save]").click()
    expect(page.locator("#code")).to_be_visible()
    assert world.invitation.responses.get().method == "paper"


def test_the_comparison_shows_what_differs(world, code, visitor):
    people = [world.danespine.people[name] for name in ("coord", "admin")]
    items = form_for(world.invitation.plan, "da").items
    typed = {c: "2" if r.item.options else f"{r.item.minimum:g}" for c, r in items.items()}
    for position, (user, odi1) in enumerate(zip(people, ("2", "4"), strict=True), start=1):
        Entry.objects.create(
            invitation=world.invitation,
            position=position,
            method="paper",
            language="da",
            answered_on=clock.today(),
            answers={**typed, "odi1": odi1},
            entered_by=user,
            entered_at=clock.now(),
        )
    someone = visitor(PHONE, people[1], **CALM)
    page = someone.page()
    page.goto(reverse("proms:compare", args=["danespine", world.invitation.pk]))
    expect(page.locator("[data-field]")).to_have_count(1)
    assert accessibility_faults(page) == []
    page.fill("#odi1", "3")
    with next_page(page):
        page.locator("[data-save]").click()
    expect(page.locator("#code")).to_be_visible()
    assert world.invitation.responses.get().answers["odi1"] == 2
    assert someone.complaints == []
