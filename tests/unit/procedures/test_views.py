"""Pages: what is typed is kept, faults are told beside their fields, other units see nothing."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

import proms.actions
from patients.models import Membership
from procedures.models import Operation, OperationDraft
from registry.audit.models import AccessLog
from registry.core import clock
from registry.units.models import Unit

pytestmark = pytest.mark.django_db
Make = Callable[..., Operation]

TYPED = {
    "group": "lumbar_stenosis",
    "diagnosis": "M48.0",
    "levels": ["L4-L5", "L5-S1"],
    "procedures-0-type": "decompression",
    "procedures-0-code": "ABC36",
    "details-asa_class": "2",
    "details-previous_surgery_level": "false",
}


@pytest.fixture
def staff(client_of: Callable[..., Client], units: list[Unit]) -> Client:
    """A clinician of the first unit in a browser."""
    return client_of("clinician", "danespine", units[0])


@pytest.fixture
def stranger(client_of: Callable[..., Client], units: list[Unit]) -> Client:
    """A clinician of the second unit in a browser."""
    return client_of("clinician", "danespine", units[1])


def address(name: str, **kwargs: object) -> str:
    return reverse(f"procedures:{name}", kwargs={"register": "danespine", **kwargs})


def yesterday() -> str:
    return (clock.today() - timedelta(days=1)).isoformat()


def test_register_at_once(staff: Client, member: Membership, units: list[Unit]) -> None:
    url = address("register", membership=member.pk)
    answer = staff.post(
        url, {**TYPED, "unit": units[0].pk, "performed_on": yesterday(), "do": "submit"}
    )
    operation = Operation.objects.get()
    assert answer.status_code == 302
    assert answer.url == address("detail", operation=operation.pk)
    assert operation.levels == ["L4-L5", "L5-S1"]
    assert operation.registered_by == staff.user
    page = staff.get(answer.url).content.decode()
    assert "Lumbar spinal stenosis" in page
    assert "Test Person" in page  # who, in the history
    assert not OperationDraft.objects.exists()


def test_faults_keep_what_was_typed_and_change_nothing(
    staff: Client, member: Membership, units: list[Unit]
) -> None:
    url = address("register", membership=member.pk)
    typed = {**TYPED, "unit": units[0].pk, "performed_on": "yesterday", "diagnosis": "backache"}
    page = staff.post(url, {**typed, "do": "submit"}).content.decode()
    assert 'value="yesterday"' in page
    assert 'value="backache"' in page
    assert "This is not a date" in page
    assert not Operation.objects.exists()
    again = staff.post(url, {**typed, "performed_on": yesterday(), "do": "submit"}).content.decode()
    assert 'href="#id_diagnosis"' in again
    assert "is not an ICD-10 code" in again
    # Leaving and coming back finds it all.
    assert 'value="backache"' in staff.get(url).content.decode()


def test_a_question_is_answered_for_the_value_it_was_about(
    staff: Client, member: Membership, units: list[Unit]
) -> None:
    url = address("register", membership=member.pk)
    typed = {**TYPED, "unit": units[0].pk, "performed_on": yesterday(), "do": "submit"}
    typed["details-operation_minutes"] = "700"
    asked = staff.post(url, typed)
    [question] = asked.context["form"].questions()
    assert not Operation.objects.exists()
    changed = {**typed, "confirm": question["stamp"], "details-operation_minutes": "800"}
    assert staff.post(url, changed).status_code == 200
    assert staff.post(url, {**typed, "confirm": question["stamp"]}).status_code == 302


def test_a_draft_is_saved_on_change_and_found_again(
    staff: Client, stranger: Client, member: Membership
) -> None:
    url = address("plan", membership=member.pk)
    part = staff.post(
        url,
        {"group": "lumbar_stenosis", "diagnosis": "half a co"},
        headers={"HX-Request": "true"},
    )
    assert "Draft saved" in part.content.decode()
    assert "<html" not in part.content.decode()
    draft = OperationDraft.objects.get()
    assert draft.data == {"group": ["lumbar_stenosis"], "diagnosis": ["half a co"]}
    assert "half a co" in staff.get(url).content.decode()
    assert stranger.get(url).status_code == 404
    staff.post(url, {"do": "discard"})
    assert not OperationDraft.objects.exists()


def test_enter_and_the_buttons_work_without_scripts(staff: Client, member: Membership) -> None:
    url = address("plan", membership=member.pk)
    page = staff.get(url).content.decode()
    form = page[page.index('id="operation-form"') :]
    buttons = [form[i : i + 60] for i in range(len(form)) if form.startswith('name="do"', i)]
    assert 'value="draft"' in buttons[0]  # what Enter presses
    assert "levels" not in page
    answer = staff.post(url, {"group": "lumbar_stenosis", "do": "fields"}, follow=True)
    assert 'name="levels"' in answer.content.decode()
    more = staff.post(
        url, {"group": "lumbar_stenosis", "do": "rows-procedures"}, follow=True
    ).content.decode()
    assert "procedures-2-type" in more
    assert not Operation.objects.exists()


def test_a_plan_is_performed_from_what_was_planned(staff: Client, plan: Make) -> None:
    planned_on = clock.today()
    operation = plan(planned_on=planned_on, on=planned_on, levels=("L3-L4",))
    url = address("perform", operation=operation.pk)
    page = staff.get(url).content.decode()
    assert f'value="{planned_on.isoformat()}"' in page
    assert 'value="L3-L4" id="id_levels_4" checked' in page
    typed = {**TYPED, "unit": operation.unit_id, "performed_on": planned_on.isoformat()}
    assert staff.post(url, {**typed, "do": "submit"}).status_code == 302
    operation.refresh_from_db()
    assert operation.performed_on == planned_on
    assert staff.get(url).status_code == 302  # nothing more to perform


def test_a_correction_asks_why_and_stands_in_the_history(
    staff: Client, perform_at_once: Make
) -> None:
    operation = perform_at_once()
    url = address("correct", operation=operation.pk)
    typed = {
        **TYPED,
        "unit": operation.unit_id,
        "performed_on": operation.performed_on.isoformat(),
        "side": "left",
        "levels": ["L4-L5"],
        "do": "submit",
    }
    refused = staff.post(url, typed)
    assert "Write the reason" in refused.content.decode()
    answer = staff.post(url, {**typed, "reason": "Side was forgotten"}, follow=True)
    assert "Side was forgotten" in answer.content.decode()
    operation.refresh_from_db()
    assert operation.side == "left"


def test_complications_are_recorded_later(staff: Client, perform_at_once: Make) -> None:
    operation = perform_at_once()
    url = address("result", operation=operation.pk)
    assert staff.get(url).status_code == 200
    typed = {
        "complications_state": "some",
        "complications": ["dural_tear"],
        "complications-dural_tear": operation.performed_on.isoformat(),
        "complications_assessed_on": yesterday(),
        "do": "submit",
    }
    assert staff.post(url, typed).status_code == 302
    assert operation.complications.get().occurred_on == operation.performed_on


def test_cancel_and_another_day(staff: Client, plan: Make) -> None:
    operation = plan(planned_on=clock.today() + timedelta(days=5), on=clock.today())
    url = address("reschedule", operation=operation.pk)
    assert "has passed" in staff.post(url, {"planned_on": "2020-01-01"}).content.decode()
    later = clock.today() + timedelta(days=9)
    assert staff.post(url, {"planned_on": later.isoformat()}).status_code == 302
    url = address("cancel", operation=operation.pk)
    assert "Write the reason" in staff.post(url, {"reason": ".."}).content.decode()
    assert staff.post(url, {"reason": "Patient recovered"}).status_code == 302
    operation.refresh_from_db()
    assert (operation.planned_on, operation.cancel_reason) == (later, "Patient recovered")


def test_another_day_is_confirmed_where_questions_were_sent(staff: Client, plan: Make) -> None:
    operation = plan(planned_on=clock.today() + timedelta(days=20), on=clock.today())
    proms.actions.invite_due(now=clock.now())
    url = address("reschedule", operation=operation.pk)
    later = (clock.today() + timedelta(days=60)).isoformat()
    shown = staff.post(url, {"planned_on": later})
    assert shown.status_code == 200
    assert "Sent already. It can be answered until" in shown.content.decode()
    other = (clock.today() + timedelta(days=61)).isoformat()
    assert staff.post(url, {"planned_on": other, "confirmed": later}).status_code == 200
    assert staff.post(url, {"planned_on": other, "confirmed": other}).status_code == 302
    operation.refresh_from_db()
    assert operation.planned_on.isoformat() == other


@pytest.mark.parametrize("name", ["detail", "perform", "correct", "result", "reschedule", "cancel"])
def test_another_unit_finds_nothing_and_leaves_a_trace(
    stranger: Client, plan: Make, name: str
) -> None:
    operation = plan(planned_on=clock.today(), on=clock.today())
    assert stranger.get(address(name, operation=operation.pk)).status_code == 404
    trace = AccessLog.objects.get(outcome="denied", actor_id=stranger.user.pk)
    assert trace.object_id == str(operation.pk)
    assert trace.patient_id == operation.membership.patient_id


def test_the_list_holds_the_viewers_units_only(staff: Client, stranger: Client, plan: Make) -> None:
    plan(planned_on=clock.today(), on=clock.today())
    assert "Karen Kjærgaard" in staff.get(address("list")).content.decode()
    assert "No operations here" in stranger.get(address("list")).content.decode()
    assert "No operations here" in staff.get(address("list") + "?state=cancelled").content.decode()


def test_another_register_is_not_there(staff: Client, member: Membership) -> None:
    url = reverse("procedures:plan", kwargs={"register": "limb_no", "membership": member.pk})
    assert staff.get(url).status_code == 404
    assert staff.get(reverse("procedures:list", kwargs={"register": "none"})).status_code == 404


def test_pages_speak_the_users_language(staff: Client, plan: Make) -> None:
    staff.user.language = "nb"
    staff.user.save()
    page = staff.get(address("list")).content.decode()
    assert "Operasjoner" in page


def test_the_dates_that_are_nearly_always_today_need_not_be_typed(
    staff: Client, member: Membership, units: list[Unit], plan: Make
) -> None:
    today = clock.today().isoformat()
    url = address("register", membership=member.pk)
    assert f'name="performed_on" id="id_performed_on" value="{today}"' in (
        staff.get(url).content.decode()
    )
    ahead = plan(planned_on=clock.today() + timedelta(days=5), on=clock.today())
    assert f'value="{today}"' in staff.get(address("perform", operation=ahead.pk)).content.decode()
    typed = {**TYPED, "unit": units[0].pk, "performed_on": yesterday()}
    staff.post(url, {**typed, "complications_state": "none", "do": "submit"})
    assert Operation.objects.get(performed_on=yesterday()).complications_assessed_on == (
        clock.today()
    )


def test_a_date_of_assessment_that_was_taken_away_is_missing(
    staff: Client, member: Membership, units: list[Unit]
) -> None:
    typed = {**TYPED, "unit": units[0].pk, "performed_on": yesterday()}
    told = {"complications_state": "none", "complications_assessed_on": "", "do": "submit"}
    page = staff.post(address("register", membership=member.pk), {**typed, **told})
    assert page.context["form"].has_error("complications_assessed_on")
    assert not Operation.objects.exists()


def test_what_is_computed_from_the_entries_is_shown_with_them(
    staff: Client, member: Membership, units: list[Unit]
) -> None:
    url = address("register", membership=member.pk)
    typed = {
        "unit": units[0].pk,
        "performed_on": yesterday(),
        "group": "metastasis",
        "diagnosis": "C79.5",
        "procedures-0-type": "decompression",
        "levels": ["L4"],
        "details-asa_class": "3",
        "details-previous_surgery_level": "false",
        "details-tokuhashi_karnofsky": "80_100",
        "details-tokuhashi_extraspinal": "none",
        "details-tokuhashi_vertebral": "one",
        "details-tokuhashi_organ": "none",
        "details-tokuhashi_palsy": "frankel_e",
    }
    part = staff.post(url, typed, headers={"HX-Request": "true"}).content.decode()
    assert "Tokuhashi score" in part
    assert "Too few questions were answered" in part
    typed["details-tokuhashi_primary"] = "carcinoid"
    part = staff.post(url, typed, headers={"HX-Request": "true"}).content.decode()
    assert ">15</dd>" in part
    assert "12 months or more" in part
    answer = staff.post(url, {**typed, "do": "submit"}, follow=True)
    page = answer.content.decode()
    assert Operation.objects.exists(), answer.context["form"].errors
    assert ">15</dd>" in page
    assert "Expected survival" in page
