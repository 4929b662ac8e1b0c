"""Pages of the annual report and of the yearly export."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from registry.accounts.permissions import Permission
from registry.audit.actions import record_access, require
from registry.core import clock
from registry.jobs.actions import start_job
from registry.registers.schema.base import LANGUAGES
from registry.registers.selectors import definition_for, units_of
from reports.annual import AnnualReport, NoReport, annual_report, report_years, to_json
from reports.annual.selectors import require_annual_report
from reports.annual.writing import shown, to_csv
from reports.exports import FORMATS, export_years
from reports.exports.job import KIND


@require_safe
@login_required
def latest_annual(request: HttpRequest, register: str) -> HttpResponse:
    """Go to the report of the last whole year."""
    require_annual_report(request.viewer, register)
    on = clock.today()
    definition = definition_for(register)
    years = report_years(definition, on)
    if not years:
        context = {"register_code": register, "definition": definition, "page": "annual"}
        return render(request, "reports/annual.html", context)
    return redirect("reports:annual", register=register, year=max(years[0], on.year - 1))


@require_safe
@login_required
def annual(request: HttpRequest, register: str, year: int) -> HttpResponse:
    """Show the tables of a year."""
    report = _report(request, register, year)
    definition = definition_for(register)
    years = report_years(definition, clock.today())
    return render(
        request,
        "reports/annual.html",
        {
            "register_code": register,
            "definition": definition,
            "page": "annual",
            "report": report,
            "tables": [shown(table) for table in report.tables],
            "year": year,
            "years": list(reversed(years)),
        },
    )


@require_safe
@login_required
def annual_json(request: HttpRequest, register: str, year: int) -> HttpResponse:
    """Send the whole report as data."""
    text = to_json(_report(request, register, year))
    return _file(text, "application/json", f"{register}-{year}.json")


@require_safe
@login_required
def annual_csv(request: HttpRequest, register: str, year: int, table: str) -> HttpResponse:
    """Send one table as a file for a spreadsheet."""
    report = _report(request, register, year)
    try:
        text = to_csv(report, report.table(table))
    except KeyError:
        raise Http404 from None
    return _file(text, "text/csv; charset=utf-8", f"{register}-{year}-{table}.csv")


def _report(request: HttpRequest, register: str, year: int) -> AnnualReport:
    """The report in the viewer's language; 404 for a year that has none."""
    on = clock.today()
    try:
        report = annual_report(request.viewer, register, year, language=_language(), on=on)
    except NoReport as error:
        raise Http404(str(error)) from error
    record_access(request.viewer, "read", "annual_report", year, register_code=register)
    return report


def _language() -> str:
    language = (get_language() or "en").split("-")[0]
    return language if language in LANGUAGES else "en"


def _file(text: str, kind: str, name: str) -> HttpResponse:
    return HttpResponse(
        text, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def export(request: HttpRequest, register: str) -> HttpResponse:
    """Say what an export holds, and let a worker make one."""
    require(request.viewer, Permission.EXPORT, register)
    on = clock.today()
    definition = definition_for(register)
    years = [str(year) for year in reversed(export_years(definition, on))]
    chosen = {
        "year": request.POST.get("year", str(on.year - 1)),
        "format": request.POST.get("format", FORMATS[0]),
    }
    errors: dict[str, str] = {}
    if request.method == "POST":
        if chosen["year"] not in years:
            errors["year"] = _("Choose one of the years in the list.")
        if chosen["format"] not in FORMATS:
            errors["format"] = _("Choose CSV or Excel.")
        if not errors:
            job = start_job(
                by=request.viewer,
                kind=KIND,
                register_code=register,
                parameters={"year": int(chosen["year"]), "format": chosen["format"]},
            )
            messages.success(request, _("The export is being made. You may leave this page."))
            return redirect("jobs:detail", register=register, job=job.pk)
    context: dict[str, Any] = {
        "register_code": register,
        "definition": definition,
        "years": years,
        "chosen": chosen,
        "errors": errors,
        "units": _own_units(request, register),
    }
    return render(request, "reports/export.html", context, status=422 if errors else 200)


def _own_units(request: HttpRequest, register: str) -> list[str]:
    """The units to which an export is limited; empty for the whole register."""
    viewer = request.viewer
    if viewer.whole_register(Permission.EXPORT, register):
        return []
    own = viewer.unit_ids(Permission.EXPORT, register)
    return [unit.name for unit in units_of(register) if unit.pk in own]
