"""Staff see in which words patients are asked, and what is not sent for want of licensed words."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.urls import reverse

from proms import actions, selectors
from proms.instruments import NotSendable, WordingState
from proms.questionnaire import form_for
from registry.registers.selectors import definition_for
from tests.unit.proms.factories import make_member, make_operation, make_unit

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ASKED = [("lumbar_stenosis", "before")]


def patient_page(member):
    return reverse("patients:detail", args=["danespine", member.pk])


def test_every_questionnaire_of_the_register_is_listed_with_its_words():
    found = {one.code: one for one in selectors.questionnaires(definition_for("danespine"))}
    assert {"odi", "eq5d3l", "vas_back", "patient_baseline", "sf36"} <= set(found)
    assert found["odi"].asked
    assert not found["sf36"].asked  # planned
    states = {held.language: held.state for held in found["odi"].languages}
    assert states == dict.fromkeys(("nb", "da", "sv", "en"), WordingState.DEMONSTRATION)
    assert {held.state for held in found["patient_baseline"].languages} == {WordingState.OWN}


def test_what_is_left_out_is_told_by_name_even_when_the_rest_is_sent(settings):
    definition = definition_for("danespine")
    words = selectors.words_for(definition, ASKED, "da", age=60)
    assert words.not_sent == ()
    assert len(words.demonstration) == 2  # EQ-5D and ODI; nobody owns a VAS for pain
    settings.REQUIRE_LICENSED_WORDING = True
    words = selectors.words_for(definition, ASKED, "da", age=60)
    assert words.demonstration == ()
    assert [reason for _title, reason in words.not_sent] == [NotSendable.NO_LICENSED_WORDING] * 2


def test_the_patients_page_tells_staff(client_of, settings):
    unit = make_unit()
    member = make_member()
    operation = make_operation(member, planned_on=NOW.date() + timedelta(days=30), unit=unit)
    actions.create_schedule(operation_id=operation.pk)
    client = client_of("coordinator", "danespine")
    with time_machine.travel(NOW, tick=False):
        page = client.get(patient_page(member)).content.decode()
        assert "Asked in demonstration wording, which is not validated:" in page
        assert "(ODI)" in page
        assert "Not sent to this patient:" not in page
        settings.REQUIRE_LICENSED_WORDING = True
        page = client.get(patient_page(member)).content.decode()
    assert "Not sent to this patient:" in page
    assert "There is no licensed wording of this questionnaire" in page


def test_scores_from_demonstration_wording_are_marked(client_of):
    member = make_member()
    operation = make_operation(member, planned_on=NOW.date() + timedelta(days=30))
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    invitation = operation.follow_ups.get(time_point="before").invitation
    items = form_for(invitation.plan, "da").items
    answers = dict.fromkeys(items, 1)
    answers |= {"height_cm": 170, "weight_kg": 70}
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    actions.submit(invitation_id=invitation.pk, now=NOW)
    page = client_of("coordinator", "danespine").get(patient_page(member))
    marked = page.content.decode().count("demonstration wording</span>")
    assert marked == 2  # ODI and EQ-5D, not the two pain scales


def test_the_page_of_questionnaires(client_of, settings):
    client = client_of("coordinator", "danespine")
    page = client.get(reverse("proms:questionnaires", args=["danespine"])).content.decode()
    assert "Demonstration wording, not validated" in page
    assert "planned, not yet in use" in page
    settings.REQUIRE_LICENSED_WORDING = True
    page = client.get(reverse("proms:questionnaires", args=["danespine"])).content.decode()
    assert "Not sent: no licensed wording" in page
    assert "Demonstration wording, not validated" not in page
