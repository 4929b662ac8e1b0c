"""Health regions, hospitals, units with their codes and labels, and populations."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from registry.core.choices import Country
from registry.core.models import BaseModel


class DateRange(Func):
    """PostgreSQL's daterange of two date columns, both ends included."""

    function = "daterange"
    output_field = DateRangeField()


class HealthRegion(BaseModel):
    """A health region, for example Helse Vest or Region Midtjylland."""

    code = models.SlugField(unique=True, help_text="Stable key such as no-vest.")
    country = models.CharField(max_length=2, choices=Country)
    name = models.CharField(max_length=80)
    report_label = models.CharField(max_length=80, help_text="Name as printed in report tables.")
    position = models.PositiveSmallIntegerField(default=0, help_text="Order in report tables.")

    class Meta:
        ordering = ["country", "position", "code"]

    def __str__(self) -> str:
        return self.name


class Hospital(BaseModel):
    """A hospital; it may lie in a region, or (private chains) in none."""

    code = models.SlugField(unique=True)
    name = models.CharField(max_length=120)
    region = models.ForeignKey(HealthRegion, on_delete=models.PROTECT, null=True, blank=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Sector(models.TextChoices):
    """Who runs a unit. Private is a sector, not a region."""

    PUBLIC = "public", _("Public")
    PRIVATE = "private", _("Private")


class Unit(BaseModel):
    """The department that treats and reports."""

    code = models.SlugField(unique=True, help_text="Stable key of this installation.")
    name = models.CharField(max_length=120)
    short_name = models.CharField(max_length=40)
    hospital = models.ForeignKey(Hospital, on_delete=models.PROTECT, null=True, blank=True)
    sector = models.CharField(max_length=10, choices=Sector)
    site_region = models.ForeignKey(HealthRegion, on_delete=models.PROTECT, null=True, blank=True)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]
        constraints = [
            models.CheckConstraint(name="unit_sector_known", condition=Q(sector__in=Sector.values))
        ]

    def __str__(self) -> str:
        return self.name


class UnitCode(BaseModel):
    """An official code of a unit in a code system, for a time. A unit may report under two."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="codes")
    system = models.CharField(max_length=20, help_text="SOR, SKS, RESH, HSA …")
    code = models.CharField(max_length=40)
    valid_from = models.DateField(null=True, blank=True)
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ["system", "code"]
        constraints = [
            ExclusionConstraint(
                name="unit_code_means_one_unit_at_a_time",
                expressions=[
                    ("system", RangeOperators.EQUAL),
                    ("code", RangeOperators.EQUAL),
                    (
                        DateRange(F("valid_from"), F("valid_until"), models.Value("[]")),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.system} {self.code}"


class UnitLabel(BaseModel):
    """How one report table prints a unit, where that differs from its name."""

    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, related_name="labels")
    table = models.CharField(max_length=80)
    label = models.CharField(max_length=120)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["unit", "table"], name="unit_label_once_per_table")
        ]

    def __str__(self) -> str:
        return self.label


class Population(BaseModel):
    """Inhabitants of a region in a year, for shares beside shares."""

    region = models.ForeignKey(HealthRegion, on_delete=models.CASCADE, related_name="populations")
    year = models.PositiveSmallIntegerField()
    count = models.PositiveIntegerField()
    rounded = models.BooleanField(default=False)
    source = models.CharField(max_length=200)

    class Meta:
        ordering = ["region", "year"]
        constraints = [
            models.UniqueConstraint(fields=["region", "year"], name="population_once_a_year")
        ]

    def __str__(self) -> str:
        return f"{self.region} {self.year}: {self.count}"
