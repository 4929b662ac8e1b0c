"""A register of children, from its file: who is asked by age, in which form, and who answers."""

import csv
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import translation

from patients import vault
from patients.actions import note_refused_address
from patients.events import PatientCorrected, PatientDied
from patients.models import Membership, Patient
from procedures.models import Operation
from proms import actions, selectors
from proms.links import token_for
from proms.models import FollowUp, Invitation, Response, StartedForm
from proms.status import status_expression
from registry.accounts.models import Role
from registry.accounts.permissions import Grant, Viewer
from registry.core.errors import RuleBroken
from registry.core.events import announce
from registry.messaging.models import Message
from registry.registers.actions import mark_slices_stale
from reports.annual import trusted_viewer
from reports.exports import export_year
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db
FILE = Path(__file__).resolve().parents[1] / "data" / "registers" / "kids_no.toml"
NOW = datetime(2026, 11, 26, 9, tzinfo=UTC)
SURGERY = date(2026, 12, 20)
TODDLER, CHILD, ADULT = date(2021, 2, 3), date(2015, 2, 3), date(2000, 2, 3)


@pytest.fixture(autouse=True)
def _register(db: None) -> None:
    call_command("load_register", str(FILE), verbosity=0)
    with translation.override("en"):
        yield


def member_of(
    birth_date: date, email: str = "", *, preferred: str = "", **known: str
) -> Membership:
    """Somebody born then who has these addresses and no others."""
    member = make_member(register="kids_no", email=email, language="nb", birth_date=birth_date)
    vault.change_identity(member.patient_id, birth_date=birth_date, **{"telephone": "", **known})
    Patient.objects.filter(pk=member.patient_id).update(preferred_channel=preferred)
    return member


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Invitation]:
    """``asked(CHILD, guardian_email=…)``: the invitation of somebody born then."""
    monkeypatch.setattr("registry.core.clock.now", lambda: NOW)

    def ask(
        birth_date: date = CHILD, email: str = "", member: Membership | None = None, **told: str
    ) -> Invitation:
        member = member or member_of(birth_date, email, **told)
        operation = make_operation(member, planned_on=SURGERY, group="foot")
        actions.create_schedule(operation_id=operation.pk)
        actions.invite_due(now=NOW)
        return FollowUp.objects.get(operation=operation, time_point="before").invitation

    return ask


def let_in(invitation: Invitation, born: date) -> tuple[Client, str]:
    """A browser that has exchanged the link, and the text of the page of the link."""
    client = Client(headers={"accept-language": "en"})
    link = reverse("answer:link", kwargs={"token": token_for(invitation.pk, invitation.generation)})
    client.cookies["answering_language"] = "en"
    page = client.get(link).content.decode()
    typed = {"day": born.day, "month": born.month, "year": born.year}
    assert client.post(link, typed).headers["Location"] == reverse("answer:start")
    return client, page


def codes(invitation: Invitation) -> list[str]:
    return [one["code"] for one in invitation.plan]


def answer_all(client: Client) -> None:
    """Choose the first answer on each page."""
    page = client.get(reverse("answer:start")).context["target"]
    for _step in range(30):
        if page == reverse("answer:review"):
            return
        shown = client.get(page).content.decode()
        form = shown.split('name="form" value="')[1].split('"')[0]
        names = {part.split('"')[0] for part in shown.split('type="radio" name="')[1:]}
        page = client.post(page, {**dict.fromkeys(names, "1"), "form": form, "go": "next"}).headers[
            "Location"
        ]
    raise AssertionError("the form does not end")


def send(client: Client) -> Response:
    form = client.get(reverse("answer:review")).context["fingerprint"]
    client.post(reverse("answer:send"), {"form": form})
    return Response.objects.get()


def test_each_age_is_asked_in_its_own_form(asked):
    assert codes(asked(CHILD, guardian_email="mor@example.org")) == ["eq5dy3l"]
    assert codes(asked(ADULT, "ola@example.org")) == ["eq5d3l"]


