"""One form for several operations of a patient: asked once, and counted for each of them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from procedures.models import Operation
from proms import actions
from proms.models import FollowUp, Invitation, Response, Score
from proms.questionnaire import form_for
from proms.selectors.rates import Asking, By, response_rates
from proms.steps import Part
from registry.registers.actions import mark_slices_stale
from registry.registers.selectors import definition_for, units_of
from reports.actions import ensure_fresh
from reports.annual import trusted_viewer
from reports.models import OperationScaleFact, Summary
from reports.scales import reported_questions
from reports.selectors.completeness import _from_facts, _from_steps
from reports.selectors.scope import Scope
from tests.unit.proms.factories import make_member, make_operation

REGISTER = "danespine"
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
SURGERY = date(2026, 12, 1)
LATER = date(2027, 2, 1)
GROUPS = ("lumbar_stenosis", "lumbar_disc_herniation", "cervical_radiculopathy")

planned = st.lists(
    st.tuples(
        st.sampled_from(GROUPS),
        st.sampled_from(["left", "right", "both", ""]),
        st.integers(0, 1),  # the unit
        st.integers(0, 30),  # days after the first
    ),
    min_size=2,
    max_size=3,
    unique_by=lambda one: one[2:],  # one session a day at a unit
)
choices = st.lists(st.integers(0, 8), min_size=1, max_size=12)


def answer(invitation: Invitation, chosen: list[int]) -> Response:
    """Answer each question as ``chosen`` says by turns; 7 and more leave it out."""
    form = form_for(invitation.plan, "da")
    answers: dict[str, float | None] = {}
    for turn, (code, row) in enumerate(form.items.items()):
        choice = chosen[turn % len(chosen)]
        values = row.item.values
        if choice >= 7:
            answers[code] = None
        else:
            answers[code] = (
                values[choice % len(values)] if values else int(row.item.minimum) + choice
            )
    actions.save_answers(invitation_id=invitation.pk, answers=answers, language="da", now=NOW)
    actions.submit(invitation_id=invitation.pk, now=NOW)
    return actions.submit(invitation_id=invitation.pk, now=NOW)  # pressed twice


@pytest.mark.django_db
@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(planned, st.lists(choices, min_size=3, max_size=3), st.integers(0, 3))
def test_one_response_counts_for_each_of_several_operations(operations, answered, left_out):
    with transaction.atomic():
        units = units_of(REGISTER)[:2]
        member = make_member()
        held = [
            make_operation(
                member,
                planned_on=SURGERY + timedelta(days=days),
                group=group,
                side=side,
                unit=units[unit],
            )
            for group, side, unit, days in operations
        ]
        for operation in held:
            actions.create_schedule(operation_id=operation.pk)
        actions.invite_due(now=NOW)
        actions.invite_due(now=NOW)  # the night runs again

        # Each operation is asked about by one form, and no form asks anything twice.
        asked = {
            follow_up.operation_id: follow_up.invitation
            for follow_up in FollowUp.objects.filter(time_point="before").select_related(
                "invitation"
            )
        }
        assert asked.keys() == {operation.pk for operation in held}
        forms = {invitation.pk: invitation for invitation in asked.values()}
        assert Invitation.objects.count() == len(forms) == 1
        for invitation in forms.values():
            codes = [code for page in form_for(invitation.plan, "da").pages for code in page.codes]
            assert len(codes) == len(set(codes))

        if left_out:  # else nobody answers
            for invitation, chosen in zip(forms.values(), answered, strict=False):
                answer(invitation, chosen)
        responses = {response.invitation_id: response for response in Response.objects.all()}
        assert len(responses) == (len(forms) if left_out else 0)

        for operation in held:
            Operation.objects.filter(pk=operation.pk).update(
                performed_on=operation.planned_on, procedure_type="decompression"
            )
        mark_slices_stale({(REGISTER, one.unit_id, one.planned_on.year) for one in held})
        ensure_fresh(REGISTER, on=LATER)

        # Figures: the scores of the response, once for each operation.
        expected = {
            (operation.pk, score.scale): score.value
            for operation in held
            if asked[operation.pk].pk in responses
            for score in Score.objects.filter(response=responses[asked[operation.pk].pk])
            if score.value is not None
        } | {  # and the answers that tables are about
            (operation.pk, question): float(responses[asked[operation.pk].pk].answers[item])
            for operation in held
            if asked[operation.pk].pk in responses
            for question, item in reported_questions(definition_for(REGISTER)).items()
            if responses[asked[operation.pk].pk].answers.get(item) is not None
        }
        facts = OperationScaleFact.objects.filter(before__isnull=False)
        compared = {(fact.operation_id, fact.scale): fact.before for fact in facts}
        assert compared == expected
        groups = {operation.pk: operation.group for operation in held}
        for row in Summary.objects.filter(procedure_type="", time_point="before"):
            values = [
                value
                for (pk, scale), value in expected.items()
                if scale == row.scale
                and groups[pk] == row.group
                and next(one for one in held if one.pk == pk).unit_id == row.unit_id
                and next(one for one in held if one.pk == pk).planned_on.year == row.year
            ]
            assert row.n == len(values)
            assert row.total == pytest.approx(sum(values))

        # Rates: an operation each, in the table of rates and in the reports alike.
        done = len(held) if left_out else 0
        asking = Asking(date(2026, 1, 1), date(2027, 12, 31), time_point="before")
        rates = response_rates(
            trusted_viewer(REGISTER, "test"), REGISTER, asking, by=By.UNIT, on=LATER
        )
        assert rates.total.rate.eligible == len(held)
        assert rates.total.rate.parts.get(Part.COMPLETED, 0) == done
        scope = Scope(REGISTER, GROUPS, ())
        definition = definition_for(REGISTER)
        for counted in (
            _from_steps(scope, on=LATER),
            _from_facts(scope, on=LATER, definition=definition),
        ):
            before = [tuple(both) for (_unit, point), both in counted.items() if point == "before"]
            assert [sum(each) for each in zip(*before, strict=True)] == [done, len(held)]
        transaction.set_rollback(True)
