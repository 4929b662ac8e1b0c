"""Reads about patients; each takes the viewer and returns only what the viewer may see."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from django.db.models import Exists, OuterRef, Q, QuerySet

from patients import vault
from patients.identity import parse
from patients.models import Membership, PatientIdentity, Residence, UnitRelation
from patients.vault import Identity
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny, record_access, record_accesses
from registry.registers.selectors import definition_for
from registry.units.models import HealthRegion

MOST_HITS = 25


def memberships_for(
    viewer: Viewer, register_code: str, *, permission: Permission = Permission.SEE_PATIENTS
) -> QuerySet[Membership]:
    """Return the members of a register whom the viewer may see: those of the viewer's units,
    or all for a role in the whole register."""
    members = Membership.objects.filter(register_id=register_code).select_related("patient")
    if viewer.whole_register(permission, register_code):
        return members
    units = viewer.unit_ids(permission, register_code)
    if not units:
        return members.none()
    return members.filter(
        Exists(UnitRelation.objects.filter(membership=OuterRef("pk"), unit_id__in=units))
    )


def may_see(
    viewer: Viewer, membership: Membership, *, permission: Permission = Permission.SEE_PATIENTS
) -> bool:
    """Say whether the viewer holds ``permission`` for this member."""
    return (
        memberships_for(viewer, membership.register_id, permission=permission)
        .filter(pk=membership.pk)
        .exists()
    )


def require_member(
    viewer: Viewer, membership: Membership, *, permission: Permission, action: str
) -> None:
    """Go on only if the viewer holds ``permission`` for this member; otherwise note the refusal
    and raise NotAllowed."""
    if not may_see(viewer, membership, permission=permission):
        deny(
            viewer,
            action,
            "membership",
            membership.pk,
            patient_id=membership.patient_id,
            register_code=membership.register_id,
        )


def member_for(
    viewer: Viewer,
    register_code: str,
    membership_id: int,
    *,
    action: str = "see",
    permission: Permission = Permission.SEE_PATIENTS,
) -> Membership:
    """Return a member whom the viewer may see, and note the access.

    Raises NotAllowed (404) with a trace in the access log, also when there is no such member.
    """
    membership = (
        memberships_for(viewer, register_code, permission=permission)
        .filter(pk=membership_id)
        .first()
    )
    if membership is None:
        patient_id = (
            Membership.objects.filter(pk=membership_id, register_id=register_code)
            .values_list("patient_id", flat=True)
            .first()
        )
        deny(
            viewer,
            action,
            "membership",
            membership_id,
            patient_id=patient_id,
            register_code=register_code,
        )
    record_access(
        viewer,
        action,
        "membership",
        membership_id,
        patient_id=membership.patient_id,
        register_code=register_code,
    )
    return membership


def member_by_any_unit(viewer: Viewer, register_code: str, membership_id: int) -> Membership:
    """Return a member whichever unit knows them, for a unit that wants to join.

    For those who may register in the register; noted in the access log.
    """
    membership = Membership.objects.filter(pk=membership_id, register_id=register_code).first()
    if membership is None or not viewer.may(Permission.REGISTER, register_code):
        deny(viewer, "join_unit", "membership", membership_id, register_code=register_code)
    return membership


def identity_of(viewer: Viewer, membership: Membership) -> Identity:
    """Return who a member is. Raises NotAllowed, or IdentityErased.

    The access is noted where the member was fetched (`member_for`).
    """
    require_member(viewer, membership, permission=Permission.SEE_PATIENTS, action="see_identity")
    return vault.open_identity(membership.patient_id)


def identities_of(
    viewer: Viewer, memberships: Iterable[Membership], *, action: str = "list"
) -> Mapping[int, Identity]:
    """Return who the members of a list are, by membership id, noting each access.

    Those the viewer may not see, and erased ones, are left out.
    """
    given = list(memberships)
    visible: set[int] = set()
    for code in {membership.register_id for membership in given}:
        ids = [membership.pk for membership in given if membership.register_id == code]
        visible |= set(
            memberships_for(viewer, code).filter(pk__in=ids).values_list("pk", flat=True)
        )
    seen = [membership for membership in given if membership.pk in visible]
    opened = vault.open_identities(membership.patient_id for membership in seen)
    record_accesses(viewer, action, "identity", ((m.pk, m.patient_id, m.register_id) for m in seen))
    return {m.pk: opened[m.patient_id] for m in seen if m.patient_id in opened}


def region_of(patient_id: int, on: date) -> HealthRegion | None:
    """Return the region in which a patient lives on a day.

    Before the first residence on record it is the first one: people are registered when they
    come, not when they move in.
    """
    residences = Residence.objects.filter(patient_id=patient_id).select_related("region")
    current = residences.filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=on), valid_from__lte=on
    ).first()
    if current is None and not residences.filter(valid_from__lte=on).exists():
        current = residences.order_by("valid_from").first()
    return current.region if current else None


def region_ids_on(dated: Iterable[tuple[int, date]]) -> dict[tuple[int, date], int]:
    """Return the region ids of many (patient id, date), by the rule of `region_of`."""
    wanted = set(dated)
    residences: dict[int, list[Residence]] = {}
    for residence in Residence.objects.filter(
        patient_id__in={patient_id for patient_id, _day in wanted}
    ).order_by("patient_id", "valid_from"):
        residences.setdefault(residence.patient_id, []).append(residence)
    found: dict[tuple[int, date], int] = {}
    for patient_id, day in wanted:
        held = residences.get(patient_id, [])
        current = next(
            (
                r
                for r in held
                if r.valid_from <= day and (r.valid_until is None or r.valid_until >= day)
            ),
            None,
        )
        if current is None and held and held[0].valid_from > day:
            current = held[0]
        if current is not None:
            found[patient_id, day] = current.region_id
    return found


def memberships_by_number(
    viewer: Viewer,
    register_code: str,
    numbers: Iterable[tuple[str, str]],
    *,
    permission: Permission = Permission.REGISTER,
) -> dict[tuple[str, str], Membership]:
    """Return members by (country, normalised identity number), for files that name patients so.

    Only members for whom the viewer holds ``permission`` are found.
    """
    by_index = {
        vault.number_index(country, number): (country, number) for country, number in numbers
    }
    indexes = list(by_index)
    found: dict[tuple[str, str], Membership] = {}
    for start in range(0, len(indexes), vault.BATCH):
        identities = dict(
            PatientIdentity.objects.filter(
                number_index__in=indexes[start : start + vault.BATCH]
            ).values_list("patient_id", "number_index")
        )
        members = memberships_for(viewer, register_code, permission=permission).filter(
            patient_id__in=list(identities)
        )
        for membership in members:
            found[by_index[bytes(identities[membership.patient_id])]] = membership
    return found


# --- Search -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Hit:
    """A member that was found. ``identity`` is None for a member of other units only, who was
    found by the whole identity number: the viewer's unit may join."""

    membership: Membership
    identity: Identity | None

    @property
    def elsewhere(self) -> bool:
        """Whether only other units know the member so far."""
        return self.identity is None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found, and as what the text was read: number, registry_number, name, nothing."""

    hits: tuple[Hit, ...]
    read_as: str


_DATE = re.compile(r"(?P<iso>\d{4}-\d{1,2}-\d{1,2})|(?P<nordic>\d{1,2}[./]\s?\d{1,2}[./]\s?\d{4})")


def search(viewer: Viewer, register_code: str, text: str, *, on: date) -> SearchResult:
    """Find members by identity number, registry number, or name with birth date.

    A whole identity number finds a member of other units too, so that no patient is registered
    twice; that is noted in the access log.
    """
    text = " ".join(text.split())
    if not viewer.may(Permission.SEE_PATIENTS, register_code):
        deny(viewer, "search", "register", register_code, register_code=register_code)
    if name_and_date := _name_and_date(text):
        return SearchResult(_by_name(viewer, register_code, *name_and_date), "name")
    if re.fullmatch(r"#?\d{1,8}", text):
        members = memberships_for(viewer, register_code).filter(
            registry_number=int(text.lstrip("#"))
        )
        return SearchResult(_hits(viewer, members), "registry_number")
    number = _parsed(register_code, text, on=on)
    if number is None:
        return SearchResult((), "nothing")
    hits = _hits(
        viewer,
        memberships_for(viewer, register_code).filter(patient__identity__number_index=number),
    )
    elsewhere = (
        Membership.objects.select_related("patient")
        .filter(register_id=register_code, patient__identity__number_index=number)
        .first()
    )
    if not hits and elsewhere:
        record_access(
            viewer,
            "search_elsewhere",
            "membership",
            elsewhere.pk,
            patient_id=elsewhere.patient_id,
            register_code=register_code,
        )
        hits = (Hit(elsewhere, None),)
    return SearchResult(hits, "number")


def _parsed(register_code: str, text: str, *, on: date) -> bytes | None:
    """The blind index of an identity number of the register's country, else of another one."""
    home = definition_for(register_code).register.country
    for country in sorted(("NO", "DK", "SE", "FI", "IS"), key=lambda code: code != home):
        try:
            number = parse(text, country, on=on)
        except ValueError:
            continue
        index = vault.number_index(number.country, number.number)
        if country == home or PatientIdentity.objects.filter(number_index=index).exists():
            return index
    return None