@pytest.mark.parametrize(
    ("born", "email", "known", "preferred", "sms", "channels"),
    [
        (ADULT, "ola@example.org", {}, "", "", ["email"]),
        (ADULT, "", {}, "", "", []),
        (ADULT, "ola@example.org", {"telephone": "12345678"}, "sms", "", ["email"]),
        (ADULT, "ola@example.org", {"telephone": "12345678"}, "sms", "http://sms.example", ["sms"]),
        (ADULT, "ola@example.org", {}, "letter", "", []),
        (ADULT, "ola@example.org", {"telephone": "12345678"}, "telephone", "", []),
        (CHILD, "", {"guardian_email": "mor@example.org"}, "", "", ["email"]),
        (CHILD, "barn@example.org", {}, "", "", ["email"]),
        # What a guardian alone answers is never sent to a child.
        (TODDLER, "barn@example.org", {}, "", "", []),
        (TODDLER, "barn@example.org", {"guardian_email": "mor@example.org"}, "", "", ["email"]),
    ],
)
def test_messages_go_by_what_reaches_and_the_others_stand_in_a_worklist(
    asked, settings, born, email, known, preferred, sms, channels
):
    settings.SMS_GATEWAY_URL = sms
    invitation = asked(born, email, preferred=preferred, **{"telephone": "", **known})
    assert list(Message.objects.values_list("channel", flat=True)) == channels
    assert (invitation.unreachable_at is None) == bool(channels)


def test_a_refused_address_is_not_written_to(asked):
    member = member_of(CHILD, guardian_email="mor@example.org")
    told = {"patient_id": member.patient_id, "channel": "email", "now": NOW}
    note_refused_address(**told, recipient="guardian")
    assert asked(member=member).unreachable_at == NOW
    assert not Message.objects.exists()


def test_a_child_may_answer_or_a_guardian_on_its_behalf(asked):
    invitation = asked(CHILD, guardian_email="mor@example.org")
    client, page = let_in(invitation, CHILD)
    assert "When was the child born?" in page
    assert "questions about your child" in page
    assert "treats you" not in page
    who = reverse("answer:who")
    assert client.get(reverse("answer:start")).context["target"] == who
    assert client.get(reverse("answer:review")).headers["Location"] == who
    assert "Who is answering?" in client.get(who).content.decode()
    wrong = client.post(who, {})
    assert wrong.status_code == 422
    assert "Choose who is answering." in wrong.content.decode()
    first = client.post(who, {"answered_by": "guardian"}).headers["Location"]
    assert "behalf" in client.get(first).content.decode()
    assert Invitation.objects.get(pk=invitation.pk).started_at is None
    answer_all(client)
    response = send(client)
    assert (response.method, response.answered_by) == ("proxy", "guardian")
    assert list(response.instruments) == ["eq5dy3l"]


def test_a_child_that_answers_itself_is_no_proxy(asked):
    client, _page = let_in(asked(CHILD, guardian_email="mor@example.org"), CHILD)
    first = client.post(reverse("answer:who"), {"answered_by": "patient"}).headers["Location"]
    assert "behalf" not in client.get(first).content.decode()
    answer_all(client)
    response = send(client)
    assert (response.method, response.answered_by) == ("web", "patient")


def test_the_profile_is_told_on_the_patients_page_and_in_the_export(asked, client_of, tmp_path):
    """There is no index for children: the profile is all that the answers come to."""
    invitation = asked(CHILD, guardian_email="mor@example.org")
    client, _page = let_in(invitation, CHILD)
    client.post(reverse("answer:who"), {"answered_by": "patient"})
    answer_all(client)
    response = send(client)
    worse = {"pain": 3, "anxiety": 2}
    actions.correct_response(response=response, answers=worse, reason="Misread", now=NOW)
    operation = Operation.objects.get()
    Operation.objects.update(performed_on=SURGERY, procedure_type="osteotomy")
    mark_slices_stale([("kids_no", operation.unit_id, SURGERY.year)])
    staff = client_of("coordinator", "kids_no")
    page = staff.get(reverse("patients:detail", args=["kids_no", invitation.membership_id]))
    assert "EQ-5D-Y profile" in page.content.decode()
    assert "<strong>11132</strong>" in page.content.decode()
    viewer = trusted_viewer("kids_no", "test")
    export_year(
        viewer, "kids_no", SURGERY.year, format="csv", folder=tmp_path, language="en",
        on=SURGERY + timedelta(days=9),
    )  # fmt: skip
    text = (tmp_path / "operations.csv").read_text("utf-8-sig")
    [row] = csv.DictReader(text.splitlines(), delimiter=";")
    assert row["eq5dy3l_profile_before"] == "11132"
    assert row["eq5dy3l_profile_y1"] == ""


def test_a_profile_with_a_level_missing_is_none(asked, client_of):
    invitation = asked(CHILD, guardian_email="mor@example.org")
    answers = dict.fromkeys(("mobility", "self_care", "usual_activities", "pain"), 2)
    answers |= {"anxiety": None}
    actions.note_who_answers(
        invitation_id=invitation.pk, answered_by="patient", language="nb", now=NOW
    )
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="nb", now=NOW)
    actions.submit(invitation_id=invitation.pk, now=NOW)
    page = client_of("coordinator", "kids_no").get(
        reverse("patients:detail", args=["kids_no", invitation.membership_id])
    )
    assert "<strong>–</strong>" in page.content.decode()


