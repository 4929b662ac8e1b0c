"""History of changes, written by triggers in the database beside each tracked table."""

from collections.abc import Callable
from typing import TypeVar

import pghistory
from django.db import models

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
