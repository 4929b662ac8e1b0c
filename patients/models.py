"""People, apart from their identity; their membership of registers, residence and units.

A Patient is pseudonymous: clinical tables point at it and learn no name. Identity lies sealed in
PatientIdentity with a key of its own in PatientKey, which lives in the schema ``identity_keys``
that the ordinary backup leaves out; destroying the key erases the person.
"""

import uuid

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from registry.accounts.models import User
from registry.audit.history import history
from registry.core.choices import ContactChannel, Country, Language, Sex
from registry.core.models import BaseModel
from registry.registers.models import Register
from registry.units.models import DateRange, HealthRegion, Unit


@history()
class Patient(BaseModel):
    """One person, whoever they are."""

    birth_date = models.DateField(_("birth date"))
    sex = models.CharField(_("sex"), max_length=10, choices=Sex)
    country = models.CharField(_("country"), max_length=2, choices=Country)
    language = models.CharField(_("language"), max_length=2, choices=Language)
    preferred_channel = models.CharField(
        _("preferred channel"),
        max_length=10,
        choices=ContactChannel,
        blank=True,
        default="",
        db_default="",
        help_text="Empty: chosen from the addresses that are known.",
    )
    guardian_language = models.CharField(
        _("guardian's language"),
        max_length=2,
        choices=Language,
        blank=True,
        default="",
        db_default="",
        help_text="Empty: the patient's.",
    )
    died_on = models.DateField(_("date of death"), null=True, blank=True)
    emigrated_on = models.DateField(_("date of emigration"), null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="patient_sex_known", condition=Q(sex__in=Sex.values)),
            models.CheckConstraint(
                name="patient_dies_after_birth",
                condition=Q(died_on__isnull=True) | Q(died_on__gte=F("birth_date")),
            ),
            models.CheckConstraint(
                name="patient_emigrates_after_birth",
                condition=Q(emigrated_on__isnull=True) | Q(emigrated_on__gte=F("birth_date")),
            ),
            models.CheckConstraint(
                name="patient_preferred_channel_known",
                condition=Q(preferred_channel__in=["", *ContactChannel.values]),
            ),
            models.CheckConstraint(
                name="patient_guardian_language_known",
                condition=Q(guardian_language__in=["", *Language.values]),
            ),
        ]

    def __str__(self) -> str:
        return f"Patient {self.pk}"


class Relation(models.TextChoices):
    """What a guardian is to the patient. Kept in the sealed identity."""

    PARENT = "parent", _("Parent")
    FOSTER_PARENT = "foster_parent", _("Foster parent")
    LEGAL_GUARDIAN = "legal_guardian", _("Legal guardian")
    OTHER = "other", _("Another person")


class PatientKey(models.Model):
    """The key of one patient's identity, wrapped by the master key."""

    patient = models.OneToOneField(Patient, on_delete=models.CASCADE, primary_key=True)
    wrapped = models.BinaryField()
    master_key_id = models.CharField(max_length=16, help_text="Which master key wrapped it.")

    class Meta:
        db_table = "patient_key"  # in schema identity_keys, which is in the search path

    def __str__(self) -> str:
        return f"Key of patient {self.patient_id}"


@history(exclude=("number_index", "name_index", "phonetic_index"))
class PatientIdentity(BaseModel):
    """Name, number and contact of a patient and a guardian: one sealed document and what finds it.

    Beside it stands in the clear which addresses there are, and when one was refused for good, so
    that whom to reach how can be told for many at once without opening anything. A refusal belongs
    to the address it was about and goes when that address changes.
    """

    patient = models.OneToOneField(
        Patient, on_delete=models.CASCADE, primary_key=True, related_name="identity"
    )
    sealed = models.BinaryField(help_text="AES-256-GCM of a JSON document.")
    number_kind = models.CharField(max_length=20, blank=True)
    number_index = models.BinaryField(max_length=32, null=True, unique=True)
    name_index = models.BinaryField(max_length=32, null=True, db_index=True)
    phonetic_index = models.BinaryField(max_length=32, null=True, db_index=True)
    has_email = models.BooleanField(default=False)
    has_telephone = models.BooleanField(default=False)
    email_refused_at = models.DateTimeField(null=True)
    telephone_refused_at = models.DateTimeField(null=True)
    guardian_has_email = models.BooleanField(default=False, db_default=False)
    guardian_has_telephone = models.BooleanField(default=False, db_default=False)
    guardian_email_refused_at = models.DateTimeField(null=True)
    guardian_telephone_refused_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"Identity of patient {self.patient_id}"


class Erasure(models.Model):
    """The erasure list: whose key was destroyed. A restore replays it."""

    patient_id = models.BigIntegerField(unique=True)
    erased_at = models.DateTimeField()
    reason = models.CharField(max_length=200)
    erased_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True)

    def __str__(self) -> str:
        return f"Erasure of patient {self.patient_id}"


@history()
class Membership(BaseModel):
    """A patient in a register: number, consent or opt-out, and the pseudonym of its exports."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="memberships")
    register = models.ForeignKey(Register, on_delete=models.PROTECT, related_name="+")
    registry_number = models.PositiveIntegerField(help_text="Runs from 1 in each register.")
    pseudonym = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    joined_on = models.DateField()
    consented_on = models.DateField(null=True, blank=True)
    opted_out_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["patient", "register"], name="member_once_a_register"),
            models.UniqueConstraint(
                fields=["register", "registry_number"], name="registry_number_once"
            ),
            # Lets operations point at member and register together, see procedures.
            models.UniqueConstraint(fields=["id", "register"], name="membership_with_register"),
        ]

    def __str__(self) -> str:
        return f"{self.register_id} {self.registry_number}"


class UnitRelation(BaseModel):
    """A unit that cares for a member; whoever works there may see the patient."""

    membership = models.ForeignKey(Membership, on_delete=models.CASCADE, related_name="relations")
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, related_name="+")
    since = models.DateField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["membership", "unit"], name="unit_relation_once")
        ]
        indexes = [models.Index(fields=["unit", "membership"], name="relation_by_unit")]

    def __str__(self) -> str:
        return f"{self.membership_id} at {self.unit_id}"


@history()
class Residence(BaseModel):
    """The health region in which a patient lives, for a time; the last one is open."""

    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="residences")
    region = models.ForeignKey(HealthRegion, on_delete=models.PROTECT, related_name="+")
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True, help_text="Last day there.")

    class Meta:
        ordering = ["patient", "valid_from"]
        constraints = [
            ExclusionConstraint(
                name="one_residence_at_a_time",
                expressions=[
                    ("patient", RangeOperators.EQUAL),
                    (
                        DateRange(F("valid_from"), F("valid_until"), models.Value("[]")),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.region_id} from {self.valid_from}"
