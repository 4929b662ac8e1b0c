"""Questionnaires on paper: letters printed as a job, and what staff see of them."""

import io
import re
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse
from pypdf import PdfReader

from patients.vault import change_identity
from proms import actions
from proms.models import Entry, FollowUp, Invitation, PaperForm, Response
from proms.paper.codes import codes_for, shown
from proms.questionnaire import form_for
from proms.status import status_expression
from registry.audit.models import AccessLog
from registry.jobs import files
from registry.jobs.actions import run
from registry.jobs.models import Job
from registry.registers.selectors import definition_for
from tests.unit.proms.factories import BIRTH_DATE, make_member, make_operation

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
TODAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def today(settings, tmp_path):
    settings.STORAGES = settings.STORAGES | {
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        }
    }
    with time_machine.travel(NOW, tick=True):
        yield


def make_invitation(*, address: str = "Prøvevej 7\n8000 Prøveby", **member) -> Invitation:
    held = make_member(**{"email": None, **member})
    with transaction.atomic():
        change_identity(held.patient_id, birth_date=BIRTH_DATE, address=address, telephone="")
    operation = make_operation(held, planned_on=date(2026, 12, 20))
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    return Invitation.objects.get(follow_ups__operation=operation)


@pytest.fixture
def staff(client_of):
    return client_of("coordinator", "danespine", None)


def finished(response) -> Job:
    """Do the job that a page has started, as a worker would."""
    job = Job.objects.get(pk=response.url.rstrip("/").rsplit("/", 1)[-1])
    run(job_id=str(job.pk))
    job.refresh_from_db()
    return job


def texts(job: Job) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(files.content_of(job))).pages]


def status_of(invitation: Invitation) -> str:
    return (
        FollowUp.objects.annotate(status=status_expression(TODAY)).get(invitation=invitation).status
    )


@pytest.mark.django_db(transaction=True)
def test_letters_are_printed_and_noted(staff):
    first, second = make_invitation(), make_invitation(language="sv")
    make_invitation(email="karen@patient.example")  # gets e-mail, and no letter
    address = reverse("proms:letters", args=["danespine"])
    page = staff.get(address).content.decode()
    assert page.count('name="invitation"') == 2
    job = finished(staff.post(address, {"invitation": [first.pk, second.pk]}))
    assert job.state == "done", job.errors
    pages = texts(job)
    assert sum("Prøvevej 7" in page for page in pages) == 2
    for invitation in (first, second):
        invitation.refresh_from_db()
        form = PaperForm.objects.get(invitation=invitation)
        assert form.language == invitation.membership.patient.language
        assert any(shown(form.code) in page for page in pages)
        assert invitation.letter_printed_at is not None
        assert invitation.invited_at is not None
        assert status_of(invitation) == "letter"
    assert AccessLog.objects.filter(action="print_letter").count() == 2
    patient = reverse("patients:detail", args=["danespine", first.membership_id])
    assert "letter-printed" in staff.get(patient).content.decode()
    assert 'name="invitation"' not in staff.get(address).content.decode()


@pytest.mark.django_db(transaction=True)
def test_who_cannot_be_written_to_is_named_and_left_out(staff):
    good, nowhere = make_invitation(), make_invitation(address="")
    dead = make_invitation()
    FollowUp.objects.filter(invitation=dead).update(censored_on=TODAY, censor_reason="death")
    job = finished(
        staff.post(
            reverse("proms:letters", args=["danespine"]),
            {"invitation": [good.pk, nowhere.pk, dead.pk]},
        )
    )
    notes = " ".join(job.result["notes"])
    assert str(nowhere.membership.registry_number) in notes
    assert str(dead.membership.registry_number) in notes
    assert sum("Prøvevej 7" in page for page in texts(job)) == 1
    assert not PaperForm.objects.exclude(invitation=good).exists()


@pytest.mark.django_db(transaction=True)
def test_nothing_to_print_is_said(staff):
    nowhere = make_invitation(address="")
    letters = reverse("proms:letters", args=["danespine"])
    answer = staff.post(letters, {"invitation": [nowhere.pk]})
    job = finished(answer)
    assert job.state == "failed"
    assert len(job.errors) == 1
    page = staff.get(answer["Location"]).content.decode()
    assert "Nothing was made" in page
    assert "No postal address is known." in page
    assert "wrong in the file" not in page  # there is no file to mend
    nowhere.refresh_from_db()
    assert nowhere.letter_printed_at is None


