"""Pages of patients, referrals and jobs, as a browser without scripts sees them."""

import io
import re
from datetime import UTC, date, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import translation

from demo.identities import synthetic_number
from patients import actions, vault
from patients.actions import register_patient
from patients.models import Membership, Patient
from referrals.actions import refer
from referrals.models import Consultation, Referral
from registry.accounts.selectors import viewer_for
from registry.audit.models import AccessLog
from registry.core import clock
from registry.jobs.actions import run
from registry.jobs.models import Job
from registry.registers.selectors import units_of

pytestmark = pytest.mark.django_db
BORN = date(2018, 5, 2)
NUMBER = synthetic_number("NO", BORN, "female", 0)


@pytest.fixture(autouse=True)
def _english():
    """A request leaves its language behind in the thread; the next test begins in English."""
    with translation.override("en"):
        yield


@pytest.fixture
def unit(db):
    return units_of("limb_no")[0]


@pytest.fixture
def client(client_of, unit):
    return client_of("clinician", "limb_no", unit)


@pytest.fixture
def coordinator(client_of):
    return client_of("coordinator", "limb_no")


def viewer(client):
    return viewer_for(client.user, on=clock.today())


@pytest.fixture
def member(client, unit):
    return register_patient(
        by=viewer(client),
        register_code="limb_no",
        unit=unit,
        number=NUMBER,
        country="NO",
        given_name="Kari",
        surname="Næss",
        on=clock.today(),
    )


def url(name, *args, app="patients"):
    return reverse(f"{app}:{name}", args=["limb_no", *args])


def text(response):
    assert response.status_code == 200, response.status_code
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


TYPED = {
    "number": NUMBER,
    "country": "NO",
    "given_name": "Kari",
    "surname": "Næss",
    "language": "nb",
}


def test_register_a_patient_by_form(client, unit):
    assert "Identity number" in text(client.get(url("register")))
    response = client.post(url("register"), {**TYPED, "unit": unit.pk}, follow=True)
    assert "Kari Næss" in text(response)
    assert "Registry number 1" in text(response)
    member = Membership.objects.get()
    assert member.patient.birth_date == BORN


def test_what_was_typed_is_kept_beside_its_error(client, unit):
    response = client.post(
        url("register"), {**TYPED, "unit": unit.pk, "number": "123", "email": "kari@"}
    )
    body = response.content.decode()
    assert 'value="123"' in body
    assert 'id="id_number_error"' in body
    assert 'id="id_email_error"' in body
    assert not Patient.objects.exists()


def test_a_birth_date_other_than_the_number_tells_must_be_confirmed(client, unit):
    typed = {**TYPED, "unit": unit.pk, "birth_date": "2018-05-03"}
    assert "confirm if they are right" in text(client.post(url("register"), typed))
    assert not Patient.objects.exists()
    client.post(url("register"), {**typed, "differs": "on"})
    assert Patient.objects.get().birth_date == date(2018, 5, 3)


def test_the_number_suggests_while_it_is_typed(client, member):
    htmx = {"HTTP_HX_REQUEST": "true"}
    body = client.post(url("suggest"), {"number": NUMBER, "country": "NO"}, **htmx)
    assert 'value="2018-05-02"' in body.content.decode()
    assert '<option value="female" selected>' in body.content.decode()
    assert "registered already" in text(body)
    wrong = client.post(url("suggest"), {"number": "123", "country": "NO"}, **htmx)
    assert "11 digits" in text(wrong)
    kept = client.post(
        url("suggest"), {"number": NUMBER, "country": "NO", "birth_date": "2018-05-03"}, **htmx
    )
    assert 'value="2018-05-03"' in kept.content.decode()
    assert "female" in text(client.post(url("suggest"), {"number": ""}, **htmx)).lower()


def test_finding_with_and_without_script(client, member):
    assert "Kari Næss" in text(client.get(url("list")))
    found = client.post(url("list"), {"q": NUMBER})
    assert found.headers["Location"] == url("detail", member.pk)
    part = client.post(url("list"), {"q": "Naess 2.5.2018"}, HTTP_HX_REQUEST="true")
    assert "Kari Næss" in text(part)
    assert "<html" not in part.content.decode()
    assert "Nobody found" in text(client.get(url("list"), {"q": "Holm 2.5.2018"}))
    assert "neither a number" in text(client.post(url("list"), {"q": "Holm"}))


