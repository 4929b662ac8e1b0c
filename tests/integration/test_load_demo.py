"""The loaded demo: what is in the database agrees with print, and the registry can live on it."""

from collections import Counter
from datetime import datetime, time, timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import Avg, Count, Q
from django.utils import timezone

from demo import limb_no
from demo.accounts import ACCOUNTS, PASSWORD
from demo.danespine.recent import SCENARIOS
from demo.loading import REGISTERS, load
from demo.loading.copying import checked_at_the_end, copy_rows, reserve_ids
from demo.published import table
from patients import vault
from patients.identity import parse
from patients.models import Membership, Patient, PatientIdentity, PatientKey
from patients.selectors import memberships_by_number
from procedures.models import Operation, TreatmentGoal
from proms.actions.inviting import invite_due, queue_reminders
from proms.models import FollowUp, Response, Score
from proms.scoring import score_one
from proms.selectors import telephone_worklist
from referrals.models import Consultation, Referral
from registry.accounts.models import Role, RoleAssignment, User
from registry.accounts.permissions import Grant, Viewer
from registry.accounts.selectors import viewer_for
from registry.messaging.models import Message
from registry.registers.models import StaleSlice
from reports.models import CompletenessFact, OperationScaleFact
from tests.conftest import TODAY

NOW = timezone.make_aware(datetime.combine(TODAY, time(9)))
SPINE_RECENT = sum(scenario.count for scenario in SCENARIOS)


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker):
    """The small demo, loaded once for this module by the owner, and taken back afterwards."""
    said: list[str] = []
    application = dict(connection.settings_dict)
    with django_db_blocker.unblock():
        _become(settings.OWNER_DATABASE)
        with transaction.atomic():
            load(registers=REGISTERS, scale="small", on=TODAY, now=NOW, say=said.append)
            yield said
            transaction.set_rollback(True)
        _become(application)


def _become(role):
    connection.close()
    for key in ("USER", "PASSWORD", "HOST", "PORT"):
        connection.settings_dict[key] = role[key]


@pytest.fixture
def taken_back(demo):
    """What the test does to the demo is undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def test_progress_is_told_step_by_step(demo):
    text = "\n".join(demo)
    assert "limb_no:" in text
    assert "danespine:" in text
    assert "consultations.csv" in text
    assert all(line.endswith(("s)", ":")) for line in demo)


def test_a_second_run_says_so_and_changes_nothing(demo):
    models = (Patient, Membership, Operation, FollowUp, Response, Score, User, Consultation)
    before = [model.objects.count() for model in models]
    said: list[str] = []
    load(registers=REGISTERS, scale="full", on=TODAY, now=NOW, say=said.append)
    assert [model.objects.count() for model in models] == before
    assert len(said) == 2
    assert all("nothing changed" in line for line in said)


def test_every_row_has_its_history_with_the_context_of_the_load(demo):
    for model in (Patient, Membership, PatientIdentity, Operation, Consultation):
        entries = model.pgh_event_models["insert"].objects.filter(pgh_label="insert")
        assert entries.count() == model.objects.count()
        contexts = set(entries.values_list("pgh_context__metadata__source", flat=True))
        assert contexts == {"load_demo"}
    one = Operation.objects.latest("pk")
    event = Operation.pgh_event_models["insert"].objects.get(pgh_obj_id=one.pk, pgh_label="insert")
    assert (event.group, event.details) == (one.group, one.details)


# --- limb_no ----------------------------------------------------------------------------------


CATALOGUE = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    UNION ALL
    SELECT tablename, indexname, indexdef FROM pg_indexes ORDER BY 1, 2, 3
"""


def catalogue():
    with connection.cursor() as cursor:
        cursor.execute(CATALOGUE)
        return cursor.fetchall()


def test_keys_and_indexes_taken_off_for_the_load_come_back_as_they_were(taken_back):
    before = catalogue()
    with checked_at_the_end(Operation, FollowUp, Score):
        missing = {name for _table, name, _text in before} - {row[1] for row in catalogue()}
        assert "follow_up_by_invitation" in missing
        assert any("fk_proms_response" in name for name in missing)
        assert "score_once_a_response" not in missing  # unique stays unique
    assert catalogue() == before


