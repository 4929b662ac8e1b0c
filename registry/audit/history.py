"""History of changes, written by triggers in the database beside each tracked table."""

import json
from collections.abc import Callable
from typing import TypeVar

import pghistory
from django.db import models
from pghistory import config

Model = TypeVar("Model", bound=type[models.Model])


def history(*, exclude: tuple[str, ...] = ()) -> Callable[[Model], Model]:
    """Track every insert, change and deletion of a model's rows.

    ``exclude`` names columns kept out of history: generated ones, and blind indexes, which must
    not survive an erasure.
    """
    return pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        exclude=["created_at", "updated_at", *exclude],
    )


TELL_HISTORY = """
    SELECT set_config('pghistory.context_id', %(history_id)s, true),
           set_config('pghistory.context_metadata', %(history_metadata)s, true)
"""
"""Tells history for the rest of the transaction who changes rows and from where.

Ordinary statements are told so one by one, by what pghistory puts in front of them. Statements
planned once cannot be, so this goes before them, with the parameters of `history_told`.
"""


def history_told() -> dict[str, str]:
    """Return the parameters of TELL_HISTORY: who is at work here and from where."""
    with pghistory.context() as told:
        return {
            "history_id": str(told.id),
            "history_metadata": json.dumps(told.metadata, cls=config.json_encoder()),
        }
