"""Reads about operations; each takes the viewer and returns only what the viewer may see."""

from procedures.selectors.history import Change, ChangeSet, history_of
from procedures.selectors.reading import (
    EarlierOperation,
    draft_for,
    earlier_operations,
    lookup_diagnoses,
    operation_for,
    operations_for,
    operations_of,
    revisable_operations,
    units_for,
)
from procedures.selectors.stating import entry_of
from procedures.selectors.worklist import Waiting, Worklist, worklist

__all__ = [
    "Change",
    "ChangeSet",
    "EarlierOperation",
    "Waiting",
    "Worklist",
    "draft_for",
    "earlier_operations",
    "entry_of",
    "history_of",
    "lookup_diagnoses",
    "operation_for",
    "operations_for",
    "operations_of",
    "revisable_operations",
    "units_for",
    "worklist",
]