def test_a_row_that_refers_to_nothing_is_found_at_the_end(taken_back):
    columns = ("response_id", "scale", "value", "reason", "answered", "instrument",
               "instrument_version", "variant")  # fmt: skip
    with (
        pytest.raises(IntegrityError, match="violates foreign key"),
        transaction.atomic(),
        checked_at_the_end(Score),
    ):
        copy_rows(Score, columns, [(0, "odi", 1.0, "", 10, "odi", "1.0", "")])


def test_keys_reserved_are_the_next_of_the_sequence(taken_back):
    first, second = reserve_ids(Operation, 3), reserve_ids(Operation, 2)
    assert (len(first), len(second)) == (3, 2)
    assert second[0] == first[-1] + 1
    assert not Operation.objects.filter(pk__gte=first[0]).exists()
    assert list(reserve_ids(Operation, 0)) == []


@pytest.mark.parametrize(
    ("name", "model", "day"),
    [
        ("limb_no_consultations_by_region_year", Consultation, "held_on"),
        ("limb_no_new_referrals_by_region_year", Referral, "received_on"),
    ],
)
def test_limb_events_per_region_and_year_are_as_printed(demo, name, model, day):
    rows = model.objects.filter(membership__register_id="limb_no").values_list(
        "region__report_label", f"{day}__year"
    )
    counted = Counter(rows)
    for printed in table(name):
        if printed["region"] == "Total":
            continue
        for year in limb_no.YEARS:
            assert counted[printed["region"], year] == int(printed[str(year)])


def test_limb_goals_of_2023_are_as_printed(demo):
    for printed in table("limb_no_quality_goals_2023"):
        code = limb_no.PROCEDURES[printed["procedure"]][0]
        operations = Operation.objects.filter(register_id="limb_no", procedure_type=code, year=2023)
        assert operations.count() == int(printed["operated"])
        assert operations.filter(complications_assessed_on__isnull=True).count() == 0
        for goal, column in (
            ("treatment_completed", "treatment_completed"),
            ("planned_lengthening", "planned_lengthening_achieved"),
            ("planned_axis_correction", "planned_axis_correction_achieved"),
            ("healing", "healing_achieved"),
        ):
            outcomes = Counter(
                TreatmentGoal.objects.filter(operation__in=operations, goal=goal)
                .exclude(outcome="not_assessed")
                .values_list("outcome", flat=True)
            )
            assert (str(outcomes["achieved"]) if outcomes else "") == printed[column]


def test_limb_worklists_have_something_to_do(demo):
    assert Referral.objects.filter(decision="pending").count() > 5
    planned = Operation.objects.filter(register_id="limb_no", performed_on__isnull=True)
    assert planned.filter(planned_on__gte=TODAY).count() == limb_no.RECENT_PLANNED


# --- danespine --------------------------------------------------------------------------------


def test_spine_operations_and_answers_are_all_there(demo):
    operations = Operation.objects.filter(register_id="danespine")
    assert operations.filter(year__lte=2022).count() == 2_000
    assert operations.exclude(year__lte=2022).count() == SPINE_RECENT
    answered = FollowUp.objects.filter(completed_on__isnull=False)
    assert answered.count() == Response.objects.count() > 2_900
    assert not answered.filter(censored_on__isnull=False).exists()


def test_scores_are_those_of_the_registry_for_the_answers_stored(demo):
    checked = Counter()
    for response in Response.objects.order_by("-pk")[:150]:
        for held in response.scores.all():
            items = {
                code: value
                for code, value in response.answers.items()
                if code in _items(held.instrument)
            }
            value_set = "dk" if held.instrument == "eq5d3l" else None
            computed = score_one(held.instrument, items, value_set=value_set)[held.scale]
            assert (held.value, held.answered) == (computed.value, computed.answered)
            assert (held.instrument_version, held.variant) == (
                computed.instrument_version,
                computed.variant,
            )
            checked[held.scale] += 1
    assert {"odi", "eq5d3l_index", "vas_leg", "vas_back"} <= set(checked)


def _items(instrument: str) -> set[str]:
    from proms.instruments import instrument as known

    return set(known(instrument).item_codes)


