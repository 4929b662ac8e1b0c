"""Pure rules about members: what may be recorded when, each returning the reason why not."""

import re
from collections.abc import Iterator
from datetime import date

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from patients.models import Relation
from registry.core.choices import ContactChannel, Language
from registry.registers.schema import RegisterDefinition

Reason = str | Promise | None

OLDEST_AGE = 130  # years; an older birth date is a slip of the finger
_TELEPHONE = re.compile(r"^\+?[0-9][0-9 ()-]{4,24}$")


def age_on(birth_date: date, on: date) -> int:
    """Return the age in whole years on a day; born on 29 February, one turns a year on 1 March."""
    return on.year - birth_date.year - ((on.month, on.day) < (birth_date.month, birth_date.day))


def why_not_born(birth_date: date, *, on: date) -> Reason:
    """Say why a person cannot have been born on a date."""
    if birth_date > on:
        return _("The birth date lies in the future. Check the year.")
    if age_on(birth_date, on) > OLDEST_AGE:
        return _("The birth date is more than 130 years ago. Check the year.")
    return None


def why_not_member(definition: RegisterDefinition, birth_date: date, *, joined_on: date) -> Reason:
    """Say why somebody of that age cannot become a member of the register on a day."""
    age = age_on(birth_date, joined_on)
    youngest, oldest = definition.patients.minimum_age, definition.patients.maximum_age
    if youngest is not None and age < youngest:
        return _("The register takes patients from the age of %(age)s years.") % {"age": youngest}
    if oldest is not None and age >= oldest:
        return _("The register takes patients until the age of %(age)s years.") % {"age": oldest}
    return None


def why_no_temporary_number(definition: RegisterDefinition) -> Reason:
    """Say why somebody cannot be registered without an identity number."""
    if definition.register.registration.identity == "required":
        return _("This register needs the identity number. Type it as in the patient's papers.")
    return None


def why_not_dated(day: date, *, birth_date: date, on: date) -> Reason:
    """Say why something cannot have happened to a patient on ``day`` (today is ``on``)."""
    if day > on:
        return _("The date lies in the future. Check it.")
    if day < birth_date:
        return _("The date lies before the birth date. Check both.")
    return None


def why_not_email(email: str) -> Reason:
    """Say why a text is not an e-mail address; an empty one is none, and fine."""
    if email:
        try:
            validate_email(email)
        except ValidationError:
            return _("This is not an e-mail address. It should look like name@example.org.")
    return None


def why_not_telephone(telephone: str) -> Reason:
    """Say why a text is not a telephone number; an empty one is none, and fine."""
    if telephone and not _TELEPHONE.match(telephone.strip()):
        return _(
            "This is not a telephone number. Use digits and spaces, "
            "with + and the country code for a number abroad."
        )
    return None


def contact_faults(
    *,
    email: str,
    telephone: str,
    address: str,
    preferred_channel: str,
    guardian_name: str,
    guardian_relation: str,
    guardian_email: str,
    guardian_telephone: str,
    guardian_language: str,
) -> Iterator[tuple[str, Reason]]:
    """Yield what is wrong with how a patient and a guardian are reached, by field."""
    yield "email", why_not_email(email)
    yield "telephone", why_not_telephone(telephone)
    yield "guardian_email", why_not_email(guardian_email)
    yield "guardian_telephone", why_not_telephone(guardian_telephone)
    if preferred_channel not in ("", *ContactChannel.values):
        yield "preferred_channel", _("Choose the channel: email, sms, letter or telephone.")
    elif preferred_channel == ContactChannel.EMAIL and not (email or guardian_email):
        yield "preferred_channel", _("For e-mail an e-mail address is needed. Type it.")
    elif preferred_channel == ContactChannel.LETTER and not address:
        yield "preferred_channel", _("For letters the address is needed. Type it.")
    elif preferred_channel in (ContactChannel.SMS, ContactChannel.TELEPHONE) and not (
        telephone or guardian_telephone
    ):
        yield "preferred_channel", _("For this channel a telephone number is needed. Type it.")
    if guardian_relation not in ("", *Relation.values):
        yield (
            "guardian_relation",
            _("Choose what the guardian is: parent, foster_parent, legal_guardian or other."),
        )
    if guardian_language not in ("", *Language.values):
        yield "guardian_language", _("Choose the language: nb, da, sv or en.")
    if (guardian_relation or guardian_email or guardian_telephone) and not guardian_name:
        yield "guardian_name", _("Type the guardian's name.")
