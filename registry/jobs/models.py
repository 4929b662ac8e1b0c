"""Long work with progress: it can be left and found again."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from registry.accounts.models import User
from registry.core.models import BaseModel


class JobState(models.TextChoices):
    """Where a job is."""

    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    DONE = "done", _("Done")
    FAILED = "failed", _("Failed")


class Job(BaseModel):
    """An import, an export, a report or another long piece of work."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40, help_text="Which runner does it.")
    register_code = models.CharField(max_length=40, blank=True)
    parameters = models.JSONField(default=dict)
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=JobState, default=JobState.WAITING)
    done = models.PositiveIntegerField(default=0, help_text="Steps done.")
    total = models.PositiveIntegerField(default=0, help_text="Steps in all; 0 while unknown.")
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    result = models.JSONField(default=dict)
    errors = models.JSONField(default=list, help_text="Rows: line, column, message.")
    file = models.FileField(upload_to="jobs/%Y/%m/", blank=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"
