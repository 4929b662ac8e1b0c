"""The set form: the same rules, all or nothing, with history, in a fixed number of queries."""

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.test.utils import CaptureQueriesContext

from demo.identities import synthetic_number
from patients.actions import NewPatient, register_patients
from patients.models import Membership, UnitRelation
from procedures import events
from procedures.actions import NewOperation, register_operations
from procedures.entries import OperationEntry
from procedures.models import Operation, Procedure
from registry.accounts.permissions import Viewer
from registry.audit.middleware import unit_of_work
from registry.audit.models import AccessLog
from registry.core import events as announcements
from registry.core.errors import NotAllowed
from registry.jobs.rows import RowsRefused
from registry.registers.models import StaleSlice
from registry.units.models import Unit
from tests.conftest import TODAY
from tests.unit.procedures.conftest import GROWN_UP, STENOSIS

pytestmark = pytest.mark.django_db
Rows = Callable[..., list[NewOperation]]


@pytest.fixture
def members(clinician: Viewer, units: list[Unit]) -> list[Membership]:
    """Twelve patients of the first unit."""
    return register_patients(
        by=clinician,
        register_code="danespine",
        entries=[
            NewPatient(
                unit=units[0],
                number=synthetic_number("DK", GROWN_UP, "female", sequence),
                country="DK",
                given_name="Karen",
                surname="Kjærgaard",
            )
            for sequence in range(12)
        ],
        on=TODAY,
    )


@pytest.fixture
def rows(members: list[Membership], units: list[Unit]) -> Rows:
    """``rows(3)``: operations of the first three patients."""

    def make(count: int = 12, **changes: object) -> list[NewOperation]:
        told = {"performed_on": date(2026, 3, 2), **STENOSIS, **changes}
        return [
            NewOperation(membership_id=m.pk, unit_id=units[0].pk, entry=OperationEntry(**told))
            for m in members[:count]
        ]

    return make


def test_a_set_is_written_with_parts_history_and_marks(
    rows: Rows, clinician: Viewer, units: list[Unit], monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[events.OperationsRegistered] = []
    monkeypatch.setattr(
        announcements, "_subscribers", {events.OperationsRegistered: [heard.append]}
    )
    with unit_of_work(actor_id=clinician.user_id, source="file"):
        done = register_operations(
            by=clinician, register_code="danespine", operations=rows(), on=TODAY
        )
    assert len(done.ids) == Operation.objects.count() == Procedure.objects.count() == 12
    stored = Operation.objects.get(pk=done.ids[0])
    assert (stored.procedure_type, stored.year) == ("decompression", 2026)
    assert stored.unit_region_id == units[0].site_region_id
    assert stored.details == {"asa_class": "2", "previous_surgery_level": False}
    assert [event.operation_ids for event in heard] == [tuple(done.ids.values())]
    assert StaleSlice.objects.filter(unit=units[0], year=2026).exists()
    history = Operation.pgh_event_model.objects.all()
    assert history.count() == 12
    assert {h.pgh_context.metadata["actor"] for h in history} == {clinician.user_id}


def test_one_wrong_row_stops_all_and_every_fault_is_told(rows: Rows, clinician: Viewer) -> None:
    operations = [*rows(3), *rows(1), *rows(1, performed_on=date(2026, 3, 3), diagnosis="")]
    with pytest.raises(RowsRefused) as refused:
        register_operations(
            by=clinician, register_code="danespine", operations=operations, on=TODAY
        )
    assert [(error.row, error.column) for error in refused.value.errors] == [
        (3, "performed_on"),
        (4, "diagnosis"),
    ]
    assert not Operation.objects.exists()


def test_what_is_recorded_is_refused_or_left(rows: Rows, clinician: Viewer) -> None:
    register_operations(by=clinician, register_code="danespine", operations=rows(2), on=TODAY)
    with pytest.raises(RowsRefused):
        register_operations(by=clinician, register_code="danespine", operations=rows(3), on=TODAY)
    done = register_operations(
        by=clinician,
        register_code="danespine",
        operations=rows(3),
        on=TODAY,
        existing="leave",
    )
    assert done.left == [0, 1]
    assert list(done.ids) == [2]
    assert Operation.objects.count() == 3


def test_unusual_values_are_reported(rows: Rows, clinician: Viewer) -> None:
    done = register_operations(
        by=clinician, register_code="danespine", operations=rows(1, diagnosis="M51.1"), on=TODAY
    )
    assert [(warning.row, warning.column) for warning in done.warnings] == [(0, "diagnosis")]


def test_another_units_rows_leave_a_trace_only(rows: Rows, elsewhere: Viewer) -> None:
    with pytest.raises(NotAllowed):
        register_operations(by=elsewhere, register_code="danespine", operations=rows(), on=TODAY)
    assert AccessLog.objects.filter(outcome="denied", action="register").count() == 1
    assert not Operation.objects.exists()


def test_a_unit_that_operates_sees_its_patients(
    rows: Rows, administrator: Viewer, units: list[Unit]
) -> None:
    moved = [
        NewOperation(membership_id=row.membership_id, unit_id=units[1].pk, entry=row.entry)
        for row in rows(2)
    ]
    register_operations(by=administrator, register_code="danespine", operations=moved, on=TODAY)
    assert UnitRelation.objects.filter(unit=units[1]).count() == 2
    assert set(Membership.objects.values_list("joined_on", flat=True)) == {
        date(2026, 3, 2),
        TODAY,
    }


def test_queries_do_not_grow_with_rows(
    rows: Rows, clinician: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import connection

    monkeypatch.setattr(announcements, "_subscribers", {})

    def queries(count: int, days: int) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            register_operations(
                by=clinician,
                register_code="danespine",
                operations=rows(count, performed_on=date(2026, 3, 2) + timedelta(days=days)),
                on=TODAY,
            )
        return len(captured)

    queries(12, 0)
    assert queries(12, 7) == queries(2, 14)