@pytest.mark.django_db(transaction=True)
def test_without_an_address_the_letter_begins_with_it(staff):
    nowhere = make_invitation(address="")
    answer = staff.post(reverse("proms:print", args=["danespine", nowhere.pk]), follow=True)
    contact = reverse("patients:change", args=["danespine", nowhere.membership_id, "contact"])
    assert answer.redirect_chain == [(contact, 302)]
    assert "No postal address is known. Enter it here" in answer.content.decode()
    assert not Job.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_form_to_hand_over_has_no_letter_and_asks_nobody_by_post(staff):
    invitation = make_invitation(address="", email="karen@patient.example")
    address = reverse("proms:print", args=["danespine", invitation.pk])
    job = finished(staff.post(address, {"hand_over": "1"}))
    pages = texts(job)
    assert all(shown(PaperForm.objects.get().code) in page for page in pages)
    assert not any("Karen" in page for page in pages)
    invitation.refresh_from_db()
    assert invitation.letter_printed_at is None


@pytest.mark.django_db(transaction=True)
def test_printed_again_a_form_keeps_its_code(staff):
    invitation = make_invitation()
    address = reverse("proms:print", args=["danespine", invitation.pk])
    finished(staff.post(address))
    code = PaperForm.objects.get().code
    finished(staff.post(address))
    assert PaperForm.objects.get().code == code


@pytest.mark.django_db(transaction=True)
def test_another_units_patients_are_not_printed(client_of, unit):
    invitation = make_invitation()
    stranger = client_of("clinician", "danespine", unit("kollund"))
    assert (
        stranger.post(reverse("proms:print", args=["danespine", invitation.pk])).status_code == 404
    )
    job = finished(
        stranger.post(reverse("proms:letters", args=["danespine"]), {"invitation": [invitation.pk]})
    )
    assert job.state == "failed"
    assert not PaperForm.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_letter_that_came_back_is_a_case_for_the_telephone(staff):
    invitation = make_invitation()
    finished(staff.post(reverse("proms:print", args=["danespine", invitation.pk])))
    staff.post(
        reverse(
            "proms:act",
            kwargs={"register": "danespine", "invitation": invitation.pk, "what": "unreachable"},
        )
    )
    assert status_of(invitation) == "unreachable"


# --- Entering ---------------------------------------------------------------------------------


def code_of(invitation: Invitation, by) -> str:
    return actions.print_form(
        invitation_id=invitation.pk, language="sv", by=by, now=NOW, by_post=True
    ).code


def typed_for(invitation: Invitation, **changes: str) -> dict[str, str]:
    items = form_for(invitation.plan, "sv").items
    return {
        **{c: "2" if r.item.options else f"{r.item.minimum:g}" for c, r in items.items()},
        "answered_on": "2026-11-20",
        **changes,
    }


@pytest.fixture
def entry_page(staff, viewer_of):
    """An invitation with its printed form, and the page that its code opens."""
    invitation = make_invitation()
    code = code_of(invitation, viewer_of("coordinator", "danespine", None))
    found = staff.post(reverse("proms:find_form", args=["danespine"]), {"code": code.lower()})
    return invitation, code, found.url


@pytest.mark.django_db
def test_a_code_opens_its_form_in_the_language_printed(staff, entry_page):
    _invitation, code, address = entry_page
    page = staff.get(address).content.decode()
    assert shown(code) in page
    assert '<div class="entry-parts" lang="sv">' in page
    assert "Prøve" not in page  # no name on the page either


@pytest.mark.django_db
def test_unknown_mistyped_and_foreign_codes_look_the_same(staff, client_of, unit, entry_page):
    _invitation, code, _address = entry_page
    address = reverse("proms:find_form", args=["danespine"])
    wrong = ("A" if code[0] != "A" else "B") + code[1:]
    unknown = next(codes_for(999_999, "sv"))
    stranger = client_of("clinician", "danespine", unit("kollund"))
    answers = [
        staff.post(address, {"code": wrong}),
        staff.post(address, {"code": unknown}),
        staff.post(address, {"code": ""}),
        stranger.post(address, {"code": code}),
    ]
    errors = [re.search(r'id="code-error"[^>]*>([^<]+)', a.content.decode())[1] for a in answers]
    assert len(set(errors)) == 1
    assert {answer.status_code for answer in answers} == {422}
    assert AccessLog.objects.filter(action="enter_answers", outcome="denied").count() == 1


