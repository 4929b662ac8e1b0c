"""Small shared vocabularies."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Sex(models.TextChoices):
    """Sex as registered clinically."""

    FEMALE = "female", _("Female")
    MALE = "male", _("Male")
    UNKNOWN = "unknown", _("Unknown")


class Country(models.TextChoices):
    """Countries whose identity numbers the registry reads."""

    NORWAY = "NO", _("Norway")
    DENMARK = "DK", _("Denmark")
    SWEDEN = "SE", _("Sweden")
    FINLAND = "FI", _("Finland")
    ICELAND = "IS", _("Iceland")


class Language(models.TextChoices):
    """Languages of the interface and the questionnaires, each in its own name."""

    NORWEGIAN = "nb", "Norsk bokmål"
    DANISH = "da", "Dansk"
    SWEDISH = "sv", "Svenska"
    ENGLISH = "en", "English"


class ContactChannel(models.TextChoices):
    """How a person is reached."""

    EMAIL = "email", _("E-mail")
    SMS = "sms", _("Text message")
    LETTER = "letter", _("Letter")
    TELEPHONE = "telephone", _("Telephone call")


class Side(models.TextChoices):
    """Side of the body."""

    LEFT = "left", _("Left")
    RIGHT = "right", _("Right")
    BOTH = "both", _("Both")


class TimePoint(models.TextChoices):
    """The one vocabulary of time points; a register definition may use no other."""

    BEFORE = "before", _("Before surgery")
    WEEKS_6 = "w6", _("6 weeks")
    MONTHS_3 = "m3", _("3 months")
    MONTHS_6 = "m6", _("6 months")
    YEAR_1 = "y1", _("1 year")
    YEARS_2 = "y2", _("2 years")
    YEARS_5 = "y5", _("5 years")
    YEARS_10 = "y10", _("10 years")