def test_a_number_searched_in_vain_need_not_be_typed_again(client):
    unknown = synthetic_number("NO", BORN, "male", 5)
    page = client.post(url("list"), {"q": unknown})
    assert "Register a patient with this number" in text(page)
    form = client.post(url("register"), {"sought": unknown})
    assert f'value="{unknown}"' in form.content.decode()
    assert not form.context["form"].errors
    assert not Patient.objects.exists()
    assert "with this number" not in text(client.post(url("list"), {"q": "Holm 2.5.2018"}))


def test_a_second_unit_finds_by_number_and_joins(client_of, member):
    second = units_of("limb_no")[1]
    other = client_of("clinician", "limb_no", second)
    assert other.get(url("detail", member.pk)).status_code == 404
    page = other.post(url("list"), {"q": NUMBER})
    assert "at another unit" in text(page)
    assert "Kari" not in text(page)
    joined = other.post(url("join", member.pk), follow=True)
    assert "Kari Næss" in text(joined)
    assert AccessLog.objects.filter(action="join_unit", detail=second.code).exists()


def test_the_patients_page_leaves_a_trace(client, member):
    page = text(client.get(url("detail", member.pk)))
    assert "Registry number 1" in page
    assert NUMBER in page
    assert AccessLog.objects.filter(action="see", object_id=str(member.pk)).exists()


def test_death_says_what_follows_and_can_be_taken_back(client, member):
    assert "Nothing more is sent" in text(client.get(url("change", member.pk, "death")))
    future = client.post(url("change", member.pk, "death"), {"died_on": "2099-01-01"})
    assert "future" in text(future)
    page = client.post(url("change", member.pk, "death"), {"died_on": "2026-01-05"}, follow=True)
    assert "take back" in text(page)
    client.post(url("revoke", member.pk, "death"))
    assert Patient.objects.get().died_on is None


@pytest.mark.parametrize(
    ("what", "typed"),
    [
        ("contact", {"email": "k@example.org", "language": "sv"}),
        (
            "identity",
            {"surname": "Ås", "birth_date": "2018-05-02", "sex": "female", "country": "NO"},
        ),
        ("consent", {"consented_on": "2026-01-05"}),
        ("emigration", {"emigrated_on": "2026-01-05"}),
        ("opt-out", {"opted_out_on": "2026-01-05"}),
    ],
)
def test_every_change_has_its_page(client, member, what, typed):
    assert client.get(url("change", member.pk, what)).status_code == 200
    assert client.post(url("change", member.pk, what), {}).status_code == 200
    assert client.post(url("change", member.pk, what), typed).status_code == 302
    page = client.get(url("detail", member.pk))
    assert page.status_code == 200


def test_the_page_says_who_is_asked_how_and_what_was_refused(client, member):
    page = text(client.get(url("detail", member.pk)))
    assert "Nobody can be reached." in page
    contact = url("change", member.pk, "contact")
    typed = {"language": "nb", "email": "kari@example.org", "telephone": "12345678"}
    client.post(contact, typed)
    assert "The patient is asked by e-mail." in text(client.get(url("detail", member.pk)))
    actions.note_refused_address(
        patient_id=member.patient_id, channel="email", now=datetime(2026, 3, 2, 9, tzinfo=UTC)
    )
    page = text(client.get(url("detail", member.pk)))
    assert "refused on 2 Mar 2026" in page
    assert "The patient is called." in page
    # Saving something else does not make the address good again; saying that it is right does.
    client.post(contact, {**typed, "address": "Skoleveien 1"})
    assert "The patient is called." in text(client.get(url("detail", member.pk)))
    form = client.get(contact).content.decode()
    assert "Refused on 2 Mar 2026" in " ".join(form.split())
    client.post(contact, {**typed, "email_again": "on"})
    assert "The patient is asked by e-mail." in text(client.get(url("detail", member.pk)))


def test_contact_errors_stand_beside_their_fields_and_what_was_typed_is_kept(client, member):
    typed = {"language": "nb", "preferred_channel": "sms", "email": "kari@", "address": "Vei 1"}
    body = client.post(url("change", member.pk, "contact"), typed).content.decode()
    assert 'id="id_email_error"' in body
    assert 'id="id_preferred_channel_error"' in body
    assert 'value="kari@"' in body
    assert "Vei 1" in body
    assert '<option value="sms" selected>' in body


def test_a_childs_guardian_is_entered_and_asked_when_nothing_reaches_the_child(client, member):
    contact = url("change", member.pk, "contact")
    typed = {
        "language": "nb",
        "guardian_email": "mor@example.org",
        "guardian_relation": "parent",
        "guardian_language": "sv",
    }
    assert "Type the guardian&#x27;s name" in client.post(contact, typed).content.decode()
    client.post(contact, typed | {"guardian_name": "Siri Næss"})
    page = text(client.get(url("detail", member.pk)))
    assert "Siri Næss (Parent)" in page
    assert "The guardian is asked by e-mail." in page
    assert "The patient is under 16 years" in page
    member.patient.refresh_from_db()
    assert member.patient.guardian_language == "sv"


