"""The job of importing a file: what the coordinator's page hands to a worker."""

import io
from pathlib import PurePath

from django.utils.translation import gettext as _

from registry.accounts.permissions import Viewer
from registry.core import clock
from registry.jobs import files
from registry.jobs.imports import FileRefused, ImportContext, import_file, import_kinds
from registry.jobs.models import Job
from registry.jobs.runners import JobRefused, Outcome, Progress, Runner
from registry.registers.selectors import units_of
from registry.units.models import Unit

KIND = "import"


def parameters(kind: str, name: str, unit: Unit | None, rows: int) -> dict[str, object]:
    """Return what an import job must know. ``rows`` is a guess, for the progress."""
    return {
        "kind": kind,
        "name": PurePath(name).name[:120],
        "unit": unit.code if unit else "",
        "rows": rows,
    }


def context_of(job: Job, viewer: Viewer) -> ImportContext:
    """Return the context of an import job for the viewer who asked for it."""
    code = job.parameters.get("unit")
    unit = next((u for u in units_of(job.register_code) if u.code == code), None)
    return ImportContext(
        viewer=viewer, register_code=job.register_code, on=clock.today(), unit=unit
    )


def run_import(job: Job, viewer: Viewer, progress: Progress) -> Outcome:
    """Import the file of a job. Raises JobRefused with what is wrong by line and column."""
    guess = int(job.parameters.get("rows", 0))
    try:
        content = files.content_of(job)
    except files.FileGone as error:
        message = _("The file is not there any more. Send it again.")
        raise JobRefused([{"line": 0, "column": "", "message": message}]) from error
    try:
        rows = import_file(
            context=context_of(job, viewer),
            kind=job.parameters["kind"],
            file=io.BytesIO(content),
            name=job.parameters["name"],
            progress=lambda done: progress(done, max(done, guess) if guess else 0),
        )
    except FileRefused as refused:
        raise JobRefused([f.as_json() for f in refused.faults], refused.count) from refused
    return Outcome({"rows": rows})


def label(job: Job) -> str:
    """Return what an import job is called."""
    kind = import_kinds().get(job.parameters.get("kind", ""))
    return _("Import of %(kind)s from %(name)s") % {
        "kind": str(kind.label).lower() if kind else "",
        "name": job.parameters.get("name", ""),
    }


IMPORT = Runner(label=label, run=run_import)
