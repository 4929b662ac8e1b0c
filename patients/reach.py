"""Who is reached how on a day: the patient or a guardian, and by which channel.

One set of tables is read twice: by ``reach`` in Python and by ``reach_sql`` in the database, so
that a page about one patient and a selection among a hundred thousand say the same.

Below a register's age (``[patients] guardian_until``) messages go to a guardian. The questionnaires
say who answers: where the child has a part in it, the child's own address serves when no guardian
can be reached; what a guardian alone answers is never sent to a child.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from django.conf import settings
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from patients.models import Patient, PatientIdentity
from patients.policies import age_on
from registry.core.choices import ContactChannel

Answerer = Literal["patient", "guardian", "both"]


class Recipient(TextChoices):
    """Who is written to or called."""

    PATIENT = "patient", _("The patient")
    GUARDIAN = "guardian", _("A parent or guardian")


class Unreachable(TextChoices):
    """Why nobody can be reached."""

    NO_ADDRESS = "no_address", _("No e-mail address or telephone number is known.")
    REFUSED = "refused", _("What was sent to the address on file was refused.")


# --- The tables -------------------------------------------------------------------------------

OF_AGE: tuple[Recipient, ...] = (Recipient.PATIENT,)
UNDER_AGE: dict[Answerer, tuple[Recipient, ...]] = {
    "patient": (Recipient.GUARDIAN, Recipient.PATIENT),
    "guardian": (Recipient.GUARDIAN,),
    "both": (Recipient.GUARDIAN, Recipient.PATIENT),
}
"""Who is tried in which order, by who answers. The first whom any channel reaches is asked."""

TRIED = (ContactChannel.EMAIL, ContactChannel.SMS, ContactChannel.TELEPHONE)
"""The order of channels. The preferred one comes first, and a letter only when preferred."""

ADDRESS_OF = {
    ContactChannel.EMAIL: "email",
    ContactChannel.SMS: "telephone",
    ContactChannel.TELEPHONE: "telephone",
}
"""What a channel needs: an address that is known and was not refused. A letter always goes."""

PREFIX = {Recipient.PATIENT: "", Recipient.GUARDIAN: "guardian_"}


# --- In Python --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Contact:
    """What is known of a person's addresses. Refused ones count as known."""

    birth_date: date
    preferred_channel: str = ""
    has_email: bool = False
    has_telephone: bool = False
    email_refused: bool = False
    telephone_refused: bool = False
    guardian_has_email: bool = False
    guardian_has_telephone: bool = False
    guardian_email_refused: bool = False
    guardian_telephone_refused: bool = False

    @classmethod
    def of(cls, patient: Patient, identity: PatientIdentity | None) -> "Contact":
        """Read it from a patient; an erased one has no identity, and no addresses."""
        known: dict[str, bool] = {}
        for prefix in PREFIX.values():
            for address in dict.fromkeys(ADDRESS_OF.values()):
                has, refused = f"{prefix}has_{address}", f"{prefix}{address}_refused"
                known[has] = bool(getattr(identity, has, False))
                known[refused] = getattr(identity, f"{refused}_at", None) is not None
        return cls(
            birth_date=patient.birth_date, preferred_channel=patient.preferred_channel, **known
        )


CONTACT_COLUMNS = """p.birth_date, p.preferred_channel,
           COALESCE(a.has_email, false), COALESCE(a.has_telephone, false),
           a.email_refused_at IS NOT NULL, a.telephone_refused_at IS NOT NULL,
           COALESCE(a.guardian_has_email, false), COALESCE(a.guardian_has_telephone, false),
           a.guardian_email_refused_at IS NOT NULL, a.guardian_telephone_refused_at IS NOT NULL"""
"""What ``Contact(*row)`` takes, of patients_patient ``p`` and its outer joined identity ``a``."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Who is asked and how; without a channel ``reason`` says why not."""

    recipient: Recipient
    channel: ContactChannel | None
    reason: Unreachable | None = None

    @property
    def code(self) -> str:
        """What ``reach_sql`` gives: ``guardian.email``, ``patient.refused``."""
        return f"{self.recipient.value}.{(self.channel or self.reason).value}"

    @classmethod
    def from_code(cls, code: str) -> "Reach":
        """Read what ``reach_sql`` gave."""
        recipient, _dot, how = code.partition(".")
        if how in Unreachable.values:
            return cls(Recipient(recipient), None, Unreachable(how))
        return cls(Recipient(recipient), ContactChannel(how))


def reach(
    contact: Contact,
    *,
    on: date,
    guardian_until: int,
    answerer: Answerer = "patient",
    sms: bool = False,
    first: str = "",
) -> Reach:
    """Return who is reached how on a day.

    ``guardian_until`` is the register's age in years from which a patient answers alone; ``sms``
    says whether text messages can be sent at all. ``first``: the channel that a rule names, tried
    before the preferred one.
    """
    recipients = OF_AGE
    if is_under_age(contact.birth_date, on=on, guardian_until=guardian_until):
        recipients = UNDER_AGE[answerer]
    for recipient in recipients:
        for channel in (first, contact.preferred_channel, *TRIED):
            if channel and _works(contact, recipient, ContactChannel(channel), sms=sms):
                return Reach(recipient, ContactChannel(channel))
    prefix = PREFIX[recipients[0]]
    refused = any(
        getattr(contact, f"{prefix}has_{address}")
        and getattr(contact, f"{prefix}{address}_refused")
        for address in ADDRESS_OF.values()
    )
    return Reach(recipients[0], None, Unreachable.REFUSED if refused else Unreachable.NO_ADDRESS)


