"""A corrected instrument rescores nothing by itself; asked for, it is previewed and recorded."""

import shutil
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from proms import actions, plans
from proms.instruments import loader
from proms.models import Response, Score, ScoreEvent
from proms.questionnaire import form_for
from registry.registers.models import StaleSlice
from registry.registers.selectors import definition_for
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SPINE = "danespine"


def answered(**changes) -> Response:
    """A patient's answers before surgery: 2 to every question of ODI unless told otherwise."""
    operation = make_operation(make_member(), planned_on=NOW.date() + timedelta(days=30))
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    invitation = operation.follow_ups.get(time_point="before").invitation
    answers = dict.fromkeys(form_for(invitation.plan, "da").items, 2)
    answers |= {"height_cm": 170, "weight_kg": 70, "smoking": 1, **changes}
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    return actions.submit(invitation_id=invitation.pk, now=NOW)


def correct(response: Response, **answers) -> Response:
    return actions.correct_response(response=response, answers=answers, reason="misread", now=NOW)


def score_of(response, scale="odi") -> Score:
    return Score.objects.get(response=response, scale=scale)


@pytest.fixture
def corrected(tmp_path, monkeypatch):
    """ODI as version 2.0, which wants all ten answers and takes their mean."""

    def new_version():
        folder = tmp_path / "definitions"
        shutil.copytree(loader.DEFINITIONS, folder)
        old = (folder / "odi.toml").read_text("utf-8")
        (folder / "odi.1.0.toml").write_text(old, "utf-8")
        new = old.replace('version = "1.0"', 'version = "2.0"').replace('"percent"', '"mean"')
        new = new.replace("minimum_answered = 9", "minimum_answered = 10")
        (folder / "odi.toml").write_text(new, "utf-8")
        monkeypatch.setattr(loader, "DEFINITIONS", folder)
        plans._plan.cache_clear()

    yield new_version
    plans._plan.cache_clear()


@pytest.fixture
def all_ten(monkeypatch):
    """The register leaves the minimum of ODI to the instrument."""
    definition = definition_for(SPINE)
    about = definition.about.model_copy(update={"odi_minimum_answered": 10})
    return definition.model_copy(update={"about": about})


def test_a_corrected_instrument_leaves_old_scores_alone(corrected):
    response = answered()
    corrected()
    later = answered()
    assert (score_of(response).value, score_of(response).instrument_version) == (40.0, "1.0")
    assert (score_of(later).value, score_of(later).instrument_version) == (2.0, "2.0")
    # A correction of an answer given in the old version is scored by the old version too.
    fixed = correct(response, odi1=3)
    assert (score_of(fixed).value, score_of(fixed).instrument_version) == (42.0, "1.0")


def test_a_preview_tells_what_would_change_and_writes_nothing(corrected, all_ten):
    answered(odi8=None)
    answered()
    corrected()
    done = actions.rescore(definition=all_ten, instrument_code="odi")
    (odi,) = done.scales
    assert (done.version, done.from_versions, done.applied) == ("2.0", {"1.0": 2}, False)
    assert (odi.responses, odi.changed, odi.gained, odi.lost) == (2, 1, 0, 1)
    assert (odi.mean_difference, odi.largest_difference) == (-38.0, -38.0)
    assert set(Score.objects.filter(scale="odi").values_list("value", flat=True)) == {40.0}
    assert not ScoreEvent.objects.exists()


def test_applied_it_writes_scores_history_and_stale_slices_once(corrected, all_ten):
    short, whole = answered(odi8=None), answered()
    corrected()
    StaleSlice.objects.all().delete()
    assert actions.rescore(definition=all_ten, instrument_code="odi", apply=True).applied
    assert (score_of(whole).value, score_of(whole).instrument_version) == (2.0, "2.0")
    assert (score_of(short).value, score_of(short).reason) == (None, "too_few_answers")
    assert score_of(whole, "eq5d3l_index").instrument_version == "1.0"  # another instrument
    # What was answered, and in which version, stays.
    whole.refresh_from_db()
    assert whole.instruments["odi"]["version"] == "1.0"
    kept = ScoreEvent.objects.filter(pgh_label="rescored").order_by("response_id")
    assert [(one.response_id, one.value, one.instrument_version) for one in kept] == [
        (short.pk, 40.0, "1.0"),
        (whole.pk, 40.0, "1.0"),
    ]
    assert StaleSlice.objects.filter(register_id=SPINE).exists()
    StaleSlice.objects.all().delete()
    again = actions.rescore(definition=all_ten, instrument_code="odi", apply=True)
    assert (again.from_versions, again.scales[0].changed) == ({"2.0": 2}, 0)
    assert ScoreEvent.objects.count() == 2
    assert not StaleSlice.objects.exists()  # nothing was written, nothing is computed anew


def test_only_what_was_scored_with_a_version(corrected):
    old = answered()
    corrected()
    answered()
    definition = definition_for(SPINE)
    done = actions.rescore(definition=definition, instrument_code="odi", from_version="1.0")
    assert done.from_versions == {"1.0": 1}
    none = actions.rescore(definition=definition, instrument_code="odi", from_version="0.9", apply=True)  # noqa: E501  # fmt: skip
    assert none.responses == 0
    assert score_of(old).value == 40.0


def test_a_register_that_changes_its_value_set_can_score_anew():
    response = answered(mobility=1, self_care=1, usual_activities=1, pain=2, anxiety=1)
    definition = definition_for(SPINE)
    about = definition.about.model_copy(update={"eq5d_value_set": "uk"})
    changed = definition.model_copy(update={"about": about})
    assert score_of(response, "eq5d3l_index").value == 0.824
    actions.rescore(definition=changed, instrument_code="eq5d3l", apply=True)
    held = score_of(response, "eq5d3l_index")
    assert (held.value, held.variant) == (0.796, "uk")


def test_superseded_answers_and_other_registers_are_left_alone(corrected):
    first = answered()
    correct(first, odi1=5)
    corrected()
    done = actions.rescore(definition=definition_for(SPINE), instrument_code="odi", apply=True)
    assert done.responses == 1
    assert score_of(first).value == 40.0
    other = definition_for("limb_no")
    assert actions.rescore(definition=other, instrument_code="odi", apply=True).responses == 0


def run(*arguments: str) -> str:
    said = StringIO()
    call_command("rescore", *arguments, stdout=said)
    return said.getvalue()


def test_the_command_is_dry_unless_told(corrected):
    response = answered()
    corrected()
    said = run("odi", "--register", SPINE)
    assert "odi 2.0: 1 responses" in said
    assert "scored with version 1.0 until now: 1" in said
    assert "odi: 1 of 1 change, by -38.00 on average and -38.00 at most" in said
    assert "Nothing was written." in said
    assert score_of(response).value == 40.0
    assert "Written." in run("odi", "--register", SPINE, "--apply")
    assert score_of(response).value == 2.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("oswestry", "--register", SPINE), "unknown instrument “oswestry”"),
        (("odi", "--register", "knees"), "no register “knees”; known are .*danespine"),
    ],
)
def test_the_command_says_what_is_wrong(arguments, message):
    with pytest.raises(CommandError, match=message):
        run(*arguments)
