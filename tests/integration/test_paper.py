"""Questionnaires on paper: letters printed as a job, and what staff see of them."""

import io
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import transaction
from django.urls import reverse
from pypdf import PdfReader

from patients.vault import change_identity
from proms import actions
from proms.models import FollowUp, Invitation, PaperForm
from proms.paper.codes import shown
from proms.status import status_expression
from registry.audit.models import AccessLog
from registry.jobs import files
from registry.jobs.actions import run
from registry.jobs.models import Job
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
    if address:
        with transaction.atomic():
            change_identity(held.patient_id, birth_date=BIRTH_DATE, address=address)
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
    job = finished(staff.post(reverse("proms:print", args=["danespine", nowhere.pk])))
    assert job.state == "failed"
    assert len(job.errors) == 1
    nowhere.refresh_from_db()
    assert nowhere.letter_printed_at is None


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
