"""Reads about follow-ups. Each takes the viewer and returns only what the viewer may see."""

from proms.selectors.answering import FormInProgress, form_in_progress
from proms.selectors.follow_ups import (
    TO_DO,
    UnitCounts,
    counts_by_unit,
    follow_ups_for,
    follow_ups_of,
    invitation_for,
    scores_of,
    why_not_sent,
    worklist,
)
from proms.selectors.telephone import (
    CallList,
    TelephoneReason,
    ToCall,
    standings_by_unit,
    telephone_worklist,
)

__all__ = [
    "TO_DO",
    "CallList",
    "FormInProgress",
    "TelephoneReason",
    "ToCall",
    "UnitCounts",
    "counts_by_unit",
    "follow_ups_for",
    "follow_ups_of",
    "form_in_progress",
    "invitation_for",
    "scores_of",
    "standings_by_unit",
    "telephone_worklist",
    "why_not_sent",
    "worklist",
]