def test_mean_disability_before_and_after_stenosis_is_near_print(demo):
    groups = ["lumbar_stenosis", "lumbar_stenosis_olisthesis"]
    facts = OperationScaleFact.objects.filter(
        register_id="danespine", group__in=groups, scale="odi", year__lte=2022
    )
    means = facts.aggregate(before=Avg("before"), after=Avg("y1"))
    assert means["before"] == pytest.approx(41.6, abs=0.5)
    assert means["after"] == pytest.approx(26.5, abs=0.5)
    assert CompletenessFact.objects.filter(register_id="danespine").count() > 2_000
    assert not StaleSlice.objects.filter(register_id="danespine").exists()


def test_identities_are_sealed_with_a_key_each_and_found_by_number(demo):
    assert PatientKey.objects.count() == PatientIdentity.objects.count() == Patient.objects.count()
    member = Membership.objects.filter(register_id="danespine").latest("pk")
    identity = vault.open_identity(member.patient_id)
    number = parse(identity.number, "DK", on=TODAY)
    assert str(number.kind) == "synthetic"
    assert number.birth_date == member.patient.birth_date
    assert number.sex == member.patient.sex
    reader = viewer_for(User.objects.get(email="administrator@danespine.example"), on=TODAY)
    key = (number.country, number.number)
    assert memberships_by_number(reader, "danespine", {key})[key] == member


def test_follow_up_of_the_dead_has_ended(demo):
    open_after_death = FollowUp.objects.filter(
        operation__membership__patient__died_on__isnull=False,
        completed_on__isnull=True,
        censored_on__isnull=True,
    ).exclude(Q(closes_on__lt=TODAY))
    dead = Patient.objects.filter(died_on__isnull=False)
    assert dead.count() > 100
    assert not dead.filter(died_on__gt=TODAY).exists()
    assert not open_after_death.exists()
    assert FollowUp.objects.filter(censor_reason="death").count() > 100


def test_the_first_start_sends_some_messages_and_at_most_fifty(taken_back):
    selection = invite_due(now=NOW)
    reminders = queue_reminders(now=NOW)
    assert 25 <= selection.invited <= 50
    assert reminders == 0
    assert Message.objects.count() == selection.invited
    asked = FollowUp.objects.filter(invitation__in=selection.invitation_ids)
    assert {"before", "w6", "y1", "y2"} <= set(asked.values_list("time_point", flat=True))


def test_somebody_is_to_be_called_from_the_start(demo):
    coordinator = Viewer(None, (Grant(Role.COORDINATOR, "danespine", None),))
    rows = telephone_worklist(coordinator, "danespine", now=NOW).rows
    assert [row.reason for row in rows].count("unreachable") == 2
    assert len({row.unit for row in rows}) == 1
    assert all(row.recipient == "patient" for row in rows)
    assert PatientIdentity.objects.filter(has_telephone=True).count() == 3


def test_the_next_days_send_no_flood(taken_back):
    invite_due(now=NOW)
    later = [invite_due(now=NOW + timedelta(days=days)).invited for days in (1, 2, 3)]
    assert sum(later) <= 10


def test_windows_of_history_are_answered_declined_or_closed(demo):
    waiting = FollowUp.objects.filter(
        operation__year__lte=2022,
        opens_on__lte=TODAY,
        closes_on__gte=TODAY,
        completed_on__isnull=True,
        censored_on__isnull=True,
    )
    assert waiting.filter(invitation__declined_at__isnull=False).count() == waiting.count() > 0


def test_planned_surgery_lies_ahead_or_waits_to_be_registered(demo):
    planned = Operation.objects.filter(register_id="danespine", performed_on__isnull=True)
    counts = planned.aggregate(
        ahead=Count("pk", filter=Q(planned_on__gt=TODAY)),
        behind=Count("pk", filter=Q(planned_on__lt=TODAY)),
    )
    assert counts["ahead"] >= 20
    assert counts["behind"] >= 4
    glostrup = planned.filter(unit__code="glostrup-rygkirurgi").count()
    assert glostrup > planned.count() / 2


def test_every_account_can_log_in_and_has_its_role(demo, client, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
    for account in ACCOUNTS:
        assert client.login(email=account.email, password=PASSWORD), account.email
        [held] = RoleAssignment.objects.filter(user__email=account.email)
        assert (held.role, held.register_code) == (account.role, account.register)
        assert (held.unit is not None) == account.at_unit