def test_what_a_guardian_alone_answers_asks_nobody_who_it_is(asked):
    client, page = let_in(asked(TODDLER, guardian_email="mor@example.org"), TODDLER)
    assert "the date of birth of the child" in page.lower()
    assert client.get(reverse("answer:who")).headers["Location"] == reverse("answer:start")
    answer_all(client)
    response = send(client)
    assert (response.method, response.answered_by) == ("proxy", "guardian")


def test_a_grown_up_is_asked_as_before(asked):
    client, page = let_in(asked(ADULT, "ola@example.org"), ADULT)
    assert "When were you born?" in page
    answer_all(client)
    response = send(client)
    assert (response.method, response.answered_by) == ("web", "patient")


def test_nothing_is_sent_in_before_it_is_said_who_answers(asked):
    invitation = asked(CHILD, guardian_email="mor@example.org")
    items = {"mobility", "self_care", "usual_activities", "pain", "anxiety"}
    told = {"invitation_id": invitation.pk, "now": NOW}
    actions.save_answers(**told, answers=dict.fromkeys(items, 1), language="nb")
    with pytest.raises(RuleBroken, match="who is answering"):
        actions.submit(**told)
    with pytest.raises(RuleBroken):
        actions.note_who_answers(**told, answered_by="neighbour", language="nb")
    actions.note_who_answers(**told, answered_by="guardian", language="nb")
    assert StartedForm.objects.get().answers == dict.fromkeys(items, 1)
    by_telephone = actions.submit(**told, method="telephone")
    assert (by_telephone.method, by_telephone.answered_by) == ("telephone", "guardian")
    assert Membership.objects.filter(register_id="kids_no").exists()


# --- An age without a form ---------------------------------------------------------------------

BABY = date(2025, 2, 3)


def laid(birth_date: date, *, planned_on: date = SURGERY) -> dict[str, FollowUp]:
    member = member_of(birth_date, guardian_email="mor@example.org")
    operation = make_operation(member, planned_on=planned_on, group="foot")
    Operation.objects.filter(pk=operation.pk).update(created_at=NOW)
    actions.create_schedule(operation_id=operation.pk)
    return {one.time_point: one for one in FollowUp.objects.filter(operation=operation)}


def states(on: date = SURGERY) -> dict[str, str]:
    return dict(
        FollowUp.objects.annotate(status=status_expression(on)).values_list("time_point", "status")
    )


def test_an_age_without_a_form_is_not_asked_and_not_expected():
    laid(BABY)
    assert states() == {"before": "not_applicable", "y1": "not_applicable"}
    assert actions.invite_due(now=NOW).nothing_to_send == 0
    assert not Invitation.objects.exists()
    coordinator = Viewer(None, (Grant(Role.COORDINATOR, "kids_no", None),))
    asking = selectors.Asking(date(2026, 1, 1), date(2028, 1, 1))
    rate = selectors.response_rates(coordinator, "kids_no", asking, on=date(2028, 1, 1)).total.rate
    assert (rate.eligible, rate.all) == (0, 2)
    assert (
        selectors.worklist(coordinator, "kids_no", on=SURGERY, statuses=selectors.TO_DO).count()
        == 0
    )


def test_the_file_says_why():
    laid(BABY)
    out = StringIO()
    call_command("follow_ups", register="kids_no", on=SURGERY, stdout=out)
    line = next(csv.DictReader(StringIO(out.getvalue())))
    assert (line["what"], line["censor_reason"]) == ("not applicable", "no_form")


def test_a_child_that_is_old_enough_a_year_later_is_asked_then():
    # Three years old before the operation, four when the questions of the year after open.
    laid(date(2023, 2, 3), planned_on=date(2026, 12, 20))
    assert states() == {"before": "not_applicable", "y1": "upcoming"}
    assert states(date(2027, 11, 20))["y1"] == "to_invite"


def test_a_corrected_birth_date_asks_after_all():
    patient_id = laid(BABY)["before"].operation.membership.patient_id
    Patient.objects.filter(pk=patient_id).update(birth_date=CHILD)
    announce(PatientCorrected(patient_id))
    assert states(NOW.date())["before"] == "to_invite"
    assert actions.invite_due(now=NOW).invited == 1


def test_a_form_for_the_age_in_a_new_definition_asks_after_all(tmp_path):
    laid(BABY)
    changed = tmp_path / FILE.name
    changed.write_text(FILE.read_text(encoding="utf-8").replace('"4-7"', '"1-7"'), encoding="utf-8")
    call_command("load_register", str(changed), verbosity=0)
    assert states(NOW.date()) == {"before": "to_invite", "y1": "upcoming"}


