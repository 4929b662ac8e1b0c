"""A night's work: schedules of five time points laid, and the patients that are due invited.

Every patient has one operation and every patient is due at once: the worst night a register can
have. Two sessions share the work, each with half of the patients, as the nightly task does it; the
schedules are laid so too, each half in a transaction of its own, as two imports would.

The reference of the first line is the programme truenth-portal, which needed 73 ms a patient for
the schedule and 59 ms for the selection; it is a published figure and not measured here. The second
line compares with the bare statements, in the same run: the same rows, already computed, written
into the same tables by two sessions, with all their indexes, constraints and history. What the
registry does beyond writing is to find who is due, decide what they are asked and how they are
reached, make links and see to it that nobody is asked twice. The third line says that the number of
queries does not grow with the number of patients: a tenth of them needs as many.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from bench import people
from bench.data import execute
from bench.database import owner, session, use, working_copy
from bench.framework import Budget, Measured, medians, scale, timed
from proms import actions
from registry.core import clock

THEIRS = 0.073 + 0.059
TIME_POINTS = 5
EMPTIED = (
    "TRUNCATE proms_invitation, proms_followup, messaging_message, registers_staleslice,"
    " proms_invitationevent, proms_followupevent CASCADE"
)
# The rows that a night has written, kept for the bare statements.
KEPT = f"""
    CREATE SCHEMA bare;
    GRANT USAGE ON SCHEMA bare TO PUBLIC;
    CREATE TABLE bare.followup AS SELECT mod(o.membership_id, {actions.SHARES}) AS share, f.*
        FROM proms_followup f JOIN procedures_operation o ON o.id = f.operation_id ORDER BY f.id;
    CREATE TABLE bare.invitation AS SELECT mod(membership_id, {actions.SHARES}) AS share, i.*
        FROM proms_invitation i ORDER BY i.id;
    CREATE TABLE bare.message AS SELECT mod(i.membership_id, {actions.SHARES}) AS share, m.*
        FROM messaging_message m JOIN proms_invitation i ON i.id = m.subject_id ORDER BY m.id;
    GRANT SELECT ON ALL TABLES IN SCHEMA bare TO PUBLIC;
    ANALYZE bare.followup, bare.invitation, bare.message;
"""
LAID = """
    INSERT INTO proms_followup
        (id, operation_id, time_point, opens_on, due_on, closes_on, old_at_surgery, censor_reason)
    SELECT id, operation_id, time_point, opens_on, due_on, closes_on, old_at_surgery, censor_reason
    FROM bare.followup WHERE share = %s
"""
INVITED = (
    """
    INSERT INTO proms_invitation (id, membership_id, time_point, plan, opens_on, due_on, closes_on,
        generation, token_digest, failed_attempts)
    SELECT id, membership_id, time_point, plan, opens_on, due_on, closes_on,
        generation, token_digest, failed_attempts
    FROM bare.invitation WHERE share = %s
    """,
    """
    UPDATE proms_followup held SET invitation_id = bare.invitation_id, updated_at = now()
    FROM bare.followup AS bare
    WHERE bare.id = held.id AND bare.invitation_id IS NOT NULL AND bare.share = %s
    """,
    """
    INSERT INTO messaging_message (id, key, purpose, subject_id, rule, channel, due_at, attempts,
        withheld_reason, last_error)
    SELECT id, key, purpose, subject_id, rule, channel, due_at, attempts,
        withheld_reason, last_error
    FROM bare.message WHERE share = %s
    """,
)


def measurements() -> Iterator[Measured]:
    """Measure seconds at full size and bare, then queries at full size and at a tenth."""
    sizes = scale()
    now = clock.now()
    with working_copy() as name:
        use(name, "owner")
        people.add_members(sizes.rows)
        people.give_addresses(sealed=False)
        operations = people.operate(clock.civil_date(now) - timedelta(days=360))

        def in_sessions(work: Callable[[int], object]) -> list[object]:
            def one(share: int) -> object:
                with session(name):
                    return work(share)

            with ThreadPoolExecutor(actions.SHARES) as pool:
                return list(pool.map(one, range(actions.SHARES)))

        def night(of: Sequence[int]) -> None:
            def lay(share: int) -> None:
                half = -(-len(of) // actions.SHARES)
                actions.create_schedules(operation_ids=of[share * half : (share + 1) * half])

            in_sessions(lay)
            done = in_sessions(lambda share: actions.invite_due(now=now, share=share).invited)
            assert sum(done) == len(of), done

        def bare() -> None:
            def invite(share: int) -> None:
                with transaction.atomic():
                    for statement in INVITED:
                        execute(statement, [share])

            in_sessions(lambda share: execute(LAID, [share]))
            in_sessions(invite)

        def forget() -> None:
            with owner(name) as server:
                server.execute(EMPTIED)

        night(operations)
        assert execute("SELECT count(*) FROM proms_followup")[0][0] == TIME_POINTS * sizes.rows
        with owner(name) as server:
            server.execute(KEPT)

        def anew(work: Callable[[], object]) -> Callable[[], float]:
            seconds = timed(work, factor=1)

            def run() -> float:
                forget()
                return seconds()

            return run

        found = medians(
            sizes.runs,
            {"registry": anew(lambda: night(operations)), "bare": anew(bare)},
            warm=0,
        )
        use(name)
        queries = {}
        for count in (sizes.rows, sizes.rows // 10):
            forget()
            with CaptureQueriesContext(connection) as captured:
                with transaction.atomic():
                    actions.create_schedules(operation_ids=operations[:count])
                with transaction.atomic():
                    actions.invite_due(now=now)
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
        "selection_bare",
        found["registry"],
        found["bare"],
        Budget(1.5),
        unit="s",
        against="bare INSERT and UPDATE of the same rows",
    )
    yield Measured(
        "selection_queries",
        queries[sizes.rows],
        queries[sizes.rows // 10],
        Budget(1),
        unit="queries",
        against="a tenth of the patients",
    )
