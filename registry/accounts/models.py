"""Users, the roles they hold and the tokens they give to other systems."""

from typing import ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from registry.core.choices import Language
from registry.core.models import BaseModel
from registry.units.models import Unit


class UserManager(BaseUserManager["User"]):
    """Makes users who log in with their e-mail address."""

    use_in_migrations = True

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Create and store a user. Raises ValueError without an address."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Create a user who may use the technical administration."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """A person who works with the registry. Patients are not users."""

    username = None
    email = models.EmailField(_("e-mail address"), unique=True)
    language = models.CharField(
        _("language"), max_length=2, choices=Language, default=Language.ENGLISH
    )

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = UserManager()

    def __str__(self) -> str:
        return self.get_full_name() or self.email


class Role(models.TextChoices):
    """What a person is in a register; registry.accounts.permissions says what each may do."""

    CLINICIAN = "clinician", _("Clinician")
    COORDINATOR = "coordinator", _("Coordinator")
    ADMINISTRATOR = "administrator", _("Register administrator")
    NATIONAL_READER = "national_reader", _("National reader")


class RoleAssignment(BaseModel):
    """A role in one register, at one unit or (unit empty) in the whole register, for a time."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="assignments")
    role = models.CharField(max_length=20, choices=Role)
    register_code = models.SlugField(max_length=40)
    unit = models.ForeignKey(Unit, on_delete=models.PROTECT, null=True, blank=True)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True, help_text="Last day of the role.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "role", "register_code", "unit", "valid_from"],
                name="role_assigned_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                name="clinician_has_a_unit",
                condition=~Q(role="clinician") | Q(unit__isnull=False),
            ),
            models.CheckConstraint(
                name="register_wide_role_has_no_unit",
                condition=~Q(role__in=["administrator", "national_reader"]) | Q(unit__isnull=True),
            ),
            models.CheckConstraint(
                name="role_ends_after_it_begins",
                condition=Q(valid_until__isnull=True) | Q(valid_until__gte=F("valid_from")),
            ),
        ]

    def __str__(self) -> str:
        where = self.unit or _("whole register")
        return f"{self.get_role_display()}, {self.register_code}, {where}"


class ApiToken(BaseModel):
    """A token of a user for another system: hashed, expiring, scoped to registers, revocable."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=80, help_text="Which system uses it.")
    digest = models.BinaryField(max_length=32, unique=True, help_text="SHA-256 of the token.")
    register_codes = models.JSONField(default=list, help_text="Registers it may read.")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_on = models.DateField(null=True, blank=True)

    def __str__(self) -> str:
        return self.name
