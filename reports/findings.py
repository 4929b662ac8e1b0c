"""What a benchmark says, in words: the headline, the title of the chart, its text alternative."""

from __future__ import annotations

from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from registry.registers.schema import RegisterDefinition
from reports.selectors.benchmark import Benchmark, Figures, PointResult


def rounded(value: float, decimals: int) -> str:
    """Return a number as it is printed: half away from zero, in the reader's notation."""
    factor = 10**decimals
    # A hair above the float, so that 12.45 held as 12.449999… prints 12.5.
    whole = int(abs(value) * factor + 0.5 + 1e-9)
    number = whole / factor if value >= 0 else -whole / factor
    return number_format(number + 0.0, decimals, use_l10n=True).replace("-", "−")


def percent(share: float, decimals: int = 0) -> str:
    """Return a share as a percentage."""
    return _("%(number)s %%") % {"number": rounded(100 * share, decimals)}


def main_point(benchmark: Benchmark) -> PointResult | None:
    """Return the time point that the headline is about: 1 year, else the first that has changes."""
    one_year = benchmark.at("y1")
    if one_year is not None and _has_change(one_year):
        return one_year
    return next((point for point in benchmark.points if _has_change(point)), None)


def _has_change(result: PointResult) -> bool:
    """Say whether any change is shown; before surgery there is none."""
    shown = (result.own, result.nation)
    return result.point != "before" and any(one and one.change is not None for one in shown)


def points_with_answers(benchmark: Benchmark) -> list[PointResult]:
    """Return the time points up to the last one at which anything is known."""
    last = max(
        (
            place
            for place, result in enumerate(benchmark.points)
            if result.nation.n or result.nation.withheld or (result.own and result.own.n)
        ),
        default=0,
    )
    return list(benchmark.points[: last + 1])


def headline(benchmark: Benchmark, definition: RegisterDefinition) -> str:
    """Return the finding in one sentence."""
    result = main_point(benchmark)
    if result is None:
        if any(p.nation.withheld or p.nation.change_withheld for p in benchmark.points):
            return _("Too few patients have answered to show figures.")
        return _("Nobody has answered before and after surgery yet.")
    own = result.own if result.own is not None and result.own.change is not None else None
    figures = own or result.nation
    if figures.change is None:
        return _("Too few patients have answered to show the change.")
    words = {
        "point": str(definition.time_points[result.point].labels),
        "scale": benchmark.measure.label,
        "points": rounded(abs(figures.change), benchmark.measure.decimals),
    }
    falls = figures.change < 0
    if own is None:
        return (
            _("%(point)s: %(scale)s falls %(points)s points in the nation.")
            if falls
            else _("%(point)s: %(scale)s rises %(points)s points in the nation.")
        ) % words
    nation = result.nation.change
    if result.difference is None or result.difference_interval is None or nation is None:
        return (
            _("%(point)s: %(scale)s falls %(points)s points.")
            if falls
            else _("%(point)s: %(scale)s rises %(points)s points.")
        ) % words
    words["nation"] = rounded(abs(nation), benchmark.measure.decimals)
    low, high = result.difference_interval
    if low <= 0 <= high:
        return (
            _("%(point)s: %(scale)s falls %(points)s points, as in the nation (%(nation)s).")
            if falls
            else _("%(point)s: %(scale)s rises %(points)s points, as in the nation (%(nation)s).")
        ) % words
    if abs(own.change or 0) > abs(nation):
        return (
            _("%(point)s: %(scale)s falls %(points)s points, more than the nation (%(nation)s).")
            if falls
            else _(
                "%(point)s: %(scale)s rises %(points)s points, more than the nation (%(nation)s)."
            )
        ) % words
    return (
        _("%(point)s: %(scale)s falls %(points)s points, less than the nation (%(nation)s).")
        if falls
        else _("%(point)s: %(scale)s rises %(points)s points, less than the nation (%(nation)s).")
    ) % words


def subtitle(benchmark: Benchmark, group_label: str) -> str:
    """Say what is measured."""
    lowest = rounded(benchmark.measure.lowest, 0 if benchmark.measure.highest > 1 else 1)
    return _(
        "%(scale)s (%(lowest)s to %(highest)s; %(end)s), mean with 95 %% interval. %(group)s."
    ) % {
        "scale": benchmark.measure.label,
        "lowest": lowest,
        "highest": rounded(benchmark.measure.highest, 0),
        "end": better_end(benchmark),
        "group": group_label,
    }


def better_end(benchmark: Benchmark) -> str:
    """Say which end of the scale is better."""
    return _("higher is better") if benchmark.measure.higher_is_better else _("lower is better")


def description(benchmark: Benchmark, definition: RegisterDefinition) -> str:
    """Return the chart in words: every mean with its n."""
    sentences = []
    for result in points_with_answers(benchmark):
        label = str(definition.time_points[result.point].labels)
        parts = []
        if result.own is not None and benchmark.unit is not None:
            parts.append(f"{benchmark.unit.short_name} {_of(result.own, benchmark)}")
        parts.append(f"{_('nation')} {_of(result.nation, benchmark)}")
        sentences.append(f"{label}: {', '.join(parts)}.")
    return " ".join(sentences)


def _of(figures: Figures, benchmark: Benchmark) -> str:
    if figures.withheld:
        return _("withheld")
    if figures.mean is None or figures.n is None:
        return _("no answers")
    return ngettext("%(mean)s (%(n)s answer)", "%(mean)s (%(n)s answers)", figures.n) % {
        "mean": rounded(figures.mean, benchmark.measure.decimals),
        "n": figures.n,
    }
