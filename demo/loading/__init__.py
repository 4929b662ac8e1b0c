"""Fill a freshly migrated database with the demo: registers, accounts, history and recent cases."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

from django.db import connection, transaction

from demo.danespine import synthesise
from demo.danespine.recent import recent
from demo.loading import limb_no
from demo.loading.accounts import make_accounts
from demo.loading.progress import Progress
from demo.loading.reaching import leave_some_to_call
from demo.loading.spine import Cases, SpineLoader, history_until
from patients.models import Membership
from registry.audit.middleware import unit_of_work
from registry.registers.actions import load_register
from registry.registers.loader import definition_files
from registry.units.resources import import_reference
from reports.actions import refresh_register

REGISTERS = ("limb_no", "danespine")
RECENT_SERIALS_FROM = 500


def load(
    *, registers: tuple[str, ...], scale: str, on: date, now: datetime, say: Callable[[str], None]
) -> None:
    """Load the registers that are not there yet; each is written whole or not at all."""
    progress = Progress(say)
    missing = []
    for code in registers:
        if held := Membership.objects.filter(register_id=code).count():
            say(f"{code}: {held:,} patients are there already, nothing changed")
        else:
            missing.append(code)
    if missing:
        with progress.step("regions, units, populations"), transaction.atomic():
            for _file in import_reference():
                pass
    for code in missing:
        say(f"{code}:")
        with unit_of_work(actor_id=None, source="load_demo"):
            _settle()
            load_register(definition=_definition_file(code), now=now)
            make_accounts(code)
            _LOADERS[code](scale=scale, on=on, progress=progress)
        with progress.step("figures for reports"):
            refresh_register(code, on=on)
    if missing:
        _tell_the_planner()


def _tell_the_planner() -> None:
    """Analyse what was not analysed while it was filled. History is left to the autovacuum."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT format('ANALYZE %s', relid::regclass) FROM pg_stat_user_tables"
            " WHERE last_analyze IS NULL AND relname NOT LIKE '%event'"
        )
        for (statement,) in cursor.fetchall():
            cursor.execute(statement)


def _settle() -> None:
    """Check foreign keys at each COPY, and give the history its context before the first row.

    pghistory hands its context over with the first statement that writes and is no COPY. Without
    one its trigger raises and catches an error for every row, and each of these walks through all
    checks that are still deferred: 100,000 rows take hours.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def _definition_file(code: str) -> Path:
    return next(path for path in definition_files() if path.stem == code)


def _load_spine(*, scale: str, on: date, progress: Progress) -> None:
    with progress.step(f"synthetic register, scale {scale}"):
        history = history_until(synthesise(scale), on)
    SpineLoader(history, on=on, progress=progress).load()
    cases = recent(on)
    with progress.step(f"{cases.register.operations} operations around {on}"):
        silent = Progress(lambda line: None)
        SpineLoader(
            Cases(
                cases.register,
                cases.performed,
                with_email=True,
                serial_from=RECENT_SERIALS_FROM,
            ),
            on=on,
            progress=silent,
        ).load()
    leave_some_to_call(register="danespine", on=on)


def _load_limb(*, scale: str, on: date, progress: Progress) -> None:
    limb_no.load(on=on, progress=progress)


_LOADERS = {"limb_no": _load_limb, "danespine": _load_spine}
