"""Importing 100,000 operations from a CSV file, checked by every rule, with history.

The registry's whole path: the file is read, each row becomes an entry, is checked against the
definition, the patient's life and what is on record, and written with its procedure, complication,
unit relation, follow-ups and their windows, history and the mark of the slice. The reference is
COPY of the same number of rows into the operation table alone, with its constraints, indexes and
history triggers. Both commit. Peak memory is that of the importing process from its start.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import people
from bench.database import BASE, environment, owner, use, working_copy
from bench.framework import Budget, Measured, medians, scale
from bench.importer import write_file

EMPTIED = (
    "procedures_operation",
    "procedures_operationevent",
    "procedures_procedure",
    "procedures_procedureevent",
    "procedures_complication",
    "procedures_complicationevent",
    "patients_unitrelation",
    "proms_followup",
    "proms_followupevent",
    "registers_staleslice",
    "audit_accesslog",
)


def measurements() -> Iterator[Measured]:
    """Measure seconds and megabytes."""
    sizes = scale()
    with working_copy() as name, TemporaryDirectory() as folder:
        use(name, "owner")
        people.add_members(sizes.rows)
        file = Path(folder) / "operations.csv"
        write_file(file)
        use(name)
        with running(name, file) as importing, running(name, file) as copying:
            processes = {"import": importing, "copy": copying}
            peaks = {}

            def turn(kind: str) -> float:
                with owner(name) as server:
                    server.execute(f"TRUNCATE {', '.join(EMPTIED)} CASCADE")
                processes[kind].stdin.write(f"{kind}\n")
                processes[kind].stdin.flush()
                told = json.loads(processes[kind].stdout.readline())
                assert told["rows"] == sizes.rows, told
                peaks[kind] = told["megabytes"]
                return told["seconds"]

            found = medians(
                sizes.runs,
                {kind: lambda kind=kind: turn(kind) for kind in processes},
                warm=0,
            )
    yield Measured(
        "import",
        found["import"],
        found["copy"],
        Budget(25),
        unit="s",
        against="COPY into the tracked table",
    )
    yield Measured("import_memory", peaks["import"], None, Budget(300, of="value"), unit="MB")


@contextmanager
def running(name: str, file: Path) -> Iterator[subprocess.Popen]:
    """Run a process of bench.importer until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.importer", str(file)],
        cwd=BASE,
        env=environment(name),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
