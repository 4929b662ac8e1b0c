"""Who saw what, and who was refused. History of changes is kept by pghistory beside each table."""

from django.db import models
from django.db.models.functions import Now


class AccessOutcome(models.TextChoices):
    """What became of an attempt. Read by auditors only, so not translated."""

    GRANTED = "granted"
    DENIED = "denied"


class AccessLog(models.Model):
    """One access to a person's data, or a refused one. Rows are only ever added and read.

    There are no foreign keys: a log must outlive what it tells of.
    """

    at = models.DateTimeField(db_default=Now())
    actor_id = models.BigIntegerField(null=True, help_text="User; empty for nobody logged in.")
    actor = models.CharField(max_length=200, help_text="Name of the actor at that moment.")
    outcome = models.CharField(max_length=10, choices=AccessOutcome)
    action = models.CharField(max_length=40, help_text="see, search, export, open_link …")
    object_type = models.CharField(max_length=60)
    object_id = models.CharField(max_length=60, blank=True)
    patient_id = models.BigIntegerField(null=True)
    register_code = models.CharField(max_length=40, blank=True)
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["patient_id", "-at"], name="access_by_patient"),
            models.Index(fields=["actor_id", "-at"], name="access_by_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.actor} {self.outcome} {self.action} {self.object_type}"
