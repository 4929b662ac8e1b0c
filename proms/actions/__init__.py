"""Writes of following up, as verbs. The only way its data changes."""

from proms.actions.answering import (
    LONGEST_REASON,
    ask_for_new_link,
    confirm_birth_date,
    correct_response,
    invitation_of,
    likely_answerer,
    locked_form,
    note_who_answers,
    save_answers,
    submit,
    why_not_open,
)
from proms.actions.calling import log_call, void_call
from proms.actions.censoring import (
    censor_by_age,
    censor_operations,
    censor_patients,
    withdraw_schedule,
)
from proms.actions.entering import (
    AnsweredMeanwhile,
    Entered,
    discard_entries,
    enter_answers,
    resolve_entries,
)
from proms.actions.inviting import (
    decline,
    invite_member,
    mark_unreachable,
    queue_reminders,
    reach_again,
    send_again,
    send_new_link,
    undo_decline,
)
from proms.actions.notifying import NOTICE_PURPOSE, queue_notices
from proms.actions.printing import print_form
from proms.actions.rescoring import Rescoring, ScaleChange, rescore
from proms.actions.scheduling import create_schedule, create_schedules, move_schedules
from proms.actions.selecting import PURPOSE, SHARES, Selection, invite_due
from proms.actions.stopping import stop_reminders

__all__ = [
    "LONGEST_REASON",
    "NOTICE_PURPOSE",
    "PURPOSE",
    "SHARES",
    "AnsweredMeanwhile",
    "Entered",
    "Rescoring",
    "ScaleChange",
    "Selection",
    "ask_for_new_link",
    "censor_by_age",
    "censor_operations",
    "censor_patients",
    "confirm_birth_date",
    "correct_response",
    "create_schedule",
    "create_schedules",
    "decline",
    "discard_entries",
    "enter_answers",
    "invitation_of",
    "invite_due",
    "invite_member",
    "likely_answerer",
    "locked_form",
    "log_call",
    "mark_unreachable",
    "move_schedules",
    "note_who_answers",
    "print_form",
    "queue_notices",
    "queue_reminders",
    "reach_again",
    "rescore",
    "resolve_entries",
    "save_answers",
    "send_again",
    "send_new_link",
    "stop_reminders",
    "submit",
    "undo_decline",
    "void_call",
    "why_not_open",
    "withdraw_schedule",
]
