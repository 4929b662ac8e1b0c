"""Response rates and the calendar of the next twelve months."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from proms import forecast, selectors
from proms.forms import RatesForm, channels
from proms.selectors import By, RateRow, RateTable
from proms.steps import EXCLUDED, Rate, Step
from registry.accounts.permissions import Permission
from registry.audit.actions import require
from registry.core import clock
from registry.core.alphabet import sort_key
from registry.core.choices import Language
from registry.registers.downloads import csv_response
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for, units_of


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the page: label; for each step its label, number and share in percent; and what is
    not counted, by label."""

    label: str
    own: bool
    hidden: bool
    steps: tuple[tuple[str, int, float | None], ...]
    outside: tuple[tuple[str, int | None], ...]
    all: int | None


@login_required
@require_safe
def rates(request: HttpRequest, register: str) -> HttpResponse:
    """Show how many of those due came how far, by unit, time point, channel or language."""
    viewer, on = request.viewer, clock.today()
    require(viewer, Permission.SEE_REPORTS, register)
    definition = definition_for(register)
    query = request.GET.copy()
    query.pop("format", None)
    form = RatesForm(query, definition=definition, on=on)
    context: dict[str, Any] = {
        "register": register,
        "definition": definition,
        "form": form,
        "tab": "rates",
        "follows_up": viewer.may(Permission.FOLLOW_UP, register),
    }
    if form.is_valid():
        table = selectors.response_rates(viewer, register, form.asking(), by=form.rows, on=on)
        lines = _lines(table, form, definition)
        total = _line(_("All"), table.total)
        if request.GET.get("format") == "csv":
            return csv_response(
                _header(form.rows),
                [_values(line) for line in [*lines, total]],
                definition=definition,
                name=f"{register}-response-rates-{on}.csv",
            )
        context |= {
            "table": table,
            "lines": lines,
            "total": total,
            "steps": [step.label for step in Step],
            "outside": [part.label for part in EXCLUDED],
            "headline": headline(table.total.rate, form, definition),
            "on": on,
        }
    return render(request, "proms/rates.html", context)


def headline(rate: Rate | None, form: RatesForm, definition: RegisterDefinition) -> str:
    """Return the finding in a sentence."""
    if rate is None:
        return _("The figures are about too few patients to be shown.")
    if not rate.eligible:
        return _("Nobody was to answer in this period.")
    percent = round(100 * (rate.share(Step.COMPLETED) or 0))
    point = definition.time_points.get(form.cleaned_data["time_point"])
    counted = ngettext(
        "Of %(n)s follow-up that was due", "Of %(n)s follow-ups that were due", rate.eligible
    ) % {"n": _number(rate.eligible)}
    if point is not None:
        counted = f"{counted} ({point.labels})"
    found = _("%(counted)s, %(percent)d %% were answered") % {
        "counted": counted,
        "percent": percent,
    }
    if rate.largest_loss is None:
        return f"{found}."
    before, after, lost = rate.largest_loss
    return _("%(found)s; most are lost between %(before)s and %(after)s: %(lost)s.") % {
        "found": found,
        "before": str(before.label).lower(),
        "after": str(after.label).lower(),
        "lost": _number(lost),
    }


def _number(value: int) -> str:
    return f"{value:,}".replace(",", "\N{NO-BREAK SPACE}")


def _lines(table: RateTable, form: RatesForm, definition: RegisterDefinition) -> list[Line]:
    labels: dict[str, str] = {
        By.UNIT: lambda: {str(unit.pk): unit.name for unit in form.units.values()},
        By.TIME_POINT: lambda: {
            key: str(point.labels) for key, point in definition.time_points.items()
        },
        By.CHANNEL: lambda: {key: str(label) for key, label in channels()},
        By.LANGUAGE: lambda: dict(Language.choices),
    }[table.by]()
    order = {key: position for position, key in enumerate(labels)}
    language = get_language() or "da"

    def place(row: RateRow) -> tuple[int, str]:
        if table.by is By.UNIT:
            return 0, sort_key(labels.get(row.key, row.key), language)
        return order.get(row.key, len(order)), row.key

    return [_line(labels.get(row.key, row.key), row) for row in sorted(table.rows, key=place)]


