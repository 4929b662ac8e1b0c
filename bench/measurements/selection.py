"""A night's work: schedules of five time points laid, and the patients that are due invited.

Every patient has one operation and every patient is due at once: the worst night a register can
have. The reference is the programme truenth-portal, which needed 73 ms a patient for the schedule
and 59 ms for the selection; it is a published figure and not measured here. The second line says
that the number of queries does not grow with the number of patients: a tenth of them needs as many.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bench import people
from bench.data import execute
from bench.database import owner, use, working_copy
from bench.framework import Budget, Measured, medians, scale, timed
from proms import actions
from registry.core import clock

THEIRS = 0.073 + 0.059
TIME_POINTS = 5


def measurements() -> Iterator[Measured]:
    """Measure seconds at full size, then queries at full size and at a tenth."""
    sizes = scale()
    now = clock.now()
    with working_copy() as name:
        use(name, "owner")
        people.add_members(sizes.rows)
        people.give_addresses(sealed=False)
        operations = people.operate(clock.civil_date(now) - timedelta(days=360))

        def night(count: int) -> None:
            with transaction.atomic():
                actions.create_schedules(operation_ids=operations[:count])
            with transaction.atomic():
                done = actions.invite_due(now=now)
            assert done.invited == count, done

        def forget() -> None:
            with owner(name) as server:
                server.execute(
                    "TRUNCATE proms_invitation, proms_followup, messaging_message,"
                    " registers_staleslice, proms_invitationevent, proms_followupevent CASCADE"
                )

        use(name)
        seconds = timed(lambda: night(sizes.rows), factor=1)

        def anew() -> float:
            forget()
            return seconds()

        found = medians(sizes.runs, {"registry": anew}, warm=0)
        assert execute("SELECT count(*) FROM proms_followup")[0][0] == TIME_POINTS * sizes.rows
        queries = {}
        for count in (sizes.rows, sizes.rows // 10):
            forget()
            with CaptureQueriesContext(connection) as captured:
                night(count)
            queries[count] = len(captured)
    yield Measured(
        "selection",
        found["registry"],
        THEIRS * sizes.rows,
        Budget(5, of="value"),
        unit="s",
        against="truenth-portal, published",
    )
    yield Measured(
        "selection_queries",
        queries[sizes.rows],
        queries[sizes.rows // 10],
        Budget(1),
        unit="queries",
        against="a tenth of the patients",
    )
