"""Pages of reports: the benchmark of a unit, and completeness by unit."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from registry.accounts.permissions import Permission
from registry.audit.actions import deny
from registry.core import clock
from registry.registers.downloads import csv_response
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for
from reports import findings, tables
from reports.forms import BenchmarkForm, ScopeForm, groups_of
from reports.scales import compared_scales
from reports.selectors import benchmark, completeness_by_unit


@require_safe
@login_required
def dashboard(request: HttpRequest, register: str) -> HttpResponse:
    """Show the own unit beside the nation: headline, chart, table, what is in the figure."""
    definition = _readable(request, register)
    on = clock.today()
    form = BenchmarkForm(
        _with_defaults(request, definition), definition=definition, viewer=request.viewer, on=on
    )
    context: dict[str, Any] = {"form": form, "definition": definition, "page": "dashboard"}
    if not compared_scales(definition, list(definition.groups)[:1]) and not form.default_group:
        return render(request, "reports/nothing_compared.html", context)
    if form.is_valid():
        scope = form.scope()
        answer = benchmark(
            request.viewer, scope, scale=form.chosen_scale, unit=form.chosen_unit, on=on
        )
        table = tables.benchmark_table(answer, definition)
        if request.GET.get("format") == "csv":
            return csv_response(
                table.header,
                (row.values for row in table.rows),
                definition=definition,
                name=f"{register}-benchmark-{on}.csv",
            )
        query = request.GET.copy()
        query.pop("format", None)
        address = reverse("api:benchmark-chart", kwargs={"register": register})
        context |= {
            "answer": answer,
            "table": table,
            "headline": findings.headline(answer, definition),
            "subtitle": findings.subtitle(answer, form.group_label),
            "description": findings.description(answer, definition),
            "chart_url": f"{address}?{query.urlencode()}",
            "filtered": bool(scope.filters),
            "form": _offering(form, definition),
        }
    return render(request, "reports/dashboard.html", context)


@require_safe
@login_required
def completeness(request: HttpRequest, register: str) -> HttpResponse:
    """Show how complete the questionnaires of every unit are, beside the register's target."""
    definition = _readable(request, register)
    on = clock.today()
    query = request.GET.copy()
    query.setdefault("year_from", str(on.year - 1))
    query.setdefault("year_to", str(on.year))
    form = ScopeForm(query, definition=definition, viewer=request.viewer, on=on, whole=True)
    context: dict[str, Any] = {"form": form, "definition": definition, "page": "completeness"}
    if form.is_valid():
        answer = completeness_by_unit(request.viewer, form.scope(), on=on)
        table = tables.completeness_table(answer, definition)
        if request.GET.get("format") == "csv":
            return csv_response(
                table.header,
                (row.values for row in table.rows),
                definition=definition,
                name=f"{register}-completeness-{on}.csv",
            )
        goals = [
            (str(definition.time_points[point].labels), findings.percent(answer.targets[point]))
            for point in answer.points
            if point in answer.targets
        ]
        context |= {"answer": answer, "table": table, "on": on, "targets": goals}
    return render(request, "reports/completeness.html", context)


def _readable(request: HttpRequest, register_code: str) -> RegisterDefinition:
    """Return the definition of a register whose reports the viewer may see, else answer 404."""
    if not request.viewer.may(Permission.SEE_REPORTS, register_code):
        deny(request.viewer, "read", "reports", register_code=register_code[:40])
    return definition_for(register_code)


def _with_defaults(request: HttpRequest, definition: RegisterDefinition) -> Any:
    """Return the address's query with what it leaves out, so that the bar shows what is asked.

    A scale that the chosen groups are not compared by (left over from another group) gives way
    to their most important one.
    """
    query = request.GET.copy()
    if not query.get("group"):
        default = next((key for key in definition.groups if definition.scales_for(key)), "")
        query["group"] = default
    years = range(definition.about.start_date.year, clock.today().year + 1)
    if not query.get("year_from"):
        query["year_from"] = str(years[0])
    if not query.get("year_to"):
        query["year_to"] = str(years[-1])
    compared = compared_scales(definition, list(groups_of(definition, query.getlist("group"))))
    if compared and query.get("scale") not in compared:
        query["scale"] = compared[0]
    return query


def _offering(form: BenchmarkForm, definition: RegisterDefinition) -> BenchmarkForm:
    """Let the bar offer only the scales and types of operation of the chosen groups."""
    compared = form.compared
    if compared:
        form.offer("scale", [one for one in form.fields["scale"].choices if one[0] in compared])
    offered = {
        one.key for group in form.chosen_groups for one in definition.procedure_types_for(group)
    }
    offered |= {"", form.cleaned_data.get("procedure_type")}
    types = form.fields["procedure_type"].choices
    form.offer("procedure_type", [one for one in types if one[0] in offered])
    return form
