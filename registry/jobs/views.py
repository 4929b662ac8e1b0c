"""Pages of jobs, and the import of files: choose, preview, confirm, follow."""

import io
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from registry.accounts.permissions import Permission
from registry.audit.actions import deny, record_access, require
from registry.core import clock
from registry.jobs import files, importing
from registry.jobs.actions import confirm_job, forget_unconfirmed, start_job, withdraw_job
from registry.jobs.forms import UploadForm
from registry.jobs.imports import import_kinds, preview_file
from registry.jobs.models import Job, JobState
from registry.jobs.runners import label_of
from registry.jobs.selectors import job_for, jobs_for, standing_of
from registry.registers.selectors import definition_for


@login_required
@require_safe
def job_list(request: HttpRequest, register: str) -> HttpResponse:
    """List the viewer's jobs in a register."""
    _require_role(request, register)
    page = Paginator(jobs_for(request.viewer, register), 25).get_page(request.GET.get("page"))
    rows = [(job, label_of(job)) for job in page]
    return render(
        request, "jobs/list.html", {"register_code": register, "page": page, "rows": rows}
    )


@login_required
@require_safe
def detail(request: HttpRequest, register: str, job: UUID) -> HttpResponse:
    """Show how a job goes, its result, its errors by row."""
    held = job_for(request.viewer, register, job)
    if not held.parameters.get("confirmed", True):
        return redirect("jobs:preview", register=register, job=job)
    return render(request, "jobs/detail.html", _standing(held))


@login_required
@require_safe
def status(request: HttpRequest, register: str, job: UUID) -> HttpResponse:
    """Return the part of the job page that changes, for htmx."""
    held = job_for(request.viewer, register, job)
    return render(request, "jobs/_status.html", _standing(held))


@login_required
@require_safe
def result_file(request: HttpRequest, register: str, job: UUID) -> HttpResponse | FileResponse:
    """Send the file that a job has made to whoever asked for it."""
    held = job_for(request.viewer, register, job)
    name = held.result.get("file_name", "")
    try:
        content = files.content_of(held) if name else b""
    except files.FileGone:
        name = ""
    if held.state != JobState.DONE or not name:
        deny(request.viewer, "download", "job", job, register_code=register)
    record_access(request.viewer, "download", "job", job, register_code=register, detail=name)
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=name)


@login_required
def upload(request: HttpRequest, register: str) -> HttpResponse:
    """Choose a file of cases; it is kept sealed until it is confirmed or thrown away."""
    require(request.viewer, Permission.IMPORT, register)
    form = UploadForm(
        request.POST or None, request.FILES or None, viewer=request.viewer, register_code=register
    )
    if request.method == "POST" and form.is_valid():
        forget_unconfirmed(now=clock.now())
        file = form.cleaned_data["file"]
        content = file.read()
        job = start_job(
            by=request.viewer,
            kind=importing.KIND,
            register_code=register,
            parameters=importing.parameters(
                form.cleaned_data["kind"],
                file.name,
                form.cleaned_data["unit"],
                # Lines tell rows in text only.
                content.count(b"\n") if not file.name.lower().endswith(".xlsx") else 0,
            ),
            content=content,
            confirmed=False,
        )
        return redirect("jobs:preview", register=register, job=job.pk)
    definition = definition_for(register)
    kinds = [(kind, kind.columns(definition)) for kind in import_kinds(definition).values()]
    return render(
        request, "jobs/import.html", {"register_code": register, "form": form, "kinds": kinds}
    )


@login_required
@require_safe
def preview(request: HttpRequest, register: str, job: UUID) -> HttpResponse:
    """Show the beginning of the file as it was understood, and what is wrong in it."""
    require(request.viewer, Permission.IMPORT, register)
    held = job_for(request.viewer, register, job)
    if held.kind != importing.KIND or held.parameters.get("confirmed"):
        return redirect("jobs:detail", register=register, job=job)
    try:
        content = files.content_of(held)
    except files.FileGone:
        messages.error(request, _("The file is not there any more. Send it again."))
        return redirect("jobs:import", register=register)
    shown = preview_file(
        context=importing.context_of(held, request.viewer),
        kind=held.parameters["kind"],
        file=io.BytesIO(content),
        name=held.parameters["name"],
    )
    return render(
        request,
        "jobs/preview.html",
        {"register_code": register, "job": held, "label": label_of(held), "preview": shown},
    )


@login_required
@require_POST
def confirm(request: HttpRequest, register: str, job: UUID) -> HttpResponse:
    """Begin the import that was shown."""
    require(request.viewer, Permission.IMPORT, register)
    held = job_for(request.viewer, register, job)
    confirm_job(job=held)
    return redirect("jobs:detail", register=register, job=job)


@login_required
@require_POST
def withdraw(request: HttpRequest, register: str, job: UUID) -> HttpResponse:
    """Throw the file away that was shown."""
    require(request.viewer, Permission.IMPORT, register)
    withdraw_job(job=job_for(request.viewer, register, job))
    return redirect("jobs:import", register=register)


def _standing(job: Job) -> dict[str, object]:
    standing = standing_of(job, now=clock.now())
    left = standing.seconds_left
    return {
        "job": job,
        "label": label_of(job),
        "standing": standing,
        "minutes_left": None if left is None else -(-left // 60),
        "running": job.state in (JobState.WAITING, JobState.RUNNING),
        "errors_in_all": job.result.get("error_count", len(job.errors)),
        "file_name": job.result.get("file_name", ""),
        "rows": job.result.get("rows"),
        "notes": job.result.get("notes", ()),
        "state_kind": {JobState.DONE: "success", JobState.FAILED: "danger"}.get(job.state),
    }


def _require_role(request: HttpRequest, register: str) -> None:
    if not any(grant.register_code == register for grant in request.viewer.grants):
        deny(request.viewer, "see", "jobs", register_code=register, detail="no role")
