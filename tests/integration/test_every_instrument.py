"""Every instrument for patients, switched on in a register's file and answered to the scores.

What a register plans today it may ask tomorrow: by data only, and without a surprise.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command

from proms import actions
from proms.instruments import instrument
from proms.models import Invitation, Response, Score
from proms.questionnaire import Form, form_for
from proms.scoring import score_one
from registry.registers.selectors import definition_for, units_of
from registry.units.models import HealthRegion
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db
DATA = Path(__file__).resolve().parents[1] / "data" / "registers"
CODE = "foot_se"
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
ASKED = 'instruments = [{ code = "eq5d3l" }]'

GROUPS = {
    "forefoot": [
        "patient_baseline", "vas_back", "vas_leg", "vas_neck", "vas_arm", "eq_vas", "eq5d3l",
        "odi", "ndi", "sf36", "srs22r",
    ],
    "mid_hindfoot": ["eq5dy3l", "eq_vas"],
    "ankle_prosthesis": ["patient_followup", "rand36", "eq5d3l"],
}  # fmt: skip


def questionnaires(status: str) -> str:
    """The register's questionnaires, one a group."""
    parts = []
    for group, codes in GROUPS.items():
        uses = ", ".join(f'{{ code = "{code}"{status} }}' for code in codes)
        parts += [
            "[[proms.questionnaires]]",
            f'groups = ["{group}"]',
            'time_points = ["before"]',
            f"instruments = [{uses}]",
        ]
    return "\n".join(parts)


@pytest.fixture
def load(db, tmp_path):
    """Load the register with the questionnaires in use, or only planned."""

    def load(status: str = "") -> None:
        text = (DATA / f"{CODE}.toml").read_text("utf-8")
        before, after = text.split("[[proms.questionnaires]]")
        rest = after[after.index(ASKED) + len(ASKED) :]
        file = tmp_path / f"{CODE}.toml"
        file.write_text(before + questionnaires(status) + rest, "utf-8")
        call_command("load_reference", "--folder", str(DATA / CODE), verbosity=0)
        call_command("load_register", str(file), verbosity=0)

    return load


def asked(group: str) -> Invitation:
    member = make_member(register=CODE, language="sv")
    operation = make_operation(
        member,
        planned_on=NOW.date() + timedelta(days=30),
        group=group,
        unit=units_of(CODE)[0],
        side="left",
        residence_region=HealthRegion.objects.get(code="se-kalmar"),
    )
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    return operation.follow_ups.get(time_point="before").invitation


def answers_to(form: Form, place: int) -> dict[str, float]:
    """The answer at a place among those of each question, the same in every run."""
    return {
        code: row.item.values[(place + n) % len(row.item.values)]
        if row.item.values
        else row.item.minimum + (place + n) % 20
        for n, (code, row) in enumerate(form.items.items())
    }


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_asked_answered_and_scored(group, place, load):
    load()
    invitation = asked(group)
    assert [one["code"] for one in invitation.plan] == GROUPS[group]
    form = form_for(invitation.plan, "sv")
    answers = answers_to(form, place)
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="sv", now=NOW)
    response = actions.submit(invitation_id=invitation.pk, now=NOW)

    stored = {score.scale: score for score in Score.objects.filter(response=response)}
    expected = {}
    for code in GROUPS[group]:
        held = instrument(code)
        assert response.instruments[code]["version"] == held.version
        given = {item: answers[item] for item in held.item_codes}
        for scale, score in score_one(code, given, value_set="se").items():
            if held.scale(scale).kind == "number":
                expected[scale] = (code, score)
    assert set(stored) == set(expected)
    for scale, (code, score) in expected.items():
        found = stored[scale]
        assert score.value is not None, scale
        assert (found.value, found.answered) == (score.value, score.answered)
        assert (found.instrument, found.instrument_version) == (code, instrument(code).version)
        assert found.variant == ("se" if code == "eq5d3l" else "")


def test_what_is_only_planned_is_not_asked(load):
    load(status=', status = "planned"')
    assert definition_for(CODE).instruments_for("forefoot", "before")
    member = make_member(register=CODE)
    operation = make_operation(
        member, planned_on=NOW.date() + timedelta(days=30), group="forefoot", unit=units_of(CODE)[0]
    )
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    assert not Invitation.objects.exists()
    assert not Response.objects.exists()


@pytest.mark.parametrize(
    ("codes", "pages", "minutes"),
    [
        # What a Danish spine patient is asked before surgery, today and with what is planned.
        (["patient_baseline", "vas_back", "vas_leg", "eq5d3l", "odi"], 24, 6),
        (["patient_baseline", "vas_back", "vas_leg", "eq5d3l", "odi", "sf36"], 35, 13),
        (["patient_followup", "vas_back", "vas_leg", "eq5d3l", "odi"], 20, 5),
        # 36 questions on 11 pages: those that share a stem are rows of one.
        (["sf36"], 11, 7),
        (["rand36"], 11, 7),
        (["srs22r"], 22, 5),
    ],
)
def test_pages_and_honest_minutes(codes, pages, minutes):
    form = form_for([{"code": code, "version": instrument(code).version} for code in codes], "da")
    assert (len(form.pages), form.minutes) == (pages, minutes)
    rows = {page.heading: len(page.rows) for page in form.pages if page.in_rows}
    # Height with weight, and both durations of pain.
    pairs = [2, 2] if "patient_baseline" in codes else []
    if "sf36" in codes:
        assert sorted(rows.values()) == [*pairs, 3, 4, 4, 9, 10]
    # Nobody answers faster than a few seconds a question; no page promises that.
    assert form.seconds >= 5 * len(form.items)
