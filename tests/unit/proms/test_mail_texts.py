"""What messages say and to whom: guardians, own texts, refused addresses, no more reminders."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.urls import reverse

from patients.models import PatientIdentity
from patients.vault import change_identity
from proms import actions, asked, mail
from proms.links import stop_token_for, token_for
from proms.models import Invitation, StoppedReminders
from registry.messaging.composing import ComposedMail, ComposedText, Undelivered, Wanted, Withheld
from registry.messaging.models import Message
from registry.registers.schema.base import Text
from registry.registers.schema.followup import MessageText, TimePointOverride
from registry.registers.selectors import definition_for
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db

SURGERY = date(2026, 12, 20)
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def invited(**member) -> Invitation:
    operation = make_operation(make_member(**member), planned_on=SURGERY)
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    return Invitation.objects.get(follow_ups__operation=operation)


def composed(invitation, rule="invitation", channel="email"):
    state = mail.read([invitation.pk])[invitation.pk]
    return mail.compose([Wanted(invitation.pk, rule, state, channel)], NOW)[0]


# --- Refused addresses ------------------------------------------------------------------------


def refused(invitation, address="patient@mail.example") -> None:
    what = Undelivered(invitation.pk, "invitation", "email", address_refused=True, address=address)
    mail.note_undelivered(what, NOW)


def test_a_refused_address_is_not_used_again_and_the_patient_is_to_be_called():
    invitation = invited()
    refused(invitation)
    invitation.refresh_from_db()
    assert invitation.unreachable_at == NOW
    assert composed(invitation) == Withheld("refused")
    assert PatientIdentity.objects.get().email_refused_at == NOW


def test_a_refusal_that_comes_after_the_address_was_corrected_changes_no_address():
    invitation = invited()
    patient = invitation.membership.patient
    change_identity(patient.pk, birth_date=patient.birth_date, email="new@mail.example")
    refused(invitation)
    assert PatientIdentity.objects.get().email_refused_at is None
    assert composed(invitation).to == "new@mail.example"


def test_a_message_given_up_for_another_reason_leaves_the_address():
    invitation = invited()
    mail.note_undelivered(Undelivered(invitation.pk, "invitation", "email"), NOW)
    invitation.refresh_from_db()
    assert invitation.unreachable_at == NOW
    assert isinstance(composed(invitation), ComposedMail)


def test_an_answered_invitation_is_nobodys_to_call():
    invitation = invited()
    Invitation.objects.update(submitted_at=NOW)
    refused(invitation)
    invitation.refresh_from_db()
    assert invitation.unreachable_at is None


def test_a_changed_address_is_a_changed_state():
    invitation = invited()
    before = mail.read([invitation.pk])
    patient = invitation.membership.patient
    change_identity(patient.pk, birth_date=patient.birth_date, email="new@mail.example")
    assert mail.read([invitation.pk]) != before


# --- Text messages and guardians --------------------------------------------------------------


@pytest.mark.parametrize("language", ["nb", "da", "sv", "en"])
def test_a_text_message_is_short_and_carries_the_link(language):
    invitation = invited(language=language)
    text = composed(invitation, channel="sms")
    assert isinstance(text, ComposedText)
    assert text.to == "+4500000000"
    assert token_for(invitation.pk, 1) in text.text
    assert len(text.text) <= 160
    for word in ("ryg", "rygg", "back", "smert", "smärt", "pain", "operation", "operasjon"):
        assert word not in text.text.replace(token_for(invitation.pk, 1), "").lower()


def test_of_a_child_the_guardian_is_asked_in_the_own_language():
    invitation = invited(birth_date=date(2018, 5, 1), email=None)
    patient = invitation.membership.patient
    change_identity(patient.pk, birth_date=patient.birth_date, guardian_email="parent@mail.example")
    patient.guardian_language = "sv"
    patient.save()
    written = composed(invitation)
    assert written.to == "parent@mail.example"
    assert written.language == "sv"
    assert "ditt barn" in written.text
    assert "ditt barn" in written.html


# --- A register's own text --------------------------------------------------------------------


def in_all(text: str) -> Text:
    return Text(nb=text, da=text, sv=text, en=text)


@pytest.fixture
def own_text(monkeypatch):
    definition = definition_for("danespine")
    own = MessageText(
        key="invitation_before",
        subject=in_all("Hej fra {sender}"),
        body=in_all(
            "Kære patient <b>\n\nSvar inden {last_day}:\n{address}\n\nStop: {stop_address}"
        ),
        sms=in_all("{sender} {address}"),
    )
    proms = definition.proms.model_copy(update={"messages": (own,)})
    changed = definition.model_copy(update={"proms": proms})
    changed.__dict__.pop("messages", None)  # looked up before, and copied with the rest
    monkeypatch.setattr(asked, "definition_for", lambda _code: changed)


def test_a_registers_own_text_is_data_and_no_markup(own_text):
    invitation = invited()
    written = composed(invitation)
    assert written.subject == "Hej fra DaneSpine"
    assert "Svar inden 20. december 2026:\n" in written.text
    assert f"/q/{token_for(invitation.pk, 1)}/" in written.text
    assert "Kære patient <b>" in written.text
    assert "Kære patient &lt;b&gt;" in written.html
    assert f'href="{mail.address_for(invitation.pk, 1)}"' in written.html
    assert composed(invitation, channel="sms").text.startswith("DaneSpine http")
    assert "Reminder" not in written.subject


def test_what_a_register_has_no_own_text_for_stays(own_text):
    assert "Hej fra" not in composed(invited(), "new_link").subject


# --- No more reminders ------------------------------------------------------------------------


def test_every_mail_says_how_to_end_reminders():
    invitation = invited()
    written = composed(invitation)
    address = f"<http://127.0.0.1:8000/q/{stop_token_for(invitation.pk)}/stop/>"
    assert written.headers == {
        "List-Unsubscribe": address,
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    assert address.strip("<>") in written.text
    assert address.strip("<>") in written.html


def test_only_pressing_the_button_ends_reminders(client):
    invitation = invited()
    Invitation.objects.update(invited_at=NOW)
    address = f"/q/{stop_token_for(invitation.pk)}/stop/"
    assert client.get(address).status_code == 200
    assert not StoppedReminders.objects.exists()
    client.handler.enforce_csrf_checks = True  # a mail program has no cookie
    for _ in range(2):
        posted = client.post(address, {"List-Unsubscribe": "One-Click"})
        assert posted.status_code == 200
    assert StoppedReminders.objects.get().invitation_id == invitation.pk
    assert composed(invitation, "reminder.first") == Withheld("stopped")
    assert isinstance(composed(invitation, "new_link"), ComposedMail)
    assert actions.queue_reminders(now=NOW + timedelta(days=8)) == 0
    assert Message.objects.count() == 1


def test_who_wanted_no_more_reminders_is_told_what_still_comes_and_staff_see_it(client, client_of):
    invitation = invited()
    page = client.get(f"/q/{stop_token_for(invitation.pk)}/stop/").content.decode()
    assert "no more reminders about these questions" in page
    assert "no messages that tell you beforehand" in page
    assert "Questions that are due later still come" in page
    staff = client_of("coordinator", "danespine")
    patient = reverse("patients:detail", args=["danespine", invitation.membership_id])
    assert "no more reminders" not in staff.get(patient).content.decode()
    client.post(f"/q/{stop_token_for(invitation.pk)}/stop/")
    seen = staff.get(patient).content.decode()
    assert "Asked by the link in a message for no more reminders:" in seen
    assert "Still sent: later questions and their reminders" in seen


def test_the_page_is_the_same_for_every_token(client):
    invitation = invited()
    right = stop_token_for(invitation.pk)
    tokens = [right, "unknown", right[:-1], f"{right}A", stop_token_for(10**12), right.swapcase()]
    for method in (client.get, client.post):
        pages = set()
        for token in tokens:
            page = method(f"/q/{token}/stop/").content.decode()
            page = re.sub(r'csrfmiddlewaretoken" value="\w+"', "", page)
            pages.add(page.replace(token, "…"))
        assert len(pages) == 1
    assert StoppedReminders.objects.count() == 1


def test_the_link_that_ends_reminders_opens_no_questions(client):
    invitation = invited()
    assert client.get(f"/q/{stop_token_for(invitation.pk)}/").status_code == 404


def test_a_reminder_has_the_text_that_the_patients_group_is_reminded_with(monkeypatch):
    definition = definition_for("danespine")
    invitation = invited(language="en")
    group = invitation.follow_ups.get().operation.group
    named = {"key": "first", "after": "invitation", "days": 7}
    override = TimePointOverride(groups=[group], reminders=[{**named, "text": "own"}])
    words = Text(nb="Vi", da="Vi", sv="Vi", en="We of the lumbar group")
    text = MessageText(key="own", subject=words, body=words)
    point = definition.time_points["before"]
    monkeypatch.setitem(point.__dict__, "overrides", (override,))
    monkeypatch.setitem(definition.__dict__, "messages", {"own": text})
    assert "lumbar group" in composed(invitation, "reminder.first").text
    monkeypatch.setitem(
        point.__dict__, "overrides", (override.model_copy(update={"groups": ("scoliosis",)}),)
    )
    assert "lumbar group" not in composed(invitation, "reminder.first").text
