"""A coordinator calls three patients: by keys, by pointing, and with an answer taken down."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from patients.actions import seen_at
from proms.actions import create_schedule, invite_due
from proms.models import CallAttempt
from registry.core import clock
from tests.browser.conftest import DESKTOP, PHONE, accessibility_faults, next_page
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def coordinator(user_with, unit):
    here = unit("glostrup-rygkirurgi")
    operated = clock.today() - timedelta(days=370)
    for _ in range(3):
        operation = make_operation(make_member(email=None), performed_on=operated, unit=here)
        seen_at({(operation.membership_id, here.pk): operated})
        create_schedule(operation_id=operation.pk)
    invite_due(now=clock.now())
    user = user_with("coordinator", "danespine", here)
    user.language = "en"
    user.save()
    return user


def test_a_coordinator_calls_three_patients(coordinator, visitor):
    someone = visitor(DESKTOP, coordinator, locale="en")
    page = someone.page()
    page.goto("/follow-up/danespine/telephone/")
    expect(page.locator("[data-call]")).to_have_count(3)
    assert accessibility_faults(page) == []

    # The first does not take the telephone: down to the patient, 2.
    page.keyboard.press("ArrowDown")
    with next_page(page):
        page.keyboard.press("2")
    expect(page.get_by_role("status")).to_contain_text("Noted: no answer")
    expect(page.locator("[data-call]")).to_have_count(2)

    # The second is to be called back tomorrow: 6 opens the fields; Enter alone sends nothing.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("6")
    call = page.locator("[data-call]").first
    moment = (clock.now() + timedelta(days=1)).strftime("%Y-%m-%dT10:30")
    call.get_by_label("Call back at").fill(moment)
    call.get_by_label("Note").fill("After her walk")
    call.get_by_label("Note").press("Enter")
    expect(page.locator("[data-call]")).to_have_count(2)
    assert accessibility_faults(page) == []
    with next_page(page):
        call.get_by_role("button", name="Call back later").click()
    expect(page.get_by_role("status")).to_contain_text("to be called back")
    expect(page.locator("[data-call]")).to_have_count(1)

    # The third answers now: the questions open.
    with next_page(page):
        page.get_by_role("button", name="Answers now").click()
    assert "/follow-up/danespine/telephone/" not in page.url
    outcomes = CallAttempt.objects.order_by("at").values_list("outcome", flat=True)
    assert list(outcomes) == ["no_answer", "call_back", "answered"]
    page.goto("/follow-up/danespine/telephone/?show=later")
    expect(page.locator("[data-call]")).to_have_count(2)
    expect(page.get_by_text("After her walk")).to_be_visible()
    assert someone.complaints == []


def test_it_works_without_scripts_on_a_telephone(coordinator, visitor):
    page = visitor(PHONE, coordinator, java_script_enabled=False, locale="en").page()
    page.goto("/follow-up/danespine/telephone/")
    with next_page(page):
        page.locator(".call").first.get_by_role("button", name="Message left").click()
    expect(page.get_by_role("status")).to_contain_text("Noted: message left")
    assert CallAttempt.objects.get().outcome == "message_left"