def recipient_by(
    contact: Contact,
    channel: ContactChannel,
    *,
    on: date,
    guardian_until: int,
    answerer: Answerer = "patient",
) -> Recipient | Unreachable:
    """Return who a message that goes by ``channel`` is written to on a day, or why to nobody.

    For what was queued for a channel: the first whom it reaches, in the order of ``reach``.
    """
    recipients = OF_AGE
    if is_under_age(contact.birth_date, on=on, guardian_until=guardian_until):
        recipients = UNDER_AGE[answerer]
    for recipient in recipients:
        if _works(contact, recipient, channel, sms=True):
            return recipient
    known = any(getattr(contact, f"{PREFIX[one]}has_{ADDRESS_OF[channel]}") for one in recipients)
    return Unreachable.REFUSED if known else Unreachable.NO_ADDRESS


def is_under_age(birth_date: date, *, on: date, guardian_until: int) -> bool:
    """Say whether a guardian has a part in the answers on a day."""
    return age_on(birth_date, on) < guardian_until


def joint_answerer(answerers: Iterable[Answerer]) -> Answerer:
    """Return who answers several questionnaires sent together; different ones make "both"."""
    found = set(answerers) or {"patient"}
    return found.pop() if len(found) == 1 else "both"


def _works(contact: Contact, recipient: Recipient, channel: ContactChannel, *, sms: bool) -> bool:
    address = ADDRESS_OF.get(channel)
    if address is None:
        return True
    if channel is ContactChannel.SMS and not sms:
        return False
    prefix = PREFIX[recipient]
    return getattr(contact, f"{prefix}has_{address}") and not getattr(
        contact, f"{prefix}{address}_refused"
    )


def sms_available() -> bool:
    """Say whether this installation can send text messages."""
    return bool(settings.SMS_GATEWAY_URL)


# --- In the database --------------------------------------------------------------------------


def reach_sql(
    *,
    on: str,
    guardian_until: str,
    answerer: str,
    sms: str,
    first: str = "",
    patient: str = "p",
    identity: str = "identity",
) -> str:
    """Return an expression for ``Reach.code``. All arguments are SQL, none is a user's text.

    ``on``, ``guardian_until``, ``answerer`` and ``sms`` are expressions or placeholders; ``first``
    is a channel or "", as in ``reach``;
    ``patient`` and ``identity`` name patients_patient and patients_patientidentity (outer joined,
    as an erased patient has none) in the query.
    """
    under_age = under_age_sql(on=on, guardian_until=guardian_until, patient=patient)
    known = {"patient": patient, "identity": identity, "sms": sms, "first": first}
    cases = " ".join(
        f"WHEN '{who}' THEN {_first_sql(recipients, **known)}"
        for who, recipients in UNDER_AGE.items()
    )
    return (
        f"CASE WHEN {under_age} THEN CASE {answerer} {cases} END"
        f" ELSE {_first_sql(OF_AGE, **known)} END"
    )


def under_age_sql(*, on: str, guardian_until: str, patient: str = "p") -> str:
    """Return a condition equal to ``is_under_age``. Most people are told by one comparison."""
    return (
        f"{patient}.birth_date > ({on})::date - 366 * ({guardian_until} + 1)"
        f" AND {age_sql(on=on, patient=patient)} < {guardian_until}"
    )


def age_sql(*, on: str, patient: str = "p") -> str:
    """Return an expression equal to ``age_on``, in whole years."""
    return f"EXTRACT(YEAR FROM age(({on})::timestamp, {patient}.birth_date::timestamp))::int"


def _first_sql(
    recipients: tuple[Recipient, ...], *, patient: str, identity: str, sms: str, first: str
) -> str:
    whens = []
    for recipient in recipients:
        if first:
            named = ContactChannel(first)
            works = _works_sql(recipient, named, identity=identity, sms=sms)
            whens.append(f"WHEN {works} THEN '{Reach(recipient, named).code}'")
        for preferred in ContactChannel:
            works = _works_sql(recipient, preferred, identity=identity, sms=sms)
            whens.append(
                f"WHEN {patient}.preferred_channel = '{preferred.value}' AND {works}"
                f" THEN '{Reach(recipient, preferred).code}'"
            )
        for channel in TRIED:
            works = _works_sql(recipient, channel, identity=identity, sms=sms)
            whens.append(f"WHEN {works} THEN '{Reach(recipient, channel).code}'")
    asked = recipients[0]
    refused = " OR ".join(
        f"({identity}.{PREFIX[asked]}has_{address}"
        f" AND {identity}.{PREFIX[asked]}{address}_refused_at IS NOT NULL)"
        for address in dict.fromkeys(ADDRESS_OF.values())
    )
    return (
        f"CASE {' '.join(whens)}"
        f" WHEN {refused} THEN '{Reach(asked, None, Unreachable.REFUSED).code}'"
        f" ELSE '{Reach(asked, None, Unreachable.NO_ADDRESS).code}' END"
    )


def _works_sql(recipient: Recipient, channel: ContactChannel, *, identity: str, sms: str) -> str:
    address = ADDRESS_OF.get(channel)
    if address is None:
        return "true"
    prefix = f"{identity}.{PREFIX[recipient]}"
    works = f"{prefix}has_{address} AND {prefix}{address}_refused_at IS NULL"
    return f"{sms} AND {works}" if channel is ContactChannel.SMS else works
