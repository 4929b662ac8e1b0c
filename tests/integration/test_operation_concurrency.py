"""Two people register the same session at the same moment: one does, one is told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import connection

from demo.identities import synthetic_number
from patients.actions import register_patient
from procedures.actions import (
    perform_operation,
    plan_operation,
    register_performed_operation,
)
from procedures.models import Operation
from registry.accounts.permissions import Viewer
from registry.core.errors import RuleBroken
from registry.registers.selectors import units_of
from tests.conftest import TODAY

STATED = {
    "procedures": [("decompression", "ABC36")],
    "diagnosis": "M48.0",
    "levels": ["L4-L5"],
    "details": {"asa_class": "2", "previous_surgery_level": False},
}


def at_once(act: Callable[[], Operation]) -> list[str]:
    """What became of ``act`` done by two threads at the same moment."""
    ready = Barrier(2)

    def one() -> str:
        ready.wait()
        try:
            act()
        except RuleBroken:
            return "told"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as pool:
        return sorted(future.result() for future in [pool.submit(one), pool.submit(one)])


@pytest.mark.django_db(transaction=True)
def test_a_session_is_registered_once(viewer_of: Callable[..., Viewer]) -> None:
    unit = units_of("danespine")[0]
    by = viewer_of("administrator", "danespine")
    member = register_patient(
        by=by,
        register_code="danespine",
        unit=unit,
        number=synthetic_number("DK", date(1961, 4, 12), "female", 3),
        country="DK",
        given_name="Karen",
        surname="Kjærgaard",
        on=TODAY,
    )
    outcome = at_once(
        lambda: register_performed_operation(
            by=by,
            membership=member,
            unit=unit,
            group="lumbar_stenosis",
            performed_on=date(2026, 11, 2),
            on=TODAY,
            **STATED,
        )
    )
    assert outcome == ["done", "told"]
    assert Operation.objects.count() == 1

    planned = plan_operation(
        by=by,
        membership=member,
        unit=unit,
        group="lumbar_stenosis",
        planned_on=TODAY,
        on=TODAY,
    )
    outcome = at_once(
        lambda: perform_operation(by=by, operation=planned, performed_on=TODAY, on=TODAY, **STATED)
    )
    assert outcome == ["done", "told"]
    planned.refresh_from_db()
    assert planned.procedures.count() == 1
