"""What is asked: instruments as files, their loader, and the wording a patient sees.

instrument("odi").items; instruments(); wording("odi", "da", packs=…); sendable(…)
"""

from proms.instruments.loader import InstrumentError, UnknownInstrument, instrument, instruments
from proms.instruments.schema import Band, Instrument, Item, Option, Scale, ValueSet
from proms.instruments.wording import (
    NO_PACKS,
    NotSendable,
    QuestionWording,
    Wording,
    WordingPacks,
    WordingState,
    is_demonstration,
    sendable,
    wording,
    wording_state,
)

__all__ = [
    "NO_PACKS",
    "Band",
    "Instrument",
    "InstrumentError",
    "Item",
    "NotSendable",
    "Option",
    "QuestionWording",
    "Scale",
    "UnknownInstrument",
    "ValueSet",
    "Wording",
    "WordingPacks",
    "WordingState",
    "instrument",
    "instruments",
    "is_demonstration",
    "sendable",
    "wording",
    "wording_state",
]
