"""Reads about follow-ups. Each takes the viewer and returns only what the viewer may see."""

from proms.selectors.answering import (
    CoursePoint,
    FormInProgress,
    form_in_progress,
    own_course,
)
from proms.selectors.follow_ups import (
    TO_DO,
    WHO_ANSWERED,
    UnitCounts,
    counts_by_unit,
    follow_ups_for,
    follow_ups_of,
    invitation_for,
    scores_of,
    text_scores_of,
    why_not_sent,
    worklist,
)
from proms.selectors.paper import (
    form_with_code,
    invitations_to_print,
    letters_to_print,
    waiting_entries,
)
from proms.selectors.rates import NO_CHANNEL, Asking, By, RateRow, RateTable, response_rates
from proms.selectors.responses import (
    ChangedAnswer,
    Correction,
    corrections_of,
    current_response,
)
from proms.selectors.telephone import (
    CallList,
    TelephoneReason,
    ToCall,
    calls_to,
    first_to_call,
    invitations_by_letter,
    standings_by_unit,
    telephone_worklist,
)
from proms.selectors.undelivered import NotArrived, not_arrived
from proms.selectors.wordings import (
    Questionnaire,
    Words,
    answered_in_demonstration,
    questionnaires,
    words_for,
)

__all__ = [
    "NO_CHANNEL",
    "TO_DO",
    "WHO_ANSWERED",
    "Asking",
    "By",
    "CallList",
    "ChangedAnswer",
    "Correction",
    "CoursePoint",
    "FormInProgress",
    "NotArrived",
    "Questionnaire",
    "RateRow",
    "RateTable",
    "TelephoneReason",
    "ToCall",
    "UnitCounts",
    "Words",
    "answered_in_demonstration",
    "calls_to",
    "corrections_of",
    "counts_by_unit",
    "current_response",
    "first_to_call",
    "follow_ups_for",
    "follow_ups_of",
    "form_in_progress",
    "form_with_code",
    "invitation_for",
    "invitations_by_letter",
    "invitations_to_print",
    "letters_to_print",
    "not_arrived",
    "own_course",
    "questionnaires",
    "response_rates",
    "scores_of",
    "standings_by_unit",
    "telephone_worklist",
    "text_scores_of",
    "waiting_entries",
    "why_not_sent",
    "words_for",
    "worklist",
]
