"""Charts as Vega-Lite specifications: drawn by the browser on pages and by vl-convert in print.

Altair takes half a second to build and check one. What a chart looks like depends on little, so
the built specification is kept; the figures are put in as named data sets.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import altair as alt
from django.utils.translation import gettext as _

from registry.registers.schema import RegisterDefinition
from reports import findings
from reports.selectors.benchmark import Benchmark, Figures, PointResult
from reports.statistics.intervals import mean_interval

OWN = "#0A5A73"
NATION = "#5F6B74"
INK = "#14232E"
BAND = "#DCE9ED"
GRID = "#D3DBE0"
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif'

HEIGHT = 300
"""Pixels; the width is that of the container."""
SHIFT = 0.07
"""How far own unit and nation stand apart, as a share of the distance of two time points."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart with its finding, the same in words, and the Vega-Lite specification."""

    title: str
    description: str
    specification: dict[str, Any]


def benchmark_chart(
    benchmark: Benchmark, definition: RegisterDefinition, *, group_label: str
) -> Chart:
    """Draw the course of a scale: own unit strong, the nation grey, n under every point.

    The light band holds the changes from before surgery that are too small to matter.
    """
    title = findings.headline(benchmark, definition)
    words = findings.description(benchmark, definition)
    measure = benchmark.measure
    results = findings.points_with_answers(benchmark)
    own_name = benchmark.unit.short_name if benchmark.unit is not None else ""
    labels = tuple(str(definition.time_points[result.point].labels) for result in results)
    built = course(
        labels,
        lowest=measure.lowest,
        highest=measure.highest,
        axis_title=f"{measure.label} ({findings.better_end(benchmark)})",
        own_name=own_name,
        nation_name=_("Nation"),
        band_name=_("too small to matter"),
    )
    specification = {
        **built,
        "title": {
            "text": title,
            "subtitle": findings.subtitle(benchmark, group_label),
            "anchor": "start",
        },
        "description": words,
        "datasets": {
            "points": _rows(results, labels, own_name, _("Nation"), measure.decimals),
            "band": _band(benchmark, len(results)),
        },
    }
    return Chart(title=title, description=words, specification=specification)


