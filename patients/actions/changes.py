"""Changes to somebody who is a member already. Each checks who may, and writes history."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Literal

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from patients import policies, vault
from patients.events import (
    ContactChanged,
    MemberOptedOut,
    PatientCorrected,
    PatientDied,
    PatientEmigrated,
    PatientMoved,
    StatusRevoked,
)
from patients.identity import IdentityKind, parse
from patients.models import Membership, Patient, Residence
from patients.selectors import require_member
from registry.accounts.permissions import Permission, Viewer
from registry.core.choices import Language, Sex
from registry.core.errors import RuleBroken
from registry.core.events import announce
from registry.units.models import HealthRegion

_PREFIX = {"patient": "", "guardian": "guardian_"}


def correct_identity(
    *,
    by: Viewer,
    membership: Membership,
    given_name: str,
    surname: str,
    birth_date: date,
    sex: str,
    on: date,
    number: str | None = None,
    country: str = "",
) -> Membership:
    """Correct what was registered about who a patient is; ``number`` None keeps the number.

    A temporary registration becomes a full one by giving the number. Raises RuleBroken when the
    number belongs to another patient, who must then be joined by hand.
    """
    with _change(by, membership, "correct_identity") as patient:
        faults: dict[str, object] = {}
        changes = {"given_name": given_name.strip(), "surname": surname.strip()}
        kind: str | None = None
        if number is not None:
            try:
                parsed = parse(number, country or patient.country, on=on)
            except ValueError as error:
                faults["number"] = str(error)
            else:
                if parsed.kind is IdentityKind.SYNTHETIC and not settings.ALLOW_SYNTHETIC_IDENTITY:
                    faults["number"] = _(
                        "This is a test number. Only numbers of real people are accepted here."
                    )
                changes |= {"number": parsed.number, "number_country": parsed.country}
                kind = str(parsed.kind)
        if not surname.strip():
            faults["surname"] = _("Type the surname.")
        if reason := policies.why_not_born(birth_date, on=on):
            faults["birth_date"] = str(reason)
        elif patient.died_on and patient.died_on < birth_date:
            faults["birth_date"] = _("The birth date lies after the date of death. Check both.")
        if sex not in Sex.values:
            faults["sex"] = _("Choose the sex.")
        if faults:
            raise RuleBroken(faults)
        try:
            with transaction.atomic():
                vault.change_identity(
                    patient.pk, birth_date=birth_date, number_kind=kind, **changes
                )
        except IntegrityError as error:
            taken = _(
                "This identity number belongs to another patient of the registry. Search for it; "
                "ask the register's administrator if both are the same person."
            )
            raise RuleBroken({"number": taken}) from error
        if (patient.birth_date, patient.sex) != (birth_date, sex):
            patient.birth_date, patient.sex = birth_date, sex
            patient.save(update_fields=["birth_date", "sex", "updated_at"])
            announce(PatientCorrected(patient.pk))
        membership.patient = patient
        return membership


def change_contact(
    *,
    by: Viewer,
    membership: Membership,
    address: str,
    email: str,
    telephone: str,
    language: str,
    preferred_channel: str | None = None,
    guardian_name: str | None = None,
    guardian_relation: str | None = None,
    guardian_email: str | None = None,
    guardian_telephone: str | None = None,
    guardian_language: str | None = None,
    right_after_all: Collection[str] = (),
) -> None:
    """Change how a patient is reached and in which language, and who answers for a child.

    What is None is kept as it is; an empty text takes it away. ``right_after_all`` names
    addresses (of `vault.ADDRESSES`) that were refused, are right all the same, and are to be used
    again. Raises RuleBroken with a message for each field that is wrong.
    """
    with _change(by, membership, "change_contact") as patient:
        held = vault.open_identity(patient.pk)
        told = {
            name: (getattr(held, name) if value is None else value.strip())
            for name, value in (
                ("address", address),
                ("email", email),
                ("telephone", telephone),
                ("guardian_name", guardian_name),
                ("guardian_relation", guardian_relation),
                ("guardian_email", guardian_email),
                ("guardian_telephone", guardian_telephone),
            )
        }
        ways = {
            "preferred_channel": preferred_channel,
            "guardian_language": guardian_language,
            "language": language,
        }
        ways = {
            name: getattr(patient, name) if value is None else value for name, value in ways.items()
        }
        faults = {
            name: str(reason)
            for name, reason in policies.contact_faults(
                **told,
                preferred_channel=ways["preferred_channel"],
                guardian_language=ways["guardian_language"],
            )
            if reason
        }
        if language not in Language.values:
            faults["language"] = _("Choose the language: nb, da, sv or en.")
        if faults:
            raise RuleBroken(faults)
        vault.change_identity(
            patient.pk, birth_date=patient.birth_date, right_after_all=right_after_all, **told
        )
        changed = [name for name, value in ways.items() if getattr(patient, name) != value]
        if changed:
            for name in changed:
                setattr(patient, name, ways[name])
            patient.save(update_fields=[*changed, "updated_at"])
        addresses = {name for name in told if told[name] != getattr(held, name)}
        if right_after_all or "preferred_channel" in changed or addresses & {*vault.ADDRESSES}:
            announce(ContactChanged(patient.pk))


def record_consent(*, by: Viewer, membership: Membership, consented_on: date, on: date) -> None:
    """Record on which day a member consented, or correct it. Consent is withdrawn by opting out."""
    with _change(by, membership, "record_consent") as patient:
        _refuse(
            "consented_on",
            policies.why_not_dated(consented_on, birth_date=patient.birth_date, on=on),
        )
        membership.consented_on = consented_on
        membership.save(update_fields=["consented_on", "updated_at"])


def note_refused_address(
    *,
    patient_id: int,
    channel: str,
    now: datetime,
    recipient: Literal["patient", "guardian"] = "patient",
    address: str = "",
) -> bool:
    """Note that the address of a channel (email, sms, telephone) was refused for good.

    For what sends messages and reads bounces; no viewer is asked. Nothing is sent to a refused
    address until it is changed, see patients.reach. With ``address`` (the one that was refused)
    the patient's and the guardian's are compared with it, whatever ``recipient`` says, and an
    address that has been corrected meanwhile is left alone. Safe to call again: the first refusal
    stays. Returns whether anything was noted; a letter has no address to be refused here.
    """
    names = {"email": "email", "sms": "telephone", "telephone": "telephone"}
    if channel not in names:
        return False
    fields = [f"{_PREFIX[who]}{names[channel]}" for who in (_PREFIX if address else [recipient])]
    with transaction.atomic():
        return vault.note_refused(patient_id, fields, now=now, address=address)


def take_back_refusal(*, patient_id: int, channel: str, at: datetime) -> bool:
    """Take back that the address of a channel was refused at that very moment, by mistake.

    For what has noted it; no viewer is asked. Returns whether anything was taken back.
    """
    name = {"email": "email", "sms": "telephone", "telephone": "telephone"}[channel]
    with transaction.atomic():
        return vault.forget_refused(patient_id, [f"{one}{name}" for one in _PREFIX.values()], at=at)


def record_death(*, by: Viewer, membership: Membership, died_on: date, on: date) -> None:
    """Record a death; it holds in every register. A recorded date may be corrected."""
    with _change(by, membership, "record_death") as patient:
        _refuse("died_on", policies.why_not_dated(died_on, birth_date=patient.birth_date, on=on))
        patient.died_on = died_on
        patient.save(update_fields=["died_on", "updated_at"])
        announce(PatientDied(patient.pk, died_on))


def revoke_death(*, by: Viewer, membership: Membership) -> None:
    """Take back a death that was recorded by mistake."""
    with _change(by, membership, "revoke_death") as patient:
        patient.died_on = None
        patient.save(update_fields=["died_on", "updated_at"])
        announce(StatusRevoked(patient.pk, "death"))


def record_emigration(*, by: Viewer, membership: Membership, emigrated_on: date, on: date) -> None:
    """Record that a patient has left the country; it holds in every register."""
    with _change(by, membership, "record_emigration") as patient:
        _refuse(
            "emigrated_on",
            policies.why_not_dated(emigrated_on, birth_date=patient.birth_date, on=on),
        )
        patient.emigrated_on = emigrated_on
        patient.save(update_fields=["emigrated_on", "updated_at"])
        announce(PatientEmigrated(patient.pk, emigrated_on))


def revoke_emigration(*, by: Viewer, membership: Membership) -> None:
    """Take back an emigration: recorded by mistake, or the patient has come back."""
    with _change(by, membership, "revoke_emigration") as patient:
        patient.emigrated_on = None
        patient.save(update_fields=["emigrated_on", "updated_at"])
        announce(StatusRevoked(patient.pk, "emigration"))


def opt_out(*, by: Viewer, membership: Membership, opted_out_on: date, on: date) -> None:
    """Withdraw a member from one register; other registers of the patient go on."""
    with _change(by, membership, "opt_out") as patient:
        _refuse(
            "opted_out_on",
            policies.why_not_dated(opted_out_on, birth_date=patient.birth_date, on=on),
        )
        membership.opted_out_on = opted_out_on
        membership.save(update_fields=["opted_out_on", "updated_at"])
        announce(MemberOptedOut(membership.pk, patient.pk, membership.register_id, opted_out_on))


def revoke_opt_out(*, by: Viewer, membership: Membership) -> None:
    """Let a member take part again, as the patient now wishes."""
    with _change(by, membership, "revoke_opt_out") as patient:
        membership.opted_out_on = None
        membership.save(update_fields=["opted_out_on", "updated_at"])
        announce(StatusRevoked(patient.pk, "opt_out", membership.pk))


def move_residence(
    *, by: Viewer, membership: Membership, region: HealthRegion, since: date, on: date
) -> Residence:
    """Record that a patient lives in ``region`` from ``since`` on.

    The residence before ends the day before; later ones, if any, are replaced.
    """
    with _change(by, membership, "move_residence") as patient:
        _refuse("since", policies.why_not_dated(since, birth_date=patient.birth_date, on=on))
        patient.residences.filter(valid_from__gte=since).delete()
        for before in patient.residences.filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=since)
        ):
            before.valid_until = since - timedelta(days=1)
            before.save(update_fields=["valid_until", "updated_at"])
        residence = Residence.objects.create(patient=patient, region=region, valid_from=since)
        announce(PatientMoved(patient.pk, since))
        return residence


@contextmanager
def _change(by: Viewer, membership: Membership, action: str) -> Iterator[Patient]:
    """Open a transaction with the patient locked, if the viewer may register for this member.

    The refusal is noted before the transaction begins, so that its trace is not undone with it.
    """
    require_member(by, membership, permission=Permission.REGISTER, action=action)
    with transaction.atomic():
        yield Patient.objects.select_for_update(no_key=True).get(pk=membership.patient_id)


def _refuse(field: str, reason: policies.Reason) -> None:
    if reason:
        raise RuleBroken({field: str(reason)})
