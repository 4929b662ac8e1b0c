"""Forms of following up, for staff. They parse and call actions; rules are not here."""

from proms.forms.correcting import AnswerField, CorrectionForm
from proms.forms.following import CallForm, RatesForm, channels

__all__ = ["AnswerField", "CallForm", "CorrectionForm", "RatesForm", "channels"]
