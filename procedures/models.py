"""Operations with their procedures, complications, implants, plan and result."""

from datetime import date

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, ExtractYear
from django.utils.translation import gettext_lazy as _

from patients.models import Membership
from registry.accounts.models import User
from registry.audit.history import history
from registry.core.choices import Side
from registry.core.models import BaseModel
from registry.registers.models import DefinitionVersion, Register
from registry.units.models import HealthRegion, Unit


class OperationState(models.TextChoices):
    """Where an operation is, read from its dates."""

    PLANNED = "planned", _("Planned")
    PERFORMED = "performed", _("Performed")
    CANCELLED = "cancelled", _("Cancelled")
    WITHDRAWN = "withdrawn", _("Withdrawn")


@history(exclude=("scheduled_on", "year"))
class Operation(BaseModel):
    """One session at one unit on one date: planned, then performed or cancelled.

    Its state is read from its dates: cancelled when ``cancelled_on`` is set, performed when
    ``performed_on`` is, else planned. One that was registered as performed by mistake is
    ``withdrawn``: it is no longer performed and counts nowhere, as if it had been cancelled.
    """

    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="operations")
    register = models.ForeignKey(Register, on_delete=models.PROTECT, related_name="+")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    unit_region = models.ForeignKey(
        HealthRegion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    residence_region = models.ForeignKey(
        HealthRegion, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    group = models.CharField(_("group"), max_length=60)
    procedure_type = models.CharField(
        _("procedure type"),
        max_length=60,
        blank=True,
        help_text="Type of the first procedure; empty while only planned.",
    )
    diagnosis = models.CharField(_("diagnosis (ICD-10)"), max_length=10, blank=True)
    side = models.CharField(_("side"), max_length=5, choices=Side, blank=True)
    levels = ArrayField(models.CharField(max_length=20), default=list, blank=True)
    planned_on = models.DateField(_("planned date"), null=True, blank=True)
    performed_on = models.DateField(_("date of operation"), null=True, blank=True)
    cancelled_on = models.DateField(_("cancelled"), null=True, blank=True)
    cancel_reason = models.CharField(_("reason for cancelling"), max_length=200, blank=True)
    withdrawn = models.BooleanField(
        _("withdrawn"),
        default=False,
        db_default=False,
        help_text="Registered as performed by mistake; what it said stands in history.",
    )
    revises = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="revisions"
    )
    complications_assessed_on = models.DateField(
        null=True, blank=True, help_text="Empty: nobody has said whether there were any."
    )
    definition = models.ForeignKey(DefinitionVersion, on_delete=models.PROTECT, related_name="+")
    details = models.JSONField(default=dict, blank=True)
    registered_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    scheduled_on = models.GeneratedField(
        expression=Coalesce(F("performed_on"), F("planned_on")),
        output_field=models.DateField(),
        db_persist=True,
    )
    year = models.GeneratedField(
        expression=ExtractYear(Coalesce(F("performed_on"), F("planned_on"))),
        output_field=models.SmallIntegerField(),
        db_persist=True,
    )

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="operation_has_a_date",
                condition=Q(planned_on__isnull=False) | Q(performed_on__isnull=False),
            ),
            models.CheckConstraint(
                name="operation_performed_or_cancelled",
                condition=Q(performed_on__isnull=True) | Q(cancelled_on__isnull=True),
            ),
            models.CheckConstraint(
                name="operation_cancelled_with_reason",
                condition=Q(cancelled_on__isnull=True) | ~Q(cancel_reason=""),
            ),
            models.CheckConstraint(
                name="withdrawn_operation_is_cancelled",
                condition=Q(withdrawn=False) | Q(cancelled_on__isnull=False),
            ),
            models.CheckConstraint(
                name="performed_operation_has_a_type",
                condition=Q(performed_on__isnull=True) | ~Q(procedure_type=""),
            ),
            models.CheckConstraint(
                name="operation_side_known", condition=Q(side="") | Q(side__in=Side.values)
            ),
            models.UniqueConstraint(
                fields=["membership", "unit", "performed_on"],
                name="one_session_a_day_at_a_unit",
            ),
        ]
        indexes = [
            models.Index(fields=["register", "unit", "year"], name="operation_by_slice"),
            models.Index(fields=["scheduled_on"], name="operation_by_date"),
        ]

    def __str__(self) -> str:
        return f"Operation {self.pk}"

    @property
    def state(self) -> OperationState:
        """Planned, performed, cancelled or withdrawn."""
        if self.withdrawn:
            return OperationState.WITHDRAWN
        if self.cancelled_on is not None:
            return OperationState.CANCELLED
        if self.performed_on is not None:
            return OperationState.PERFORMED
        return OperationState.PLANNED

    @property
    def counts_on(self) -> date:
        """The date that counts: performed, else planned (what ``scheduled_on`` stores)."""
        return self.performed_on or self.planned_on


@history()
class Procedure(BaseModel):
    """A procedure of an operation; the first decides the operation's type."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="procedures")
    position = models.PositiveSmallIntegerField()
    procedure_type = models.CharField(max_length=60)
    code = models.CharField(_("procedure code (NCSP)"), max_length=10, blank=True)

    class Meta:
        ordering = ["operation", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "position"], name="procedure_position_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.position}. {self.procedure_type}"


@history()
class Complication(BaseModel):
    """A complication of an operation, from the list of the register's definition."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="complications")
    kind = models.CharField(max_length=60)
    occurred_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operation", "kind"], name="complication_kind_once")
        ]

    def __str__(self) -> str:
        return self.kind


@history()
class Implant(BaseModel):
    """What was put in."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="implants")
    kind = models.CharField(max_length=60)
    name = models.CharField(max_length=120, blank=True)

    def __str__(self) -> str:
        return self.name or self.kind


class GoalOutcome(models.TextChoices):
    """What became of a treatment goal."""

    NOT_ASSESSED = "not_assessed", _("Not assessed")
    ACHIEVED = "achieved", _("Achieved")
    NOT_ACHIEVED = "not_achieved", _("Not achieved")


@history()
class TreatmentGoal(BaseModel):
    """A goal of the plan and what was reached; each goal has its own date of assessment."""

    operation = models.ForeignKey(Operation, on_delete=models.CASCADE, related_name="goals")
    goal = models.CharField(max_length=60)
    planned_value = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    achieved_value = models.DecimalField(max_digits=8, decimal_places=2, null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=GoalOutcome, default=GoalOutcome.NOT_ASSESSED)
    assessed_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["operation", "goal"], name="goal_once"),
            models.CheckConstraint(
                name="goal_assessed_with_date",
                condition=(Q(outcome="not_assessed") & Q(assessed_on__isnull=True))
                | (Q(outcome__in=["achieved", "not_achieved"]) & Q(assessed_on__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.goal}: {self.outcome}"


class OperationDraft(BaseModel):
    """A registration begun and not yet submitted: what was typed, as typed, and no identity."""

    author = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="+")
    operation = models.ForeignKey(
        Operation,
        on_delete=models.CASCADE,
        null=True,
        related_name="drafts",
        help_text="The planned operation being registered, if there is one.",
    )
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    purpose = models.CharField(max_length=20, help_text="plan, perform or result")
    data = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["author", "membership", "operation", "purpose"],
                name="one_draft_of_a_kind",
                nulls_distinct=False,
            )
        ]

    def __str__(self) -> str:
        return f"Draft {self.pk}"