def test_erasing_is_for_administrators(client, client_of, member):
    assert client.get(url("change", member.pk, "erase")).status_code == 404
    admin = client_of("administrator", "limb_no")
    admin.post(url("change", member.pk, "erase"), {"reason": "Asked for", "sure": "on"})
    assert "(erased)" in text(client.get(url("detail", member.pk)))
    with pytest.raises(vault.IdentityErased):
        vault.open_identity(member.patient_id)
    for what in ("contact", "identity"):
        assert client.get(url("change", member.pk, what)).status_code == 200
    assert "erased" in text(client.post(url("change", member.pk, "contact"), {"language": "nb"}))


# --- Referrals --------------------------------------------------------------------------------


def test_refer_decide_take_back_and_remove(client, member, unit):
    form = url("refer", member.pk, app="referrals")
    assert "Criterion" in text(client.get(form))
    typed = {"received_on": "2026-09-01", "criterion": "limb_shortening", "unit": unit.pk}
    missing = client.post(form, typed)
    assert "Choose the region" in text(missing)
    from registry.units.models import HealthRegion

    region = HealthRegion.objects.get(code="no-vest")
    client.post(form, {**typed, "region": region.pk})
    referral = Referral.objects.get()
    home = text(client.get("/"))
    assert "To decide" in home
    assert "Kari Næss" in home
    assert "Kari Næss" in text(client.get(url("list", app="referrals")))
    detail = url("detail", referral.pk, app="referrals")
    early = client.post(detail, {"decision": "accepted", "decided_on": "2026-08-01"})
    assert "before the referral was received" in text(early)
    client.post(detail, {"decision": "accepted", "decided_on": "2026-09-05"})
    referral.refresh_from_db()
    assert referral.decision == "accepted"
    client.post(url("revoke", referral.pk, app="referrals"))
    referral.refresh_from_db()
    assert referral.decision == "pending"
    assert "disappears" in text(client.get(url("remove", referral.pk, app="referrals")))
    client.post(url("remove", referral.pk, app="referrals"), {"reason": "Typed twice"})
    assert not Referral.objects.exists()


def test_consultations_by_form(client, member, unit):
    from registry.units.models import HealthRegion

    typed = {
        "held_on": "2026-09-01",
        "kind": "video",
        "unit": unit.pk,
        "region": HealthRegion.objects.get(code="no-nord").pk,
    }
    page = client.post(url("consult", member.pk, app="referrals"), typed, follow=True)
    assert "Video consultation" in text(page)
    seen = Consultation.objects.get()
    remove = url("remove_consultation", seen.pk, app="referrals")
    assert client.get(remove).status_code == 200
    client.post(remove, {"reason": "Wrong child"})
    assert not Consultation.objects.exists()


def test_no_referrals_where_the_register_has_none(client_of):
    spine = client_of("clinician", "danespine", units_of("danespine")[0])
    assert spine.get(reverse("referrals:list", args=["danespine"])).status_code == 404
    assert "Referrals" not in text(spine.get("/"))


# --- Import and jobs --------------------------------------------------------------------------

FILE = f"identity_number;family_name;given_name\n{NUMBER};Næss;Kari\n"


def send(client, unit, content=FILE, kind="patients", name="p.csv"):
    file = SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)
    return client.post(url("import", app="jobs"), {"kind": kind, "unit": unit.pk, "file": file})


def test_a_coordinator_sees_a_preview_confirms_and_follows(coordinator, unit):
    assert "identity_number" in text(coordinator.get(url("import", app="jobs")))
    shown = coordinator.get(send(coordinator, unit).headers["Location"])
    assert "1 row was read and is in order" in text(shown)
    assert "Kari" in text(shown)
    assert not Patient.objects.exists()
    job = Job.objects.get()
    stored = job.file.open("rb").read()
    assert b"Kari" not in stored
    assert NUMBER.encode() not in stored
    coordinator.post(url("confirm", job.pk, app="jobs"))
    assert "begin in a moment" in text(coordinator.get(url("detail", job.pk, app="jobs")))
    run(job_id=str(job.pk))
    run(job_id=str(job.pk))
    done = coordinator.get(url("status", job.pk, app="jobs"))
    assert "1 row was imported" in text(done)
    assert "hx-get" not in done.content.decode()
    assert Patient.objects.count() == 1
    job.refresh_from_db()
    assert not job.file
    assert "Import of patients" in text(coordinator.get(url("list", app="jobs")))