def _name_and_date(text: str) -> tuple[str, date] | None:
    """The words and the birth date of a text such as ``Kari Nordmann 1.5.1974``."""
    found = _DATE.search(text)
    if not found:
        return None
    name = (text[: found.start()] + " " + text[found.end() :]).strip(" ,")
    try:
        if found["iso"]:
            year, month, day = (int(part) for part in found["iso"].split("-"))
        else:
            day, month, year = (int(part) for part in re.split(r"[./]\s?", found["nordic"]))
        born = date(year, month, day)
    except ValueError:
        return None
    return (name, born) if name else None


def _by_name(viewer: Viewer, register_code: str, name: str, born: date) -> tuple[Hit, ...]:
    """Members whose surname is, or sounds like, the end (or beginning) of ``name``."""
    words = name.replace(",", " ").split()
    surnames = {" ".join(words[start:]) for start in range(len(words))}
    surnames |= {" ".join(words[:end]) for end in range(1, len(words) + 1)}
    exact = [vault.name_index(surname, born) for surname in surnames]
    alike = [vault.phonetic_index(surname, born) for surname in surnames]
    members = memberships_for(viewer, register_code)
    hits = _hits(viewer, members.filter(patient__identity__name_index__in=exact))
    return hits or _hits(viewer, members.filter(patient__identity__phonetic_index__in=alike))


def _hits(viewer: Viewer, members: QuerySet[Membership]) -> tuple[Hit, ...]:
    shown = list(members.order_by("registry_number")[:MOST_HITS])
    identities = identities_of(viewer, shown, action="search")
    # An erased patient is still found by registry number, without a name.
    return tuple(Hit(m, identities.get(m.pk, Identity())) for m in shown)
