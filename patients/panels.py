"""What the patient's page says about contact: who is asked and how, why, and what is known."""

from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from patients.models import Membership, PatientIdentity, Relation
from patients.policies import age_on
from patients.reach import (
    Answerer,
    Contact,
    Reach,
    Recipient,
    is_under_age,
    joint_answerer,
    reach,
    sms_available,
)
from patients.vault import ADDRESSES, Identity
from registry.core import clock
from registry.core.choices import ContactChannel, Language
from registry.registers.schema import RegisterDefinition

_ASKED: dict[tuple[Recipient, ContactChannel], Promise] = {
    (Recipient.PATIENT, ContactChannel.EMAIL): gettext_lazy("The patient is asked by e-mail."),
    (Recipient.PATIENT, ContactChannel.SMS): gettext_lazy("The patient is asked by text message."),
    (Recipient.PATIENT, ContactChannel.LETTER): gettext_lazy("The patient is asked by letter."),
    (Recipient.PATIENT, ContactChannel.TELEPHONE): gettext_lazy("The patient is called."),
    (Recipient.GUARDIAN, ContactChannel.EMAIL): gettext_lazy("The guardian is asked by e-mail."),
    (Recipient.GUARDIAN, ContactChannel.SMS): gettext_lazy(
        "The guardian is asked by text message."
    ),
    (Recipient.GUARDIAN, ContactChannel.LETTER): gettext_lazy("The guardian is asked by letter."),
    (Recipient.GUARDIAN, ContactChannel.TELEPHONE): gettext_lazy("The guardian is called."),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that is known: its name, what it is, and when it was refused."""

    label: str
    value: str
    refused_on: date | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class ContactSection:
    """What stands in "Contact and follow-up"."""

    asks: bool
    headline: str
    reasons: tuple[str, ...]
    patient: tuple[Line, ...]
    guardian: tuple[Line, ...]
    has_guardian: bool


def refused_days(identity: PatientIdentity | None) -> dict[str, date]:
    """Return on which civil day each refused address was refused, by its name."""
    moments = {name: getattr(identity, f"{name}_refused_at", None) for name in ADDRESSES}
    return {name: clock.civil_date(moment) for name, moment in moments.items() if moment}


def has_guardian(
    definition: RegisterDefinition, membership: Membership, identity: Identity, *, on: date
) -> bool:
    """Say whether a guardian belongs on the pages of a member: a child's, or one on record."""
    known = any(getattr(identity, name) for name in ADDRESSES if name.startswith("guardian_"))
    return (
        known
        or bool(identity.guardian_name)
        or is_under_age(
            membership.patient.birth_date, on=on, guardian_until=definition.patients.guardian_until
        )
    )


def answerer_of(definition: RegisterDefinition, *, age: int) -> Answerer:
    """Return who answers the register's questionnaires for a patient of an age, taken together."""
    return joint_answerer(
        use.answerer
        for questionnaire in definition.proms.questionnaires
        for use in questionnaire.instruments
        if use.status == "active" and use.is_for(age)
    )


def contact_section(
    membership: Membership,
    identity: Identity,
    sealed: PatientIdentity | None,
    definition: RegisterDefinition,
    *,
    on: date,
) -> ContactSection:
    """Say who of a member is asked how on a day and why, and what is known for it."""
    patient = membership.patient
    until = definition.patients.guardian_until
    found = reach(
        Contact.of(patient, sealed),
        on=on,
        guardian_until=until,
        answerer=answerer_of(definition, age=age_on(patient.birth_date, on)),
        sms=sms_available(),
    )
    refused = refused_days(sealed)
    ended = _why_not_asked(membership)
    under_age = is_under_age(patient.birth_date, on=on, guardian_until=until)
    if ended:
        headline, reasons = ended, ()
    elif found.channel is None:
        headline = _("Nobody can be reached.")
        reasons = (
            str(found.reason.label),
            _("The questions go by letter, see “Letters to print”."),
        )
    else:
        headline = str(_ASKED[found.recipient, found.channel])
        reasons = _reasons(found, patient.preferred_channel, under_age=under_age, until=until)
    return ContactSection(
        asks=not ended and found.channel is not None,
        headline=headline,
        reasons=reasons,
        patient=(
            Line(
                _("Preferred channel"),
                patient.get_preferred_channel_display() or _("None: the first one that works"),
            ),
            Line(_("Language"), patient.get_language_display(), language=patient.language),
            Line(_("E-mail address"), identity.email, refused.get("email")),
            Line(_("Telephone"), identity.telephone, refused.get("telephone")),
            Line(_("Address"), identity.address),
        ),
        guardian=(
            Line(_("Name"), _guardian_name(identity)),
            Line(
                _("Language"),
                Language(patient.guardian_language).label
                if patient.guardian_language
                else _("The patient's language"),
                language=patient.guardian_language,
            ),
            Line(_("E-mail address"), identity.guardian_email, refused.get("guardian_email")),
            Line(_("Telephone"), identity.guardian_telephone, refused.get("guardian_telephone")),
        ),
        has_guardian=has_guardian(definition, membership, identity, on=on),
    )


def _why_not_asked(membership: Membership) -> str:
    if membership.patient.died_on:
        return _("Nothing is sent: the patient has died.")
    if membership.opted_out_on:
        return _("Nothing is sent: the patient has opted out of this register.")
    if membership.patient.emigrated_on:
        return _("Nothing is sent: the patient has moved abroad.")
    return ""


def _reasons(found: Reach, preferred: str, *, under_age: bool, until: int) -> tuple[str, ...]:
    reasons = []
    if under_age and found.recipient is Recipient.GUARDIAN:
        reasons.append(
            _("The patient is under %(age)s years: messages go to a guardian.") % {"age": until}
        )
    elif under_age:
        reasons.append(
            _("The patient is under %(age)s years, but no guardian can be reached.")
            % {"age": until}
        )
    if not preferred:
        reasons.append(_("No channel is preferred: the first one that works is used."))
    elif preferred == found.channel:
        reasons.append(_("This is the preferred channel."))
    else:
        reasons.append(
            _("The preferred channel cannot be used: %(channel)s.")
            % {"channel": ContactChannel(preferred).label}
        )
    return tuple(reasons)


def _guardian_name(identity: Identity) -> str:
    if not identity.guardian_relation:
        return identity.guardian_name
    return f"{identity.guardian_name} ({Relation(identity.guardian_relation).label})"
