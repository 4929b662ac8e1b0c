"""What reports show on shared pages: the menu entry, and on the home page how the unit is doing."""

from __future__ import annotations

import math
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from registry.accounts.permissions import Permission
from registry.core import clock
from registry.core.panels import MenuEntry, Panel
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for
from reports import findings
from reports.forms import BenchmarkForm
from reports.selectors import Scope, benchmark, completeness_by_unit
from reports.selectors.completeness import CompletenessTable


def may_see(request: HttpRequest, register_code: str) -> bool:
    """Say whether the viewer sees the entry Reports."""
    return request.viewer.may(Permission.SEE_REPORTS, register_code)


MENU = MenuEntry(_("Reports"), "reports:dashboard", 60, may_see)


def home(request: HttpRequest, *, register: str) -> Panel | None:
    """Show the newest result of the unit and its progress to the register's targets."""
    if not may_see(request, register):
        return None
    definition = definition_for(register)
    on = clock.today()
    form = BenchmarkForm({}, definition=definition, viewer=request.viewer, on=on)
    if not form.is_valid() or not form.default_group:
        return None
    unit = form.chosen_unit
    answer = benchmark(request.viewer, form.scope(), scale=form.chosen_scale, unit=unit, on=on)
    groups = tuple(definition.groups)
    # Preoperative answers of this year's operations; follow-ups of last year's, now due.
    progress = []
    for point, year in (("before", on.year), ("y1", on.year - 1)):
        if point in definition.completeness_goals:
            table = completeness_by_unit(
                request.viewer, Scope(register, groups, (), year, year), on=on
            )
            row = _progress(table, definition, point, unit.pk if unit else None)
            if row is not None:
                progress.append({**row, "year": year})
    if not answer.anything and not progress:
        return None
    return Panel(
        "reports/_home.html",
        {
            "register": register,
            "unit": unit,
            "group": form.group_label,
            "headline": findings.headline(answer, definition) if answer.anything else "",
            "progress": progress,
        },
    )


def _progress(
    table: CompletenessTable, definition: RegisterDefinition, point: str, unit_id: int | None
) -> dict[str, Any] | None:
    """Return how far the unit (else the nation) is from the target at a time point."""
    row = next((row for row in table.rows if row.unit and row.unit.pk == unit_id), None)
    count = (row or table.total).counts.get(point)
    if count is None or count.share is None:
        return None
    target = table.targets[point]
    # Rounded first, so that 0.9 × 10 does not become 10 answers by a hair.
    missing = max(0, math.ceil(round(target * count.expected, 6)) - count.answered)
    return {
        "label": str(definition.time_points[point].labels),
        "percent": round(100 * count.share),
        "answered": count.answered,
        "expected": count.expected,
        "target": findings.percent(target),
        "share": findings.percent(count.share, 1),
        "missing": missing,
    }
