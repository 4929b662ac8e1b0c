"""Registers, the versions of their definitions, and the slices whose summaries are stale."""

from __future__ import annotations

import pgtrigger
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from registry.core.models import BaseModel
from registry.registers.schema import Text
from registry.units.models import Unit


class Register(BaseModel):
    """A register that has been loaded, and which version of its definition holds now."""

    code = models.CharField(_("code"), max_length=40, primary_key=True)
    names = models.JSONField(_("name"), help_text=_("By language: nb, da, sv, en."))
    country = models.CharField(_("country"), max_length=2)
    current = models.ForeignKey(
        "DefinitionVersion",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("current definition"),
    )

    class Meta:
        ordering = ["code"]
        verbose_name = _("register")
        verbose_name_plural = _("registers")

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """The register's name in the active language."""
        return Text(**self.names).in_language(get_language() or "en")


class DefinitionVersion(models.Model):
    """A definition as it was loaded. Never changed: records keep the version they were made by."""

    register = models.ForeignKey(
        Register, on_delete=models.PROTECT, related_name="versions", verbose_name=_("register")
    )
    version = models.CharField(
        _("version"), max_length=16, help_text=_("The first 16 digits of the file's SHA-256.")
    )
    sequence = models.PositiveIntegerField(_("number"))
    definition = models.JSONField(_("definition"))
    loaded_at = models.DateTimeField(_("loaded"))

    class Meta:
        ordering = ["register", "sequence"]
        verbose_name = _("definition version")
        verbose_name_plural = _("definition versions")
        constraints = [
            models.UniqueConstraint(
                fields=["register", "version"], name="registers_definition_once"
            ),
            models.UniqueConstraint(
                fields=["register", "sequence"], name="registers_definition_sequence"
            ),
            models.CheckConstraint(
                condition=models.Q(version__regex=r"^[0-9a-f]{16}$"),
                name="registers_definition_version_is_hash",
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="insert_only", operation=pgtrigger.Update | pgtrigger.Delete)
        ]

    def __str__(self) -> str:
        return f"{self.register_id} {self.sequence} ({self.version})"


class RegisterUnit(BaseModel):
    """A unit that reports to a register."""

    register = models.ForeignKey(
        Register,
        on_delete=models.CASCADE,
        related_name="register_units",
        verbose_name=_("register"),
    )
    unit = models.ForeignKey(
        Unit,
        on_delete=models.PROTECT,
        related_name="register_units",
        verbose_name=_("unit"),
    )

    class Meta:
        ordering = ["register", "unit"]
        verbose_name = _("unit of a register")
        verbose_name_plural = _("units of registers")
        constraints = [
            models.UniqueConstraint(fields=["register", "unit"], name="registers_unit_once")
        ]

    def __str__(self) -> str:
        return f"{self.register_id} – {self.unit_id}"


class StaleSlice(models.Model):
    """A mark that the summary of a register × unit × year must be computed again.

    Append-only and without a unique constraint on purpose: an edit inserts its own row in its
    own transaction and waits for nobody; the sweeper deletes the rows it sees and recomputes in
    one transaction, so a mark that is not committed yet is never swallowed.
    """

    register = models.ForeignKey(
        Register, on_delete=models.CASCADE, related_name="+", verbose_name=_("register")
    )
    unit = models.ForeignKey(
        Unit, on_delete=models.CASCADE, related_name="+", verbose_name=_("unit")
    )
    year = models.SmallIntegerField(_("year"))
    marked_at = models.DateTimeField(_("marked"), db_default=Now())

    class Meta:
        verbose_name = _("stale slice")
        verbose_name_plural = _("stale slices")
        indexes = [models.Index(fields=["register", "unit", "year"], name="registers_stale_slice")]

    def __str__(self) -> str:
        return f"{self.register_id} {self.unit_id} {self.year}"
