"""Response rates: of the follow-ups due in a period, how many came how far, and why not further.

Every unit of the register is told, as in reports: figures over few patients of other units are
withheld (registry.core.disclosure).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, F, OuterRef, Subquery, TextChoices, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from proms.actions.inviting import PURPOSE
from proms.models import FollowUp
from proms.status import status_expression
from proms.steps import EXCLUDED, Part, Rate, part_expression
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import require
from registry.core.disclosure import TOTAL, withheld
from registry.messaging.models import Message
from registry.registers.selectors import definition_for


class By(TextChoices):
    """What the rows of a table of response rates are."""

    UNIT = "unit", _("Unit")
    TIME_POINT = "time_point", _("Time point")
    CHANNEL = "channel", _("Channel")
    LANGUAGE = "language", _("Language")


NO_CHANNEL = "none"
"""The channel of those to whom nothing was sent."""


@dataclass(frozen=True, slots=True)
class Asking:
    """Which follow-ups are counted: by the due date, both days included; None means all."""

    due_from: date
    due_to: date
    time_point: str | None = None
    unit_id: int | None = None
    channel: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class RateRow:
    """One row. ``rate`` None: withheld; ``hidden``: parts withheld, which lack in ``rate``."""

    key: str
    rate: Rate | None
    own: bool = False
    hidden: frozenset[Part] = frozenset()

    def outside(self, part: Part) -> int | None:
        """Return how many are in a part outside the denominator; None where it is withheld."""
        if self.rate is None or part in self.hidden:
            return None
        return self.rate.parts.get(part, 0)

    @property
    def all(self) -> int | None:
        """All follow-ups; None where this would tell a part that is withheld."""
        return None if self.rate is None or self.hidden else self.rate.all


@dataclass(frozen=True, slots=True)
class RateTable:
    """Response rates by unit, time point, channel or language, and over all of them."""

    by: By
    rows: tuple[RateRow, ...]
    total: RateRow


_KEYS = {
    By.UNIT: F("operation__unit_id"),
    By.TIME_POINT: F("time_point"),
    By.LANGUAGE: F("operation__membership__patient__language"),
}


def response_rates(
    viewer: Viewer, register_code: str, asking: Asking, *, by: By = By.UNIT, on: date
) -> RateTable:
    """Return how far the follow-ups due in a period had come on a day, in one query.

    Units of others are shown where their figures do not point at few patients.
    """
    require(viewer, Permission.SEE_REPORTS, register_code)
    found: dict[str, dict[Part, int]] = {}
    free: set[str] = set()
    see_all = viewer.whole_register(Permission.SEE_PATIENTS, register_code)
    own = viewer.unit_ids(Permission.SEE_PATIENTS, register_code)
    for key, part, n in _counts(register_code, asking, by, on):
        found.setdefault(str(key), {})[Part(part)] = n
        if by is By.UNIT and key in own:
            free.add(str(key))
    if asking.unit_id in own:
        free.update(found)
    threshold = 0 if see_all else definition_for(register_code).about.small_number_threshold
    rates = {key: Rate(parts) for key, parts in found.items()}
    total = Rate({})
    for rate in rates.values():
        total = total.plus(rate)
    hidden = withheld(
        {key: rate.eligible for key, rate in rates.items()}, free=free, threshold=threshold
    )
    hidden_parts = {
        part: withheld(
            {key: rate.parts.get(part, 0) for key, rate in rates.items()},
            free=free,
            threshold=threshold,
        )
        for part in EXCLUDED
    }

    def row(key: str, rate: Rate, *, own: bool = False) -> RateRow:
        unseen = frozenset(part for part in EXCLUDED if key in hidden_parts[part])
        seen = Rate({part: n for part, n in rate.parts.items() if part not in unseen})
        return RateRow(key, None if key in hidden else seen, own=own, hidden=unseen)

    return RateTable(
        by=by,
        rows=tuple(
            row(key, rate, own=not see_all and by is By.UNIT and key in free)
            for key, rate in rates.items()
        ),
        total=row(TOTAL, total),
    )


def _counts(register_code: str, asking: Asking, by: By, on: date) -> list[tuple[object, str, int]]:
    counted = FollowUp.objects.filter(
        operation__register_id=register_code,
        operation__cancelled_on__isnull=True,
        due_on__gte=asking.due_from,
        due_on__lte=asking.due_to,
    )
    narrowed: Mapping[str, object] = {
        "time_point": asking.time_point,
        "operation__unit_id": asking.unit_id,
        "operation__membership__patient__language": asking.language,
    }
    counted = counted.filter(**{name: value for name, value in narrowed.items() if value})
    keys = dict(_KEYS)
    if by is By.CHANNEL or asking.channel:
        counted = counted.annotate(channel=_channel())
        keys[By.CHANNEL] = F("channel")
        if asking.channel:
            counted = counted.filter(channel=asking.channel)
    return list(
        counted.annotate(status=status_expression(on))
        .annotate(part=part_expression(on), key=keys[by])
        .order_by()
        .values_list("key", "part")
        .annotate(n=Count("pk"))
    )


def _channel() -> Coalesce:
    """By which channel a follow-up was asked the last time; NO_CHANNEL where nothing was sent."""
    sent = Message.objects.filter(
        purpose=PURPOSE, subject_id=OuterRef("invitation_id"), sent_at__isnull=False
    ).order_by("-sent_at", "-pk")
    return Coalesce(Subquery(sent.values("channel")[:1]), Value(NO_CHANNEL))
