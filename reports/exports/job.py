"""The yearly export as a job: what the coordinator's page hands to a worker."""

from __future__ import annotations

import tempfile
from pathlib import Path

from django.http import HttpRequest
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from registry.accounts.permissions import Permission, Viewer
from registry.core import clock
from registry.core.errors import NotAllowed
from registry.core.panels import MenuEntry
from registry.jobs.models import Job
from registry.jobs.runners import JobRefused, Outcome, Progress, Runner
from registry.registers.schema.base import LANGUAGES
from reports.exports.files import NoExport, export_year, zipped

KIND = "export_year"


def run_export(job: Job, viewer: Viewer, progress: Progress) -> Outcome:
    """Write the files of a year and pack them. Raises JobRefused with the reason."""
    year, format = int(job.parameters["year"]), job.parameters["format"]
    language = (get_language() or "en").split("-")[0]
    with tempfile.TemporaryDirectory(prefix="export-") as place:
        folder = Path(place) / "files"
        try:
            written = export_year(
                viewer,
                job.register_code,
                year,
                format=format,
                folder=folder,
                language=language if language in LANGUAGES else "en",
                on=clock.today(),
                progress=progress,
            )
        except NoExport as error:
            raise JobRefused([_refusal(str(error))]) from error
        except NotAllowed as error:
            message = _("You may no longer export from this register.")
            raise JobRefused([_refusal(message)]) from error
        archive = zipped(folder, Path(place) / "export.zip")
        return Outcome(
            {"exported": written.total, "files": written.rows},
            file_name=f"{job.register_code}-{year}-{format}.zip",
            content=archive.read_bytes(),
        )


def _refusal(message: str) -> dict[str, object]:
    return {"line": 0, "column": "", "message": message}


def label(job: Job) -> str:
    """Return what the job is called on pages."""
    return _("Export of %(year)s") % {"year": job.parameters.get("year", "")}


EXPORT = Runner(label=label, run=run_export)


def may_export(request: HttpRequest, register_code: str) -> bool:
    """Say whether the viewer sees the entry Export."""
    return request.viewer.may(Permission.EXPORT, register_code)


MENU = MenuEntry(gettext_lazy("Export"), "reports:exports:choose", 70, may_export)