def _line(label: str, row: RateRow) -> Line:
    steps: tuple[tuple[str, int, float | None], ...] = ()
    if row.rate is not None:
        shares = [row.rate.share(step) for step in Step]
        steps = tuple(
            (str(step.label), row.rate.step(step), None if share is None else 100 * share)
            for step, share in zip(Step, shares, strict=True)
        )
    return Line(
        label=label,
        own=row.own,
        hidden=row.rate is None,
        steps=steps,
        outside=tuple((str(part.label), row.outside(part)) for part in EXCLUDED),
        all=row.all,
    )


def _header(by: By) -> list[str]:
    return [
        str(by.label),
        *(str(step.label) for step in Step),
        _("Answered, share"),
        *(str(part.label) for part in EXCLUDED),
        _("All follow-ups"),
    ]


def _values(line: Line) -> list[object]:
    """One line of the file; what is withheld is an empty cell."""
    counts = [n for _step, n, _share in line.steps] or [""] * len(Step)
    share = line.steps[-1][2] if line.steps else None
    return [
        line.label,
        *counts,
        "" if share is None else share / 100,
        *("" if n is None else n for _part, n in line.outside),
        "" if line.all is None else line.all,
    ]


# --- The calendar ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """A month or week of the calendar."""

    label: str
    load: forecast.Load
    calls_by_unit: tuple[tuple[str, float], ...]


KINDS_OF_WORK = (
    ("invitations", gettext_lazy("Invitations")),
    ("reminders", gettext_lazy("Reminders")),
    ("emails", gettext_lazy("By e-mail")),
    ("texts", gettext_lazy("By text message")),
    ("letters", gettext_lazy("Letters")),
    ("calls", gettext_lazy("Probable calls")),
)
"""The columns of the calendar: invitations and reminders, which go by e-mail or text message; and
what people do themselves."""

PERIODS: dict[str, tuple[Callable[[date], date], Callable[[date], str]]] = {
    "month": (forecast.month_of, lambda day: date_format(day, "YEAR_MONTH_FORMAT")),
    "week": (
        forecast.week_of,
        lambda day: (
            _("week %(week)d, from %(day)s")
            % {"week": day.isocalendar().week, "day": date_format(day, "SHORT_DATE_FORMAT")}
        ),
    ),
}


@login_required
@require_safe
def calendar(request: HttpRequest, register: str) -> HttpResponse:
    """Show the messages, letters and probable calls of the next twelve months."""
    viewer, on = request.viewer, clock.today()
    require(viewer, Permission.FOLLOW_UP, register)
    definition = definition_for(register)
    unit = request.GET.get("unit", "")
    unit_id = int(unit) if unit.isdigit() else None
    by = request.GET.get("by", "month")
    by = by if by in PERIODS else "month"
    held = forecast.calendar(viewer, register, on=on, unit_id=unit_id)
    units = sorted(
        (one for one in units_of(register) if viewer.may(Permission.FOLLOW_UP, register, one.pk)),
        key=lambda one: sort_key(one.name, get_language() or "da"),
    )
    shown = [one for one in units if unit_id in (None, one.pk)]
    period_of, label_of = PERIODS[by]
    periods = []
    for start, loads in held.by(period_of).items():
        whole = forecast.Load()
        for load in loads.values():
            whole = whole.plus(load)
        periods.append(
            Period(
                label_of(start),
                whole,
                tuple((one.short_name, loads.get(one.pk, forecast.Load()).calls) for one in shown),
            )
        )
    names = [name for name, _label in KINDS_OF_WORK]
    most = max((getattr(one.load, name) for one in periods for name in names), default=0)
    return render(
        request,
        "proms/calendar.html",
        {
            "register": register,
            "definition": definition,
            "tab": "calendar",
            "kinds": [label for _name, label in KINDS_OF_WORK],
            "periods": [
                (one, [(label, getattr(one.load, name)) for name, label in KINDS_OF_WORK])
                for one in periods
            ],
            "by": by,
            "units": [(one.pk, one.name) for one in units],
            "shown": [one.short_name for one in shown],
            "unit_id": unit_id,
            "most": max(1, most),
            "anything": most > 0,
            "share": round(100 * forecast.ANSWERED_BY_MAIL),
            "follows_up": True,
        },
    )
