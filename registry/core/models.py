"""What every table has in common."""

from django.db import models
from django.db.models.functions import Now


class BaseModel(models.Model):
    """A row that knows when it was written; the database keeps the time."""

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(auto_now=True, db_default=Now(), editable=False)

    class Meta:
        abstract = True
