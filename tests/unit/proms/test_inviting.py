"""The night's selection, reminders and what staff do about one invitation."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pghistory
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from proms import actions, mail, tasks
from proms.links import digest, digest_for, first_digests, token_for
from proms.models import FollowUp, Invitation
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.messaging.actions import mark_sent
from registry.messaging.composing import ComposedMail, Wanted, Withheld
from registry.messaging.models import Message
from tests.unit.proms.factories import make_member, make_operation, make_unit

pytestmark = pytest.mark.django_db

SURGERY = date(2026, 12, 20)
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def planned(member=None, on=SURGERY, **fields):
    operation = make_operation(member or make_member(), planned_on=on, **fields)
    actions.create_schedule(operation_id=operation.pk)
    return operation


def invitation_of(operation) -> Invitation:
    return Invitation.objects.get(follow_ups__operation=operation)


def composed(invitation, rule="invitation", now=NOW):
    wanted = Wanted(invitation.pk, rule, mail.read([invitation.pk])[invitation.pk])
    return mail.compose([wanted], now)[0]


def test_an_open_follow_up_is_asked_once():
    operation = planned()
    assert actions.invite_due(now=NOW).invited == 1
    assert actions.invite_due(now=NOW).invited == 0
    invitation = invitation_of(operation)
    assert [one["code"] for one in invitation.plan] == [
        "patient_baseline",
        "vas_back",
        "vas_leg",
        "eq5d3l",
        "odi",
    ]
    message = Message.objects.get()
    assert message.key == f"proms.invitation:{invitation.pk}:invitation:email:1"
    assert bytes(invitation.token_digest) == digest(token_for(invitation.pk, 1))


def test_a_window_not_yet_open_or_closed_is_not_asked():
    planned(on=NOW.date() + timedelta(days=91))
    planned(on=NOW.date() - timedelta(days=1))
    assert actions.invite_due(now=NOW).invited == 0


def test_several_operations_of_one_patient_are_asked_together():
    member = make_member()
    planned(member)
    planned(member, on=SURGERY + timedelta(days=7))
    assert actions.invite_due(now=NOW).invited == 1
    invitation = Invitation.objects.get()
    assert invitation.follow_ups.count() == 2
    assert invitation.closes_on == SURGERY + timedelta(days=7)


def test_a_follow_up_that_opens_later_joins_the_waiting_invitation():
    member = make_member()
    planned(member)
    actions.invite_due(now=NOW)
    planned(member, on=SURGERY + timedelta(days=3))
    assert actions.invite_due(now=NOW + timedelta(days=1)).joined == 1
    assert Invitation.objects.count() == 1
    assert Message.objects.count() == 1


def test_a_patient_without_address_is_noted_for_the_telephone():
    operation = planned(make_member(email=None))
    done = actions.invite_due(now=NOW)
    assert (done.invited, done.unreachable) == (0, 1)
    assert invitation_of(operation).unreachable_at == NOW
    assert not Message.objects.exists()


def test_without_licensed_wording_nothing_owned_by_others_is_sent(settings):
    settings.REQUIRE_LICENSED_WORDING = True
    operation = planned()
    actions.invite_due(now=NOW)
    codes = {one["code"] for one in invitation_of(operation).plan}
    assert "odi" not in codes
    assert "vas_back" in codes


def test_a_limit_takes_those_due_first():
    late = planned(on=SURGERY + timedelta(days=30))
    soon = planned(on=NOW.date() + timedelta(days=2))
    assert actions.invite_due(now=NOW, limit=1).invited == 1
    assert FollowUp.objects.filter(operation=soon, invitation__isnull=False).exists()
    assert not FollowUp.objects.filter(operation=late, invitation__isnull=False).exists()


def test_links_of_many_are_the_links_of_each():
    ids = [1, 22, 333_333]
    assert first_digests(ids) == b"".join(digest_for(pk, 1) for pk in ids)


def test_the_number_of_queries_does_not_depend_on_the_number_of_patients():
    unit = make_unit()

    def queries(number: int) -> int:
        for _ in range(number):
            planned(unit=unit)
        with CaptureQueriesContext(connection) as captured:
            assert actions.invite_due(now=NOW).invited == number
            actions.queue_reminders(now=NOW)
        return len(captured)

    queries(1)
    assert queries(2) == queries(10) <= 20


# --- The mail ---------------------------------------------------------------------------------


def test_the_mail_carries_the_link_and_nothing_clinical_in_its_subject():
    operation = planned(make_member(language="da"))
    actions.invite_due(now=NOW)
    invitation = invitation_of(operation)
    written = composed(invitation)
    assert isinstance(written, ComposedMail)
    assert written.to == "patient@mail.example"
    assert f"/q/{token_for(invitation.pk, 1)}/" in written.text
    assert f"/q/{token_for(invitation.pk, 1)}/" in written.html
    assert "DaneSpine" in written.subject
    assert written.language == "da"
    for word in ("ryg", "smerte", "operation"):
        assert word not in written.subject.lower()
    assert "patient@mail.example" not in repr(written)


def test_a_reminder_carries_the_same_link():
    operation = planned()
    actions.invite_due(now=NOW)
    token = token_for(invitation_of(operation).pk, 1)
    assert token in composed(invitation_of(operation), "reminder.first").text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"submitted_at": NOW}, "answered"),
        ({"declined_at": NOW}, "declined"),
        ({"closes_on": date(2026, 11, 19), "due_on": date(2026, 11, 19)}, "closed"),
    ],
)
def test_a_mail_that_has_become_pointless_is_withheld(change, reason):
    operation = planned()
    actions.invite_due(now=NOW)
    Invitation.objects.update(**change)
    assert composed(invitation_of(operation)) == Withheld(reason)


def test_nothing_is_sent_to_the_dead_or_to_who_has_opted_out():
    member = make_member()
    operation = planned(member)
    actions.invite_due(now=NOW)
    member.opted_out_on = date(2026, 11, 1)
    member.save()
    assert composed(invitation_of(operation)) == Withheld("opted_out")
    member.patient.died_on = date(2026, 11, 1)
    member.patient.save()
    assert composed(invitation_of(operation)) == Withheld("died")


def test_nothing_is_sent_about_a_cancelled_operation():
    operation = planned()
    actions.invite_due(now=NOW)
    operation.cancelled_on, operation.cancel_reason = NOW.date(), "recovered"
    operation.save()
    actions.censor_operations(operation_ids=[operation.pk])
    assert composed(invitation_of(operation)) == Withheld("closed")


def test_a_batch_costs_as_many_queries_as_one_mail():
    for language in ("da", "nb", "sv", "en", "da"):
        planned(make_member(language=language))
    actions.invite_due(now=NOW)

    def queries(number: int) -> int:
        ids = list(Invitation.objects.values_list("pk", flat=True)[:number])
        with CaptureQueriesContext(connection) as captured:
            states = mail.read(ids)
            written = mail.compose([Wanted(pk, "invitation", states[pk]) for pk in ids], NOW)
        assert len({one.text for one in written}) == number
        return len(captured)

    assert queries(1) == queries(5) <= 5


def test_each_patient_gets_the_own_link_and_last_day():
    soon, late = planned(), planned(on=SURGERY + timedelta(days=11))
    actions.invite_due(now=NOW)
    first, second = (composed(invitation_of(one)) for one in (soon, late))
    assert "20. december 2026" in first.text
    assert "20. december 2026" in first.html
    assert "31. december 2026" in second.text
    own = token_for(invitation_of(soon).pk, 1)
    assert own in first.html
    assert own not in second.text + second.html
    assert not {mail.ADDRESS, mail.LAST_DAY} & set(first.text + first.html)


def test_a_mail_sent_is_noted_on_its_invitation_with_its_history():
    invitation = invited()
    invitation.refresh_from_db()
    assert (invitation.invited_at, invitation.reminded_at) == (NOW, None)
    later = NOW + timedelta(days=8)
    actions.queue_reminders(now=later)
    with pghistory.context(actor=None, source="task messaging.send_due"):
        assert mark_sent(Message.objects.get(rule="reminder.first"), now=later, note=mail.NOTE_SENT)
    invitation.refresh_from_db()
    assert (invitation.invited_at, invitation.reminded_at) == (NOW, later)
    event = Invitation.pgh_event_model.objects.filter(pgh_obj=invitation).latest("pgh_id")
    assert event.reminded_at == later
    assert event.pgh_context.metadata["source"] == "task messaging.send_due"


def test_sending_an_invitation_again_keeps_the_day_of_the_first():
    invitation = invited()
    later = NOW + timedelta(days=2)
    actions.send_again(invitation=invitation, now=later)
    again = Message.objects.get(sent_at=None)
    assert mark_sent(again, now=later, note=mail.NOTE_SENT)
    assert not mark_sent(again, now=later + timedelta(days=1), note=mail.NOTE_SENT)
    invitation.refresh_from_db()
    assert (invitation.invited_at, invitation.reminded_at) == (NOW, None)


# --- Reminders --------------------------------------------------------------------------------
# Before surgery: the first 7 days after the invitation, the last 3 days after due (day −7).


def invited(at=NOW, on=SURGERY) -> Invitation:
    operation = planned(on=on)
    actions.invite_due(now=at)
    invitation = invitation_of(operation)
    for message in Message.objects.filter(subject_id=invitation.pk):
        mark_sent(message, now=at, note=mail.NOTE_SENT)
    return invitation


def waiting_rules() -> list[str]:
    waiting = Message.objects.filter(sent_at__isnull=True, withheld_at__isnull=True)
    return sorted(waiting.values_list("rule", flat=True))


@pytest.mark.parametrize(
    ("days", "rules"),
    [(6, []), (7, ["reminder.first"]), (25, ["reminder.first"]), (26, ["reminder.last"])],
)
def test_reminders_go_on_their_day_and_only_the_newest(days, rules):
    invited()
    actions.queue_reminders(now=NOW + timedelta(days=days))
    assert waiting_rules() == rules


def test_a_reminder_goes_once():
    invited()
    assert actions.queue_reminders(now=NOW + timedelta(days=8)) == 1
    assert actions.queue_reminders(now=NOW + timedelta(days=9)) == 0


def test_an_older_reminder_that_is_still_waiting_is_overtaken():
    invited()
    actions.queue_reminders(now=NOW + timedelta(days=8))
    actions.queue_reminders(now=NOW + timedelta(days=27))
    assert waiting_rules() == ["reminder.last"]
    assert Message.objects.get(rule="reminder.first").withheld_reason == "overtaken"


def test_who_was_invited_late_is_not_reminded_the_same_day():
    at = datetime(2026, 12, 18, 9, tzinfo=UTC)
    invited(at)
    assert actions.queue_reminders(now=at) == 0


@pytest.mark.parametrize("field", ["submitted_at", "declined_at", "unreachable_at", "locked_at"])
def test_nobody_is_reminded_after_the_end(field):
    invited()
    Invitation.objects.update(**{field: NOW})
    assert actions.queue_reminders(now=NOW + timedelta(days=8)) == 0


# --- One invitation ---------------------------------------------------------------------------


def test_a_new_link_revokes_the_old_one_and_unlocks():
    invitation = invited()
    Invitation.objects.update(locked_at=NOW, failed_attempts=5)
    actions.send_new_link(invitation=invitation, now=NOW)
    assert actions.invitation_of(token_for(invitation.pk, 1)) is None
    renewed = actions.invitation_of(token_for(invitation.pk, 2))
    assert (renewed.locked_at, renewed.failed_attempts) == (None, 0)
    assert waiting_rules() == ["new_link"]
    assert token_for(invitation.pk, 2) in composed(renewed, "new_link").text


def test_sending_again_is_another_message():
    invitation = invited()
    actions.send_again(invitation=invitation, now=NOW)
    assert Message.objects.filter(rule="invitation").count() == 2


def test_a_new_link_goes_by_text_to_who_has_a_telephone_number_only(settings):
    settings.SMS_GATEWAY_URL = "http://127.0.0.1:1/"
    planned(make_member(email=None))
    actions.invite_due(now=NOW)
    actions.send_new_link(invitation=Invitation.objects.get(), now=NOW)
    assert Message.objects.get(rule="new_link").channel == "sms"


def test_declining_ends_the_asking_and_cannot_follow_an_answer():
    invitation = invited()
    actions.queue_reminders(now=NOW + timedelta(days=8))
    actions.decline(invitation=invitation, now=NOW)
    assert waiting_rules() == []
    with pytest.raises(RuleBroken):
        actions.send_again(invitation=invitation, now=NOW)


def test_one_patient_can_be_asked_now():
    operation = planned()
    planned()
    pk = actions.invite_member(membership_id=operation.membership_id, now=NOW)
    assert pk == invitation_of(operation).pk
    assert Invitation.objects.count() == 1


def test_each_share_asks_its_members_and_all_shares_together_everybody():
    members = {planned(make_member()).membership_id for _ in range(7)}
    asked = {
        share: set(
            Invitation.objects.filter(
                pk__in=actions.invite_due(now=NOW, share=share).invitation_ids
            ).values_list("membership_id", flat=True)
        )
        for share in range(actions.SHARES)
    }
    assert set.union(*asked.values()) == members
    assert sum(map(len, asked.values())) == len(members)
    assert all(asked.values())


@pytest.mark.parametrize(
    ("running", "beside", "asks"),
    [
        ({}, {}, False),
        ({}, {"share": 0}, False),
        ({"share": 0}, {}, False),
        ({"share": 0}, {"share": 0}, False),
        ({"share": 0}, {"share": 1}, True),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_run_beside_another_asks_only_whom_the_other_does_not(running, beside, asks):
    for _ in range(4):
        planned(make_member())

    def other_session() -> int:
        try:
            return actions.invite_due(now=NOW, **beside).invited
        finally:
            connection.close()

    with transaction.atomic(), ThreadPoolExecutor(1) as pool:
        actions.invite_due(now=NOW, **running)
        assert (pool.submit(other_session).result() > 0) is asks
    for share in range(actions.SHARES):
        actions.invite_due(now=NOW, share=share)
    assert Invitation.objects.count() == 4


@pytest.mark.django_db(transaction=True)
def test_the_task_asks_everybody_and_notes_who_did_it():
    for _ in range(4):
        planned(make_member(), on=clock.civil_date(clock.now()) + timedelta(days=14))
    tasks.invite_due()
    assert Invitation.objects.count() == Message.objects.count() == 4
    written = Invitation.pgh_event_models["insert"].objects.filter(pgh_label="insert")
    assert {one.pgh_context.metadata["source"] for one in written} == {"task proms.invite_due"}
