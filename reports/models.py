"""What reports read: facts of single operations, and summaries of many.

All tables here are derived. ``reports.actions.refresh`` recomputes a slice (register × unit ×
year) of them from operations, follow-ups and scores, and nothing else writes them; losing them
loses nothing. Therefore their foreign keys carry no constraint in the database, which would check
each of some million rows for what the source has checked.
"""

from typing import Any

from django.db import models

from procedures.models import Operation
from registry.core.choices import Sex, TimePoint
from registry.registers.models import Register
from registry.units.models import HealthRegion, Unit

TIME_POINTS: tuple[str, ...] = tuple(TimePoint.values)
"""The vocabulary of time points in order of time; facts have one column for each."""

ALL_TYPES = ""
"""The procedure type of summary rows that join all types."""


def derived_key(to: type[models.Model], **options: Any) -> models.ForeignKey:
    """Return a reference of a derived table: unconstrained, without an index of its own."""
    return models.ForeignKey(
        to,
        on_delete=models.CASCADE,
        db_constraint=False,
        db_index=False,
        related_name="+",
        **options,
    )


class Dimensions(models.Model):
    """What figures about single operations can be filtered by."""

    register = derived_key(Register)
    unit = derived_key(Unit)
    unit_region = derived_key(HealthRegion, null=True)
    residence_region = derived_key(HealthRegion, null=True)
    year = models.SmallIntegerField(help_text="Calendar year of the operation.")
    age = models.SmallIntegerField(help_text="Whole years on the day of the operation.")
    symptom_duration_axial = models.SmallIntegerField(
        null=True, help_text="Answer before surgery: how long the back or neck has hurt."
    )
    symptom_duration_limb = models.SmallIntegerField(
        null=True, help_text="Answer before surgery: how long the leg or arm has hurt."
    )
    smoking = models.SmallIntegerField(null=True, help_text="Answer before surgery: 1 smokes.")
    bmi = models.FloatField(null=True, help_text="Weight / height² (kg/m²), as answered before.")
    sex = models.CharField(max_length=10, choices=Sex)
    group = models.CharField(max_length=60, help_text="Diagnosis group of the definition.")
    procedure_type = models.CharField(max_length=60, help_text="Type of the first procedure.")

    class Meta:
        abstract = True


class OperationScaleFact(Dimensions):
    """One operation and one scale: the score at each time point, empty where there is none.

    Answers that are no scores (how far a patient can walk) and that reports are about are held the
    same way; ``scale`` is then the name of the question in the register's definition.
    """

    # In the order in which benchmarks read, so that the key is their index too. An operation has
    # one group, so this is one row an operation and scale.
    pk = models.CompositePrimaryKey("register_id", "group", "scale", "operation_id")
    operation = derived_key(Operation)
    scale = models.CharField(max_length=40)
    improves_by = models.FloatField(
        null=True,
        help_text="Clinically relevant change; negative where lower scores are better.",
    )
    before = models.FloatField(null=True)
    w6 = models.FloatField(null=True)
    m3 = models.FloatField(null=True)
    m6 = models.FloatField(null=True)
    y1 = models.FloatField(null=True)
    y2 = models.FloatField(null=True)
    y5 = models.FloatField(null=True)
    y10 = models.FloatField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["register", "unit", "year"], name="scale_fact_by_slice"),
            # For what readers filter by. A column in the middle that is not asked for is skipped
            # over: each has a handful of values.
            models.Index(
                fields=[
                    "register",
                    "group",
                    "scale",
                    "sex",
                    "symptom_duration_limb",
                    "symptom_duration_axial",
                    "age",
                ],
                name="scale_fact_by_filters",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation_id} {self.scale}"


class CompletenessFact(Dimensions):
    """One performed operation with the dates of its follow-ups; completeness is counted from them.

    For every time point ``t`` of the vocabulary there are four date columns: ``t_due``,
    ``t_closes``, ``t_completed`` (first submitted response) and ``t_censored``. They are added
    below the class; which follow-up counts on a day says ``reports.selectors.completeness``.
    """

    operation = models.OneToOneField(
        Operation,
        on_delete=models.CASCADE,
        primary_key=True,
        db_constraint=False,
        related_name="+",
    )
    performed_on = models.DateField()

    class Meta:
        indexes = [
            models.Index(fields=["register", "group", "year"], name="completeness_by_group"),
            models.Index(fields=["register", "unit", "year"], name="completeness_by_slice"),
            models.Index(
                fields=[
                    "register",
                    "group",
                    "sex",
                    "symptom_duration_limb",
                    "symptom_duration_axial",
                    "age",
                ],
                name="completeness_by_filters",
            ),
        ]

    def __str__(self) -> str:
        return f"Completeness of {self.operation_id}"


COMPLETENESS_DATES = ("due", "closes", "completed", "censored")
for _point in TIME_POINTS:
    for _date in COMPLETENESS_DATES:
        models.DateField(null=True).contribute_to_class(CompletenessFact, f"{_point}_{_date}")


class Cell(models.Model):
    """The key of a summary: what an unfiltered benchmark asks for, and nothing finer.

    A row whose procedure type is empty (``ALL_TYPES``) joins all types; sums over cells take
    either these rows or the others.
    """

    register = derived_key(Register)
    group = models.CharField(max_length=60)
    procedure_type = models.CharField(max_length=60, blank=True)
    unit = derived_key(Unit)
    year = models.SmallIntegerField()
    time_point = models.CharField(max_length=6, choices=TimePoint)

    class Meta:
        abstract = True


class Summary(Cell):
    """Sums of a scale over the operations of a cell, from which mean, SD and intervals follow.

    ``n``, ``total`` and ``squares`` are over the scores at the time point. The paired columns are
    over operations that have a score before surgery as well; change = score − score before.
    """

    pk = models.CompositePrimaryKey(
        "register_id", "group", "procedure_type", "scale", "time_point", "unit_id", "year"
    )
    scale = models.CharField(max_length=40)
    n = models.IntegerField()
    total = models.FloatField()
    squares = models.FloatField()
    paired_n = models.IntegerField()
    paired_before = models.FloatField(help_text="Sum of the scores before surgery.")
    change_total = models.FloatField()
    change_squares = models.FloatField()
    improved_n = models.IntegerField(help_text="Improved by the clinically relevant change.")

    class Meta:
        indexes = [models.Index(fields=["register", "unit", "year"], name="summary_by_slice")]

    def __str__(self) -> str:
        return f"{self.group} {self.scale} {self.time_point}: {self.n}"


class CompletenessStep(Cell):
    """By how much the counts of a cell rise (or fall) on a day.

    Completeness on a day is the sum of the steps up to that day, so that what is not yet due
    today is due tomorrow without a write. Steps that lay in the past when the slice was computed
    are joined in one row of that day (``settled``): reading stays short however old the register
    grows. A question about an earlier day is answered from CompletenessFact.
    """

    pk = models.CompositePrimaryKey(
        "register_id", "group", "procedure_type", "on", "time_point", "unit_id", "year"
    )
    on = models.DateField()
    expected = models.IntegerField(help_text="Change of the number of answers to be counted.")
    answered = models.IntegerField(help_text="Change of the number answered among them.")
    settled = models.BooleanField(help_text="Joins everything up to its day.")

    class Meta:
        indexes = [
            models.Index(fields=["register", "unit", "year"], name="step_by_slice"),
            models.Index(
                fields=["register", "on"],
                name="step_settled",
                condition=models.Q(settled=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.group} {self.time_point} {self.on}: {self.expected:+d} {self.answered:+d}"