def test_a_preview_tells_what_is_wrong_and_is_thrown_away(coordinator, unit):
    page = coordinator.get(send(coordinator, unit, FILE + "12;X;Y\n").headers["Location"])
    assert "1 thing is wrong" in text(page)
    job = Job.objects.get()
    assert "Import the whole file" not in text(page)
    path = job.file.path
    coordinator.post(url("withdraw", job.pk, app="jobs"))
    assert not Job.objects.exists()
    with pytest.raises(FileNotFoundError):
        open(path).close()


def test_a_failed_job_lists_errors_by_row(coordinator, unit):
    send(coordinator, unit, FILE + "12;X;Y\n")
    job = Job.objects.get()
    coordinator.post(url("confirm", job.pk, app="jobs"))
    run(job_id=str(job.pk))
    page = text(coordinator.get(url("detail", job.pk, app="jobs")))
    assert "Nothing of the file was written" in page
    assert "3 identity_number" in page
    assert not Patient.objects.exists()


def test_jobs_are_their_owners_and_imports_the_coordinators(coordinator, client, client_of, unit):
    send(coordinator, unit)
    job = Job.objects.get()
    other = client_of("coordinator", "limb_no")
    for name in ("preview", "detail", "status", "file"):
        assert other.get(url(name, job.pk, app="jobs")).status_code == 404
    for name in ("confirm", "withdraw"):
        assert other.post(url(name, job.pk, app="jobs")).status_code == 404
    assert client.get(url("import", app="jobs")).status_code == 404
    assert coordinator.get(url("file", job.pk, app="jobs")).status_code == 404
    assert AccessLog.objects.filter(outcome="denied").count() == 8
    assert Job.objects.count() == 1


def test_a_file_made_by_a_job_is_sent_to_its_owner_only(coordinator, client_of, monkeypatch):
    from registry.jobs import runners
    from registry.jobs.actions import start_job

    made = runners.Outcome({}, "year.csv", b"a;b\n1;2\n")
    monkeypatch.setitem(
        runners._runners, "make", runners.Runner(lambda job: "Made", lambda *_: made)
    )
    job = start_job(by=viewer(coordinator), kind="make", register_code="limb_no")
    run(job_id=str(job.pk))
    got = coordinator.get(url("file", job.pk, app="jobs"))
    assert b"".join(got.streaming_content) == b"a;b\n1;2\n"
    assert "year.csv" in got.headers["Content-Disposition"]
    other = client_of("coordinator", "limb_no")
    assert other.get(url("file", job.pk, app="jobs")).status_code == 404


def test_an_unexpected_error_is_explained_and_undone(coordinator, monkeypatch, unit, caplog):
    from registry.jobs import runners
    from registry.jobs.actions import start_job

    def breaks(job, by, progress):
        register_patient(
            by=by,
            register_code="limb_no",
            unit=unit,
            number=NUMBER,
            given_name="",
            surname="X",
            on=clock.today(),
        )
        raise ZeroDivisionError

    monkeypatch.setitem(runners._runners, "breaks", runners.Runner(lambda job: "B", breaks))
    job = start_job(by=viewer(coordinator), kind="breaks", register_code="limb_no")
    run(job_id=str(job.pk))
    assert "not your fault" in text(coordinator.get(url("detail", job.pk, app="jobs")))
    assert not Patient.objects.exists()
    assert "ZeroDivisionError" in caplog.text


def test_an_xlsx_upload_is_previewed(coordinator, unit):
    from openpyxl import Workbook

    book = Workbook()
    for row in FILE.splitlines():
        book.active.append(row.split(";"))
    file = io.BytesIO()
    book.save(file)
    page = coordinator.get(
        send(coordinator, unit, file.getvalue(), name="p.xlsx").headers["Location"]
    )
    assert "1 row was read" in text(page)


def test_every_page_speaks_every_language(coordinator, member, unit):
    refer(
        by=viewer(coordinator),
        membership=member,
        unit=unit,
        received_on=date(2026, 9, 1),
        criterion="limb_shortening",
        region=unit.site_region,
        on=clock.today(),
    )
    for language, words in (
        ("nb", ("Pasienter", "Henvisninger")),
        ("da", ("Patienter", "Henvisninger")),
        ("sv", ("Patienter", "Remisser")),
    ):
        coordinator.user.language = language
        coordinator.user.save()
        assert words[0] in text(coordinator.get(url("list")))
        assert words[1] in text(coordinator.get(url("list", app="referrals")))
