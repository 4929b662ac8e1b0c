"""The outbox: mails a second by two worker processes to a local SMTP server.

The registry's workers do all that is done for a patient: claim, look whether the patient is still
to be asked, open the sealed address, write text and HTML in the patient's language, send, mark and
note it on the invitation with history. The reference is the bare claim–send–mark loop: two
processes with psycopg and smtplib, the same table, batches, server and number of mails, one fixed
line of text. Processes are started before the clock is.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

from bench import people
from bench.data import execute
from bench.database import BASE, environment, use, working_copy
from bench.framework import Budget, Measured, medians, scale
from proms import actions
from registry.core import clock

WORKERS = 2


def measurements() -> Iterator[Measured]:
    """Measure mails a second."""
    sizes = scale()
    now = clock.now()
    with working_copy() as name, ExitStack() as stack:
        use(name, "owner")
        people.add_members(sizes.mails)
        people.give_addresses(sealed=True)
        operations = people.operate(clock.civil_date(now) - timedelta(days=360))
        use(name)
        actions.create_schedules(operation_ids=operations)
        queued = actions.invite_due(now=now)
        assert queued.invited == sizes.mails, queued
        execute("UPDATE messaging_message SET sent_at = now()")
        server = stack.enter_context(process("server", environment(name)))
        mail = environment(
            name,
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=server.stdout.readline().strip(),
            EMAIL_USE_TLS="0",
        )
        workers = {
            kind: [stack.enter_context(process(kind, mail)) for _ in range(WORKERS)]
            for kind in ("registry", "bare")
        }
        for worker in (one for held in workers.values() for one in held):
            assert worker.stdout.readline() == "ready\n", "a worker did not start"

        def send(kind: str) -> float:
            execute(
                "UPDATE messaging_message SET sent_at = NULL, claimed_until = NULL, attempts = 0,"
                " due_at = now() - interval '1 minute'"
            )
            execute("UPDATE proms_invitation SET invited_at = NULL")
            began = time.perf_counter()
            for worker in workers[kind]:
                worker.stdin.write("go\n")
                worker.stdin.flush()
            sent = sum(int(worker.stdout.readline().split()[0]) for worker in workers[kind])
            taken = time.perf_counter() - began
            assert sent == sizes.mails, f"{kind}: {sent} of {sizes.mails}"
            return sent / taken

        found = medians(sizes.runs, {kind: lambda kind=kind: send(kind) for kind in workers})
    yield Measured(
        "outbox",
        found["registry"],
        found["bare"],
        Budget(0.6, at="least"),
        unit="mails/s",
        against="claim, send, mark and nothing else",
    )


@contextmanager
def process(kind: str, environment_: dict[str, str]) -> Iterator[subprocess.Popen]:
    """Run one of bench.mail's processes until the block ends."""
    held = subprocess.Popen(
        [sys.executable, "-m", "bench.mail", kind],
        cwd=BASE,
        env=environment_,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield held
    finally:
        held.stdin.close()
        try:
            held.wait(20)
        except subprocess.TimeoutExpired:
            held.kill()
            held.wait()
        held.stdout.close()