@pytest.mark.django_db
def test_what_is_typed_becomes_the_answer_and_the_next_form_is_awaited(staff, entry_page):
    invitation, _code, address = entry_page
    sent = staff.post(address, typed_for(invitation))
    assert sent.url == reverse("proms:find_form", args=["danespine"])
    response = Response.objects.get()
    assert (response.method, response.language) == ("paper", "sv")
    entry = Entry.objects.get()
    assert entry.entered_by == staff.user
    assert entry.response == response
    assert AccessLog.objects.filter(action="enter_answers", outcome="granted").exists()


@pytest.mark.django_db
def test_errors_are_beside_the_fields_and_what_was_typed_is_kept(staff, entry_page):
    invitation, _code, address = entry_page
    typed = typed_for(invitation, odi1="9", odi2="", odi3="4", answered_on="2026-11-21")
    page = staff.post(address, typed)
    text = page.content.decode()
    assert page.status_code == 422
    assert 'id="answered_on-error"' in text
    typed["answered_on"] = "2026-11-20"
    text = staff.post(address, typed).content.decode()
    assert 'id="error-odi1"' in text
    assert 'id="error-odi2"' in text
    assert 'id="error-odi3"' not in text
    assert re.search(r'id="odi1" name="odi1" value="9"', text)
    assert re.search(r'id="odi3" name="odi3" value="4"', text)
    assert not Response.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("day", ["", "nonsense", "2026-02-30"])
def test_a_date_that_is_none_is_asked_for(staff, entry_page, day):
    invitation, _code, address = entry_page
    page = staff.post(address, typed_for(invitation, answered_on=day))
    assert page.status_code == 422
    assert 'id="answered_on-error"' in page.content.decode()


@pytest.mark.django_db
def test_an_answer_on_the_web_meanwhile_is_said_and_counts(staff, entry_page):
    invitation, _code, address = entry_page
    answers = dict.fromkeys(form_for(invitation.plan, "da").items, None) | {"odi1": 3}
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    web = actions.submit(invitation_id=invitation.pk, now=NOW)
    page = staff.post(address, typed_for(invitation))
    assert page.status_code == 409
    assert re.search(r'id="odi1" name="odi1" value="2"', page.content.decode())
    assert Response.objects.get() == web


@pytest.mark.django_db
def test_the_second_person_sees_nothing_of_the_first_entry(
    staff, client_of, entry_page, monkeypatch
):
    invitation, code, address = entry_page
    held = definition_for("danespine")
    twice = held.model_copy(update={"proms": held.proms.model_copy(update={"double_entry": True})})
    for module in ("proms.actions.entering", "proms.views.entry"):
        monkeypatch.setattr(f"{module}.definition_for", lambda *_which: twice)
    staff.post(address, typed_for(invitation, odi1="5"))
    assert not Response.objects.exists()
    assert re.search(r'id="odi1" name="odi1" value="5"', staff.get(address).content.decode())
    second = client_of("administrator", "danespine", None)
    blind = second.get(address).content.decode()
    assert re.search(r'id="odi1" name="odi1" value=""', blind)
    waiting = second.get(reverse("proms:find_form", args=["danespine"])).content.decode()
    assert shown(code) in waiting
    differs = second.post(address, typed_for(invitation, odi1="4"))
    compare = reverse("proms:compare", args=["danespine", invitation.pk])
    assert differs.url == compare
    shown_page = second.get(compare).content.decode()
    assert shown_page.count("data-field") == 1
    assert second.post(compare, {"odi1": ""}).status_code == 422
    assert second.post(compare, {"odi1": "4"}).url == reverse("proms:find_form", args=["danespine"])
    response = Response.objects.get()
    assert response.answers["odi1"] == 3
    assert set(response.entries.values_list("entered_by", flat=True)) == {
        staff.user.pk,
        second.user.pk,
    }