def test_who_died_before_is_told_as_dead():
    patient_id = laid(BABY)["before"].operation.membership.patient_id
    died_on = NOW.date() - timedelta(days=40)
    Patient.objects.filter(pk=patient_id).update(died_on=died_on)
    announce(PatientDied(patient_id, died_on))
    assert set(FollowUp.objects.values_list("censor_reason", flat=True)) == {"death"}


# --- Who answered, on paper and by telephone ---------------------------------------------------

ITEMS = ("mobility", "self_care", "usual_activities", "pain", "anxiety")


@pytest.mark.parametrize(
    ("born", "told", "answered_by"),
    [
        (CHILD, "", "patient"),
        (CHILD, "guardian", "guardian"),
        (CHILD, "patient", "patient"),
        (TODDLER, "", "guardian"),
        (TODDLER, "patient", "patient"),
        # Whoever is of age answers alone.
        (ADULT, "", "patient"),
        (ADULT, "guardian", "patient"),
    ],
)
@pytest.mark.parametrize("method", ["paper", "telephone"])
def test_who_answered_is_noted_at_entry(asked, viewer_of, born, told, answered_by, method):
    invitation = asked(born, "ola@example.org", guardian_email="mor@example.org")
    entered = actions.enter_answers(
        invitation_id=invitation.pk,
        typed=dict.fromkeys(ITEMS, "1"),
        answered_on=NOW.date(),
        language="nb",
        method=method,
        by=viewer_of("coordinator", "kids_no"),
        now=NOW,
        answered_by=told,
    )
    assert (entered.response.answered_by, entered.response.method) == (answered_by, method)


def test_nobody_else_answers(asked, viewer_of):
    with pytest.raises(RuleBroken, match="who has answered"):
        actions.enter_answers(
            invitation_id=asked(CHILD, guardian_email="mor@example.org").pk,
            typed=dict.fromkeys(ITEMS, "1"),
            answered_on=NOW.date(),
            language="nb",
            method="paper",
            by=viewer_of("coordinator", "kids_no"),
            now=NOW,
            answered_by="neighbour",
        )


@pytest.mark.parametrize(
    ("born", "chosen"), [(CHILD, "patient"), (TODDLER, "guardian"), (ADULT, "")]
)
def test_the_page_asks_who_answered_and_staff_see_it(asked, client_of, born, chosen):
    invitation = asked(born, "ola@example.org", guardian_email="mor@example.org")
    coordinator = client_of("coordinator", "kids_no")
    address = reverse("proms:enter", args=["kids_no", invitation.pk, "telephone"])
    page = coordinator.get(address)
    assert [value for value, _label, checked in page.context["who"] if checked] == (
        [chosen] if chosen else []
    )
    assert ("Who has answered?" in page.content.decode()) == bool(chosen)
    typed = dict.fromkeys(ITEMS, "1") | {"answered_on": NOW.date().isoformat()}
    said = {"answered_by": "guardian"} if chosen else {}
    assert coordinator.post(address, {**typed, **said, "language": "nb"}).status_code == 302
    patient = reverse("patients:detail", args=["kids_no", invitation.membership_id])
    answers = reverse("proms:correct", args=["kids_no", invitation.pk])
    worklist = reverse("proms:worklist", args=["kids_no"]) + "?show=answered"
    for one, words in (
        (patient, "Answered by a parent or guardian"),
        (answers, "A parent or guardian answered for the child."),
        (worklist, "Answered by a parent or guardian"),
    ):
        assert (words in coordinator.get(one).content.decode()) == bool(chosen), one
    out = StringIO()
    call_command("follow_ups", register="kids_no", on=NOW.date(), stdout=out)
    line = next(csv.DictReader(StringIO(out.getvalue())))
    assert line["answered_by"] == ("guardian" if chosen else "patient")


def test_the_language_is_that_of_whoever_gets_the_message(asked):
    to_child = member_of(CHILD, "barn@example.org")
    to_mother = member_of(CHILD, "barn@example.org", guardian_email="mor@example.org")
    for member, language in ((to_child, "nb"), (to_mother, "sv")):
        Patient.objects.filter(pk=member.patient_id).update(guardian_language="sv")
        invitation = asked(member=member)
        link = reverse(
            "answer:link", kwargs={"token": token_for(invitation.pk, invitation.generation)}
        )
        client = Client()
        client.post(link, {"day": CHILD.day, "month": CHILD.month, "year": CHILD.year})
        assert client.get(reverse("answer:start")).context["language"] == language