@lru_cache(maxsize=512)
def course(
    labels: tuple[str, ...],
    *,
    lowest: float,
    highest: float,
    axis_title: str,
    own_name: str,
    nation_name: str,
    band_name: str,
) -> dict[str, Any]:
    """Return the specification of a scale's course over time; the caller must not change it.

    Data sets: ``points`` (place, series, mean, low, high, value, count, tip) and ``band`` (from,
    to, start, end).
    """
    across = alt.Scale(domain=[-0.5, max(len(labels) - 0.5, 0.5)], nice=False)
    whole = alt.Scale(domain=[lowest, highest], nice=False, zero=False)
    series = [own_name, nation_name] if own_name else [nation_name]
    x = alt.X(
        "place:Q",
        title=None,
        scale=across,
        axis=alt.Axis(
            values=list(range(len(labels))),
            labelExpr=f"{_literal(labels)}[datum.value]",
            grid=False,
            labelAngle=0,
            labelFontSize=13,
            labelOverlap="greedy",
        ),
    )
    y = alt.Y("mean:Q", title=axis_title, scale=whole)
    band = alt.Chart(alt.NamedData(name="band"))
    points = alt.Chart(alt.NamedData(name="points")).encode(
        x=x,
        color=alt.Color(
            "series:N",
            scale=alt.Scale(domain=series, range=[OWN, NATION] if own_name else [NATION]),
            legend=alt.Legend(title=None, orient="top", labelFontSize=13, symbolType="circle")
            if own_name
            else None,
        ),
    )
    own_marks = points.transform_filter(f"datum.series == {_literal(own_name)}")
    nation_marks = points.transform_filter(f"datum.series == {_literal(nation_name)}")
    layers = [
        band.mark_rect(color=BAND, opacity=0.8).encode(
            x=alt.X("from:Q", scale=across),
            x2="to:Q",
            y=alt.Y("start:Q", scale=whole),
            y2="end:Q",
        ),
        band.mark_text(
            text=band_name, align="right", dx=-6, dy=10, fontSize=11, color=NATION
        ).encode(x=alt.X("to:Q", scale=across), y=alt.Y("end:Q", scale=whole)),
        points.mark_rule(strokeWidth=1.5).encode(
            y=alt.Y("low:Q", scale=whole), y2=alt.Y2("high:Q")
        ),
        points.mark_line(strokeWidth=2.5).encode(y=y),
        points.mark_point(filled=True, size=70, opacity=1).encode(
            y=y, tooltip=alt.Tooltip("tip:N")
        ),
    ]
    for marks, align, dx, row in ((own_marks, "right", -8, 1), (nation_marks, "left", 8, 0)):
        layers += [
            marks.mark_text(align=align, dx=dx, dy=-9, fontSize=12, fontWeight=600).encode(
                y=y, text=alt.Text("value:N")
            ),
            marks.transform_calculate(at=str(lowest + (0.035 + 0.06 * row) * (highest - lowest)))
            .mark_text(fontSize=11)
            .encode(y=alt.Y("at:Q", scale=whole), text=alt.Text("count:N")),
        ]
    return (
        alt.layer(*layers)
        .properties(
            width="container",
            height=HEIGHT,
            autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        )
        .configure(font=FONT, background="transparent")
        .configure_title(
            fontSize=16, fontWeight=600, color=INK, subtitleColor=NATION, subtitleFontSize=13
        )
        .configure_axis(
            labelColor=INK, titleColor=INK, gridColor=GRID, domainColor=GRID, tickColor=GRID
        )
        .configure_view(stroke=None)
        .to_dict()
    )


def _rows(
    results: list[PointResult],
    labels: tuple[str, ...],
    own_name: str,
    nation_name: str,
    decimals: int,
) -> list[dict[str, Any]]:
    """Return the points that can be drawn."""
    return [
        _row(label, place + shift, name, figures, decimals)
        for place, (result, label) in enumerate(zip(results, labels, strict=True))
        for name, figures, shift in (
            (own_name, result.own, -SHIFT),
            (nation_name, result.nation, SHIFT if own_name else 0),
        )
        if figures is not None and figures.mean is not None
    ]


def _row(label: str, place: float, series: str, figures: Figures, decimals: int) -> dict[str, Any]:
    assert figures.mean is not None
    assert figures.n is not None
    interval = (
        mean_interval(figures.n, figures.mean, figures.sd) if figures.sd is not None else None
    )
    value = findings.rounded(figures.mean, decimals)
    tip = f"{series}, {label}: {value}, n = {figures.n}"
    if interval is not None:
        low, high = (findings.rounded(bound, decimals) for bound in interval)
        tip = f"{tip} ({low} – {high})"
    return {
        "place": place,
        "series": series,
        "mean": figures.mean,
        "low": interval.low if interval else figures.mean,
        "high": interval.high if interval else figures.mean,
        "value": value,
        "count": f"n = {figures.n}",
        "tip": tip,
    }


def _band(benchmark: Benchmark, places: int) -> list[dict[str, float]]:
    """Return the band of changes that are too small to matter; empty where that is not known."""
    before = benchmark.at("before")
    if before is None or benchmark.relevant_change is None or places < 2:
        return []
    start = before.own.mean if before.own is not None else before.nation.mean
    if start is None:
        return []
    measure = benchmark.measure
    change = benchmark.relevant_change if measure.higher_is_better else -benchmark.relevant_change
    end = min(max(start + change, measure.lowest), measure.highest)
    return [{"from": 0.35, "to": places - 0.5, "start": min(start, end), "end": max(start, end)}]


def _literal(value: object) -> str:
    """Return a value as a literal of a Vega expression."""
    return json.dumps(value, ensure_ascii=False)
