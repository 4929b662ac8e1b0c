"""A patient's own results in plain words, for the receipt: only what the register allows."""

from dataclasses import dataclass

from django.utils.formats import date_format
from django.utils.translation import gettext as _

from proms.instruments import instrument
from proms.instruments.schema import Scale
from proms.scoring import written
from proms.selectors import CoursePoint, own_course
from proms.views.session import Session
from registry.core import clock
from registry.registers.schema import RegisterDefinition


@dataclass(frozen=True, slots=True)
class PointShown:
    """One bar: when, the number, and its length in hundredths of the scale's range."""

    when: str
    number: str
    length: str


@dataclass(frozen=True, slots=True)
class CourseShown:
    """One scale: one sentence, and the bars."""

    sentence: str
    higher_is_better: bool
    points: list[PointShown]


def courses_shown(session: Session) -> list[CourseShown]:
    """Return the courses of the scales that the register shows, in its order."""
    shown = {one.scale: one.words for one in session.definition.proms.own_course}
    points: dict[str, list[CoursePoint]] = {}
    for point in own_course(session.invitation.pk, list(shown), on=clock.today()):
        points.setdefault(point.scale, []).append(point)
    return [
        _course(words.in_language(session.language), points[code], session)
        for code, words in shown.items()
        if code in points
    ]


def _course(words: str, points: list[CoursePoint], session: Session) -> CourseShown:
    newest = points[-1]
    scale = instrument(newest.instrument, newest.instrument_version).scales_by_code[newest.scale]
    numbers = [_number(point, scale) for point in points]
    values = {"what": words, "first": numbers[0], "last": numbers[-1]}
    if len(points) == 1:
        sentence = _("%(what)s is %(last)s now.") % values
    elif points[0].time_point == "before":
        sentence = _("%(what)s was %(first)s before the operation and is %(last)s now.") % values
    else:
        sentence = _("%(what)s was %(first)s the first time and is %(last)s now.") % values
    return CourseShown(
        sentence,
        scale.higher_is_better,
        [
            PointShown(
                _when(point, session.definition, session.language), number, _length(point, scale)
            )
            for point, number in zip(points, numbers, strict=True)
        ],
    )


def _number(point: CoursePoint, scale: Scale) -> str:
    """Whole numbers are enough for a patient where the scale is long."""
    low, high = scale.range
    return written(point.value, 0 if high - low >= 20 else scale.decimals)


def _length(point: CoursePoint, scale: Scale) -> str:
    low, high = scale.range
    return f"{100 * (point.value - low) / (high - low):.1f}"


def _when(point: CoursePoint, definition: RegisterDefinition, language: str) -> str:
    time_point = definition.time_points.get(point.time_point)
    name = time_point.labels.in_language(language) if time_point else point.time_point
    return f"{name} ({date_format(point.answered_on, 'DATE_FORMAT')})"
