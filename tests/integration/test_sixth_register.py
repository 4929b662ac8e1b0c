"""A register nobody thought of: loaded from files, and everything works without a line of code."""

import csv
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from demo.identities import synthetic_number
from patients.models import Membership
from procedures.models import Operation
from proms import actions as proms
from proms.models import FollowUp, Invitation, Score
from proms.questionnaire import form_for
from registry.core import clock
from registry.registers.selectors import units_of
from registry.units.models import HealthRegion

pytestmark = pytest.mark.django_db
HERE = Path(__file__).resolve().parents[1] / "data" / "registers" / "foot_se"
CODE = "foot_se"
BORN = date(1957, 3, 9)
BEST = 0.9694
"""The index of full health in the Swedish value set (Burström 2014), which has its own start."""


@pytest.fixture
def register(db: None) -> None:
    """The register as its owner loads it."""
    call_command("load_reference", "--folder", str(HERE), verbosity=0)
    call_command("load_register", str(HERE.with_suffix(".toml")), verbosity=0)


def page(client: Client, name: str, **kwargs: object) -> str:
    answer = client.get(reverse(name, kwargs={"register": CODE, **kwargs}), follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def registered(client: Client) -> Membership:
    answer = client.post(
        reverse("patients:register", kwargs={"register": CODE}),
        {
            "number": synthetic_number("SE", BORN, "female", 1),
            "country": "SE",
            "given_name": "Astrid",
            "surname": "Provsson",
            "language": "sv",
            "unit": units_of(CODE)[0].pk,
            "region": HealthRegion.objects.get(code="se-kalmar").pk,
            "email": "astrid@patient.example",
        },
    )
    assert answer.status_code == 302, answer.context["form"].errors
    return Membership.objects.get(register_id=CODE)


def planned(client: Client, member: Membership, day: date) -> Operation:
    url = reverse("procedures:plan", kwargs={"register": CODE, "membership": member.pk})
    typed = {"unit": units_of(CODE)[0].pk, "group": "forefoot", "planned_on": day.isoformat()}
    client.post(url, {**typed, "do": "fields"})
    form = client.get(url).content.decode()
    assert "details-referred_on" in form
    assert "Own county" in form
    own = {"details-referred_on": "2026-06-01", "details-provider": "other_county"}
    assert client.post(url, {**typed, **own, "do": "submit"}).status_code == 302
    return Operation.objects.get()


def answered(point: str, on: date) -> None:
    """The patient answers what is asked on a day with the best health there is."""
    now = datetime.combine(on, time(9), tzinfo=clock.now().tzinfo)
    proms.invite_due(now=now)
    invitation = Invitation.objects.get(time_point=point)
    form = form_for(invitation.plan, "sv")
    answers = {row.code: row.item.values[0] for one in form.pages for row in one.rows}
    proms.save_answers(invitation_id=invitation.pk, answers=answers, language="sv", now=now)
    proms.submit(invitation_id=invitation.pk, now=now)


def test_from_the_file_to_the_yearly_export(
    register: None, client_of: Callable[..., Client], tmp_path: Path, capsys: object
) -> None:
    unit = units_of(CODE)[0]
    surgeon = client_of("clinician", CODE, unit)
    coordinator = client_of("coordinator", CODE)
    today = clock.today()
    year = today.year - 1
    surgery = date(year, 5, 12)

    assert "Foot surgery in south-east Sweden" in surgeon.get("/").content.decode()
    member = registered(surgeon)
    operation = planned(surgeon, member, today + timedelta(days=3))
    answered("before", today)
    assert Score.objects.get(scale="eq5d3l_index").value == pytest.approx(BEST)

    # Performed: what the register asks of its own, each missing part told beside its field.
    url = reverse("procedures:perform", kwargs={"register": CODE, "operation": operation.pk})
    typed = {
        "unit": unit.pk,
        "group": "forefoot",
        "performed_on": today.isoformat(),
        "diagnosis": "M20.1",
        "side": "left",
        "procedures-0-type": "hallux_valgus",
        "details-referred_on": "2026-06-01",
        "details-provider": "other_county",
        "complications_state": "none",
    }
    refused = surgeon.post(url, {**typed, "do": "submit"})
    assert {"details-setting", "details-anaesthesia"} <= set(refused.context["form"].errors)
    own = {"details-setting": "outpatient_room", "details-anaesthesia": "block_surgeon"}
    assert surgeon.post(url, {**typed, **own, "do": "submit"}).status_code == 302
    operation.refresh_from_db()
    assert operation.residence_region.code == "se-kalmar"
    told = page(surgeon, "procedures:detail", operation=operation.pk)
    assert "Foot block by the surgeon" in told
    assert set(FollowUp.objects.values_list("time_point", flat=True)) == {"before", "y1"}

    # One of last year, registered after the fact, whose year has passed since.
    url = reverse("procedures:register", kwargs={"register": CODE, "membership": member.pk})
    typed |= own | {"performed_on": surgery.isoformat(), "side": "right", "do": "submit"}
    typed["details-referred_on"] = f"{year}-01-10"
    assert surgeon.post(url, typed).status_code == 302
    answered("y1", surgery + timedelta(days=366))

    assert "Forefoot" in page(surgeon, "reports:dashboard")
    assert "Linköping" in page(surgeon, "reports:completeness")
    assert "Astrid" in page(surgeon, "proms:worklist") + page(surgeon, "procedures:list")
    assert "Operations by group and year" in page(coordinator, "reports:annual", year=year)

    call_command("annual_report", CODE, str(year), "--format", "json")
    report = capsys.readouterr().out
    assert "Ankle prosthesis" in report
    call_command("export_year", CODE, str(year), "--output", str(tmp_path))
    operations = next(p for p in tmp_path.iterdir() if "operation" in p.name)
    with operations.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert len(rows) == 1
    assert "block_surgeon" in rows[0].values()
    assert not {"Astrid", "Provsson"} & {value for row in rows for value in row.values()}
