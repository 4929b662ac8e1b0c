"""Referrals to a register's service, and consultations."""

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from patients.models import Membership
from registry.audit.history import history
from registry.core.models import BaseModel
from registry.registers.models import DefinitionVersion
from registry.units.models import HealthRegion, Hospital, Unit


class Decision(models.TextChoices):
    """What became of a referral."""

    PENDING = "pending", _("Pending")
    ACCEPTED = "accepted", _("Accepted")
    REFUSED = "refused", _("Refused")


@history()
class Referral(BaseModel):
    """A referral: when, from where, by which criterion, and what was decided."""

    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="referrals")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    received_on = models.DateField(_("received"))
    region = models.ForeignKey(
        HealthRegion,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Region of residence on the date received.",
    )
    referring_hospital = models.ForeignKey(
        Hospital, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    criterion = models.CharField(_("criterion"), max_length=60)
    diagnosis = models.CharField(_("diagnosis (ICD-10)"), max_length=10, blank=True)
    decision = models.CharField(
        _("decision"), max_length=10, choices=Decision, default=Decision.PENDING
    )
    decided_on = models.DateField(_("decided"), null=True, blank=True)
    definition = models.ForeignKey(DefinitionVersion, on_delete=models.PROTECT, related_name="+")
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "unit", "received_on"], name="referral_once_a_day"
            ),
            models.CheckConstraint(
                name="referral_decided_with_date",
                condition=(Q(decision="pending") & Q(decided_on__isnull=True))
                | (Q(decision__in=["accepted", "refused"]) & Q(decided_on__isnull=False)),
            ),
            models.CheckConstraint(
                name="referral_decided_after_received",
                condition=Q(decided_on__isnull=True) | Q(decided_on__gte=F("received_on")),
            ),
        ]
        indexes = [models.Index(fields=["received_on"], name="referral_by_date")]

    def __str__(self) -> str:
        return f"Referral {self.received_on}"


@history()
class Consultation(BaseModel):
    """A consultation of a member; it needs no referral on record."""

    membership = models.ForeignKey(
        Membership, on_delete=models.PROTECT, related_name="consultations"
    )
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    held_on = models.DateField(_("date"))
    region = models.ForeignKey(
        HealthRegion,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="Region of residence on the date.",
    )
    kind = models.CharField(_("kind"), max_length=60)
    definition = models.ForeignKey(DefinitionVersion, on_delete=models.PROTECT, related_name="+")
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["membership", "unit", "held_on", "kind"], name="consultation_once_a_day"
            )
        ]
        indexes = [models.Index(fields=["held_on"], name="consultation_by_date")]

    def __str__(self) -> str:
        return f"Consultation {self.held_on}"
