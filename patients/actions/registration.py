"""Making somebody a member: one person, or the many of a file, by the same rules.

A person is found by identity number, so that a second register or a second unit adds a membership
or a relation to the same patient; nothing recorded is overwritten.

Registry numbers run from 1 in each register. They are given out under a lock on the register's
row (FOR NO KEY UPDATE, which foreign keys do not wait for), taken as late as possible and held to
the end of the transaction, so that no two transactions read the same highest number and numbers
have no holes. Two registrations of the same new person at the same moment are settled by the
unique blind index: the second one starts over and finds the first.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.utils.translation import gettext as _

from patients import policies, vault
from patients.events import PatientMoved
from patients.identity import IdentityKind, IdentityNumber, parse
from patients.models import Membership, Patient, PatientIdentity, Residence, UnitRelation
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny, record_access
from registry.core.choices import Language, Sex
from registry.core.errors import RuleBroken
from registry.core.events import announce
from registry.jobs.rows import RowError, RowsRefused, as_rule
from registry.registers.models import Register
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for, units_of
from registry.units.models import HealthRegion, Unit

BATCH = 5000
CONTACT_FIELDS = (
    "email",
    "telephone",
    "address",
    "preferred_channel",
    "guardian_name",
    "guardian_relation",
    "guardian_email",
    "guardian_telephone",
    "guardian_language",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPatient:
    """What is told about somebody who is to become a member.

    Without ``number`` the person gets a registry number only, where the register allows it.
    Birth date and sex may be left to the number, where it tells them. ``joined_on`` None means
    the day of registering; a file of old cases leaves it out, and then age is not checked.
    """

    unit: Unit
    number: str = field(default="", repr=False)
    country: str = ""
    given_name: str = field(default="", repr=False)
    surname: str = field(default="", repr=False)
    birth_date: date | None = field(default=None, repr=False)
    sex: str = ""
    language: str = ""
    address: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    telephone: str = field(default="", repr=False)
    preferred_channel: str = ""
    guardian_name: str = field(default="", repr=False)
    guardian_relation: str = field(default="", repr=False)
    guardian_email: str = field(default="", repr=False)
    guardian_telephone: str = field(default="", repr=False)
    guardian_language: str = ""
    region: HealthRegion | None = None
    residence_from: date | None = None
    joined_on: date | None = None
    consented_on: date | None = None


def register_patient(
    *,
    by: Viewer,
    register_code: str,
    unit: Unit,
    given_name: str,
    surname: str,
    on: date,
    number: str = "",
    country: str = "",
    birth_date: date | None = None,
    sex: str = "",
    language: str = "",
    address: str = "",
    email: str = "",
    telephone: str = "",
    preferred_channel: str = "",
    guardian_name: str = "",
    guardian_relation: str = "",
    guardian_email: str = "",
    guardian_telephone: str = "",
    guardian_language: str = "",
    region: HealthRegion | None = None,
    residence_from: date | None = None,
    consented_on: date | None = None,
) -> Membership:
    """Make a person a member of a register, cared for by ``unit``; return the membership.

    Raises RuleBroken with a message for each field that is wrong, NotAllowed when the viewer may
    not register at the unit.
    """
    entry = NewPatient(
        unit=unit,
        number=number,
        country=country,
        given_name=given_name,
        surname=surname,
        birth_date=birth_date,
        sex=sex,
        language=language,
        address=address,
        email=email,
        telephone=telephone,
        preferred_channel=preferred_channel,
        guardian_name=guardian_name,
        guardian_relation=guardian_relation,
        guardian_email=guardian_email,
        guardian_telephone=guardian_telephone,
        guardian_language=guardian_language,
        region=region,
        residence_from=residence_from,
        joined_on=on,
        consented_on=consented_on,
    )
    with as_rule():
        [membership] = register_patients(by=by, register_code=register_code, entries=[entry], on=on)
    record_access(
        by,
        "register",
        "membership",
        membership.pk,
        patient_id=membership.patient_id,
        register_code=register_code,
    )
    return membership


def register_patients(
    *, by: Viewer, register_code: str, entries: Iterable[NewPatient], on: date
) -> list[Membership]:
    """Make many people members; return the memberships in the order given.

    All or nothing: raises RowsRefused with every fault of every row. The number of queries does
    not depend on the number of people but in batches of some thousand.
    """
    rows = list(entries)
    for unit in {row.unit for row in rows}:
        if not by.may(Permission.REGISTER, register_code, unit.pk):
            deny(by, "register", "unit", unit.pk, register_code=register_code)
    try:
        with transaction.atomic():
            return _register(register_code, rows, on=on)
    except IntegrityError:
        # Somebody else has registered one of these people meanwhile: now they are found.
        with transaction.atomic():
            return _register(register_code, rows, on=on)


def join_unit(*, by: Viewer, membership: Membership, unit: Unit, on: date) -> UnitRelation:
    """Let ``unit`` care for a member whom another unit has registered.

    Who may register at the unit may do so, and it is noted in the access log.
    """
    if not by.may(Permission.REGISTER, membership.register_id, unit.pk):
        deny(
            by,
            "join_unit",
            "membership",
            membership.pk,
            patient_id=membership.patient_id,
            register_code=membership.register_id,
        )
    if unit not in units_of(membership.register_id):
        raise RuleBroken({"unit": _("This unit does not report to the register.")})
    relation, _made = UnitRelation.objects.get_or_create(
        membership=membership, unit=unit, defaults={"since": on}
    )
    record_access(
        by,
        "join_unit",
        "membership",
        membership.pk,
        patient_id=membership.patient_id,
        register_code=membership.register_id,
        detail=unit.code,
    )
    return relation


def known_since(first_seen: Mapping[int, date]) -> None:
    """Let memberships begin no later than the first event known of them.

    ``first_seen`` maps membership ids to the date of an event. Used when old cases are loaded
    after their patients.
    """
    if not first_seen:
        return
    begun = Membership.objects.filter(
        pk__in=list(first_seen), joined_on__gt=min(first_seen.values())
    ).values_list("pk", "joined_on")
    late = Membership.objects.in_bulk([pk for pk, day in begun if day > first_seen[pk]])
    for membership in late.values():
        membership.joined_on = first_seen[membership.pk]
    Membership.objects.bulk_update(late.values(), ["joined_on"], batch_size=BATCH)


def seen_at(first_seen: Mapping[tuple[int, int], date]) -> None:
    """Note that units have seen members: the units care for them, and they are known since then.

    ``first_seen`` maps (membership id, unit id) to the date of the first event there. The caller
    has checked that the viewer may register at the units.
    """
    held = set(
        UnitRelation.objects.filter(
            membership_id__in={membership_id for membership_id, _unit_id in first_seen}
        ).values_list("membership_id", "unit_id")
    )
    UnitRelation.objects.bulk_create(
        [
            UnitRelation(membership_id=key[0], unit_id=key[1], since=day)
            for key, day in first_seen.items()
            if key not in held
        ],
        batch_size=BATCH,
        ignore_conflicts=True,
    )
    first: dict[int, date] = {}
    for (membership_id, _unit_id), day in first_seen.items():
        first[membership_id] = min(first.get(membership_id, day), day)
    known_since(first)


# --- The rules, row by row --------------------------------------------------------------------


@dataclass(slots=True)
class _Person:
    """A row that has been read: what is certain about it so far."""

    row: int
    entry: NewPatient
    number: IdentityNumber | None
    birth_date: date
    sex: str
    language: str
    index: bytes | None = None
    patient: Patient | None = None


def _register(register_code: str, rows: Sequence[NewPatient], *, on: date) -> list[Membership]:
    definition = definition_for(register_code)
    people, errors = _read(definition, rows, on=on)
    known, conflicts = _find(people)
    errors += conflicts
    memberships = _memberships(register_code, known)
    errors += [
        RowError(
            person.row,
            "number",
            _("This person has opted out of the register and may not be registered again."),
        )
        for person in people
        if person.patient
        and person.patient.pk in memberships
        and memberships[person.patient.pk].opted_out_on
    ]
    if errors:
        raise RowsRefused(errors)
    _create_patients(definition, [person for person in people if person.patient is None])
    _add_residences(people, on=on, known=known)
    memberships |= _create_memberships(
        register_code,
        [person for person in people if _patient_of(person).pk not in memberships],
        on=on,
    )
    _add_relations(people, memberships, on=on)
    return [memberships[_patient_of(person).pk] for person in people]


def _read(
    definition: RegisterDefinition, rows: Sequence[NewPatient], *, on: date
) -> tuple[list[_Person], list[RowError]]:
    reporting = {unit.pk for unit in units_of(definition.code)}
    people: list[_Person] = []
    errors: list[RowError] = []
    seen: dict[bytes, int] = {}
    for row, entry in enumerate(rows):
        faults: list[tuple[str, object]] = []
        if entry.unit.pk not in reporting:
            faults.append(("unit", _("This unit does not report to the register.")))
        number = _number(definition, entry, on=on, faults=faults)
        # A wrong number may tell birth date and sex once it is right: one message is enough.
        unread = number is None and bool(entry.number.strip())
        birth_date = entry.birth_date or (number.birth_date if number else None)
        sex = entry.sex or (number.sex if number else None) or ""
        if birth_date is None:
            if not unread:
                faults.append(
                    ("birth_date", _("Type the birth date; the number does not tell it."))
                )
        elif reason := policies.why_not_born(birth_date, on=on):
            faults.append(("birth_date", reason))
        else:
            faults += _dates(definition, entry, birth_date, on=on)
        if sex not in Sex.values and (sex or not unread):
            faults.append(("sex", _("Choose the sex; the number does not tell it.")))
        language = entry.language or definition.register.languages[0]
        if language not in Language.values:
            faults.append(("language", _("Choose the language: nb, da, sv or en.")))
        if number and not entry.surname.strip():
            faults.append(("surname", _("Type the surname.")))
        if definition.patients.consent == "consent" and entry.consented_on is None:
            faults.append(
                ("consented_on", _("This register needs the patient's consent. Type its date."))
            )
        faults += policies.contact_faults(
            **{name: getattr(entry, name).strip() for name in CONTACT_FIELDS}
        )
        index = vault.number_index(number.country, number.number) if number else None
        if index is not None and index in seen:
            faults.append(("number", _("The same identity number stands twice in the file.")))
        found = [RowError(row, column, str(reason)) for column, reason in faults if reason]
        errors += found
        if index is not None:
            seen.setdefault(index, row)
        if not found and birth_date is not None:
            people.append(_Person(row, entry, number, birth_date, sex, language, index))
    return people, errors


def _dates(
    definition: RegisterDefinition, entry: NewPatient, birth_date: date, *, on: date
) -> list[tuple[str, object]]:
    faults: list[tuple[str, object]] = [
        (name, policies.why_not_dated(day, birth_date=birth_date, on=on))
        for name in ("residence_from", "joined_on", "consented_on")
        if (day := getattr(entry, name))
    ]
    if entry.joined_on:
        reason = policies.why_not_member(definition, birth_date, joined_on=entry.joined_on)
        faults.append(("birth_date", reason))
    return faults


def _number(
    definition: RegisterDefinition,
    entry: NewPatient,
    *,
    on: date,
    faults: list[tuple[str, object]],
) -> IdentityNumber | None:
    if not entry.number.strip():
        faults.append(("number", policies.why_no_temporary_number(definition)))
        return None
    try:
        number = parse(entry.number, entry.country or definition.register.country, on=on)
    except ValueError as error:
        column = "country" if getattr(error, "code", "") == "country" else "number"
        faults.append((column, str(error)))
        return None
    if number.kind is IdentityKind.SYNTHETIC and not settings.ALLOW_SYNTHETIC_IDENTITY:
        faults.append(
            ("number", _("This is a test number. Only numbers of real people are accepted here."))
        )
    return number


def _find(people: Sequence[_Person]) -> tuple[set[int], list[RowError]]:
    """Attach the patients that are known by number; return their ids and the conflicts."""
    by_index = {person.index: person for person in people if person.index is not None}
    found: dict[bytes, int] = {}
    for some in _batches(list(by_index)):
        rows = PatientIdentity.objects.filter(number_index__in=some)
        found |= {bytes(i): pk for i, pk in rows.values_list("number_index", "patient_id")}
    patients: dict[int, Patient] = {}
    for some in _batches(list(found.values())):
        patients |= Patient.objects.in_bulk(some)
    errors = []
    for index, patient_id in found.items():
        person, patient = by_index[index], patients[patient_id]
        person.patient = patient
        if patient.birth_date != person.birth_date:
            errors.append(
                RowError(
                    person.row,
                    "birth_date",
                    _(
                        "This identity number is registered with another birth date. Compare "
                        "both with the source; what is recorded was not changed."
                    ),
                )
            )
        if patient.sex != person.sex and Sex.UNKNOWN not in (patient.sex, person.sex):
            errors.append(
                RowError(
                    person.row,
                    "sex",
                    _(
                        "This identity number is registered with another sex. Compare both "
                        "with the source; what is recorded was not changed."
                    ),
                )
            )
    return set(patients), errors


def _memberships(register_code: str, patient_ids: Iterable[int]) -> dict[int, Membership]:
    """The memberships that exist already, by patient."""
    found: dict[int, Membership] = {}
    for some in _batches(list(patient_ids)):
        held = Membership.objects.filter(register_id=register_code, patient_id__in=some)
        found |= {membership.patient_id: membership for membership in held}
    return found


# --- Writing ----------------------------------------------------------------------------------


def _create_patients(definition: RegisterDefinition, people: Sequence[_Person]) -> None:
    patients = Patient.objects.bulk_create(
        [
            Patient(
                birth_date=person.birth_date,
                sex=person.sex,
                country=person.number.country if person.number else definition.register.country,
                language=person.language,
                preferred_channel=person.entry.preferred_channel.strip(),
                guardian_language=person.entry.guardian_language.strip(),
            )
            for person in people
        ],
        batch_size=BATCH,
    )
    for person, patient in zip(people, patients, strict=True):
        person.patient = patient
    vault.store_identities(
        vault.NewIdentity(
            patient_id=_patient_of(person).pk,
            birth_date=person.birth_date,
            number_kind=str(person.number.kind) if person.number else "",
            identity=vault.Identity(
                number=person.number.number if person.number else "",
                number_country=person.number.country if person.number else "",
                given_name=person.entry.given_name.strip(),
                surname=person.entry.surname.strip(),
                address=person.entry.address.strip(),
                email=person.entry.email.strip(),
                telephone=person.entry.telephone.strip(),
                guardian_name=person.entry.guardian_name.strip(),
                guardian_relation=person.entry.guardian_relation.strip(),
                guardian_email=person.entry.guardian_email.strip(),
                guardian_telephone=person.entry.guardian_telephone.strip(),
            ),
        )
        for person in people
    )


def _add_residences(people: Sequence[_Person], *, on: date, known: set[int]) -> None:
    """Note where people live who have no residence yet; a recorded one is left as it is."""
    held: set[int] = set()
    for some in _batches(list(known)):
        held |= set(
            Residence.objects.filter(patient_id__in=some).values_list("patient_id", flat=True)
        )
    residences = [
        Residence(
            patient=_patient_of(person),
            region=person.entry.region,
            valid_from=person.entry.residence_from or person.entry.joined_on or on,
        )
        for person in people
        if person.entry.region and _patient_of(person).pk not in held
    ]
    Residence.objects.bulk_create(residences, batch_size=BATCH)
    for residence in residences:
        if residence.patient_id in known:
            announce(PatientMoved(residence.patient_id, residence.valid_from))


def _create_memberships(
    register_code: str, people: Sequence[_Person], *, on: date
) -> dict[int, Membership]:
    if not people:
        return {}
    register = Register.objects.select_for_update(no_key=True).get(pk=register_code)
    last = Membership.objects.filter(register=register).aggregate(last=Max("registry_number"))
    memberships = Membership.objects.bulk_create(
        [
            Membership(
                patient=_patient_of(person),
                register=register,
                registry_number=number,
                joined_on=person.entry.joined_on or on,
                consented_on=person.entry.consented_on,
            )
            for number, person in enumerate(people, start=(last["last"] or 0) + 1)
        ],
        batch_size=BATCH,
    )
    return {membership.patient_id: membership for membership in memberships}


def _add_relations(
    people: Sequence[_Person], memberships: Mapping[int, Membership], *, on: date
) -> None:
    UnitRelation.objects.bulk_create(
        [
            UnitRelation(
                membership=memberships[_patient_of(person).pk],
                unit=person.entry.unit,
                since=person.entry.joined_on or on,
            )
            for person in people
        ],
        batch_size=BATCH,
        ignore_conflicts=True,
    )


def _patient_of(person: _Person) -> Patient:
    if person.patient is None:
        raise LookupError("A person has no patient yet.")
    return person.patient


def _batches(items: list) -> Iterable[list]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
