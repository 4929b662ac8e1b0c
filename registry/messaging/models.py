"""The outbox: what is to be sent, and what became of it."""

from django.db import models
from django.db.models import Q

from registry.core.models import BaseModel


class Channel(models.TextChoices):
    """How a message travels."""

    EMAIL = "email"
    SMS = "sms"


class Message(BaseModel):
    """A message to be sent or sent. Its text is made at sending and not kept.

    ``key`` makes it unique (invitation + rule + channel + attempt) and gives the Message-ID, so
    that a repetition after a crash carries the same one. It holds what the message is about, so
    it is unique in the index by which the messages about something are found.
    """

    key = models.CharField(max_length=120, help_text="Unique: holds purpose and subject_id.")
    purpose = models.CharField(max_length=40, help_text="Which composer makes the text.")
    subject_id = models.BigIntegerField(help_text="What it is about: for proms, the invitation.")
    rule = models.CharField(max_length=40)
    channel = models.CharField(max_length=10, choices=Channel, default=Channel.EMAIL)
    due_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, help_text="Lease of the worker sending it.")
    sent_at = models.DateTimeField(null=True)
    withheld_at = models.DateTimeField(null=True)
    withheld_reason = models.CharField(max_length=40, blank=True)
    failed_at = models.DateTimeField(null=True, help_text="Given up for good.")
    last_error = models.CharField(max_length=300, blank=True)
    bounced_at = models.DateTimeField(null=True, help_text="Reported undelivered after sending.")
    bounce_status = models.CharField(
        max_length=20, blank=True, default="", db_default="", help_text="Such as 5.1.1 (RFC 3463)."
    )

    class Meta:
        indexes = [
            models.Index(
                fields=["due_at"],
                name="message_waiting",
                condition=Q(sent_at__isnull=True, withheld_at__isnull=True, failed_at__isnull=True),
            ),
        ]
        constraints = [
            models.UniqueConstraint(fields=["subject_id", "key"], name="message_once"),
            models.CheckConstraint(
                name="message_withheld_with_reason",
                condition=Q(withheld_at__isnull=True) | ~Q(withheld_reason=""),
            ),
        ]

    def __str__(self) -> str:
        return self.key
