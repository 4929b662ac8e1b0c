"""Writes: refer a patient, decide, record consultations; one at a time or the many of a file."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from patients.actions import seen_at
from patients.models import Membership
from patients.selectors import memberships_for, region_ids_on, require_member
from referrals import policies
from referrals.models import Consultation, Decision, Referral
from registry.accounts.permissions import Permission, Viewer
from registry.audit.actions import deny, record_access
from registry.core.errors import RuleBroken
from registry.jobs.rows import RowError, RowsRefused, as_rule
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import current_version, definition_of, units_of
from registry.units.models import HealthRegion, Hospital, Unit

BATCH = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewReferral:
    """A referral as it is told. Without ``region`` it is taken from the patient's residence.

    ``referring_text`` names a hospital that the reference data does not hold.
    """

    membership: Membership
    unit: Unit
    received_on: date | None
    criterion: str
    diagnosis: str = ""
    region: HealthRegion | None = None
    referring_hospital: Hospital | None = None
    referring_text: str = ""
    decision: str = Decision.PENDING
    decided_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConsultation:
    """A consultation as it is told. Without ``region`` it is taken from the residence."""

    membership: Membership
    unit: Unit
    held_on: date | None
    kind: str
    region: HealthRegion | None = None


# --- Referrals --------------------------------------------------------------------------------


def refer(
    *,
    by: Viewer,
    membership: Membership,
    unit: Unit,
    received_on: date | None,
    criterion: str,
    on: date,
    diagnosis: str = "",
    region: HealthRegion | None = None,
    referring_hospital: Hospital | None = None,
    referring_text: str = "",
) -> Referral:
    """Register a referral that waits for its decision. Raises RuleBroken, NotAllowed."""
    entry = NewReferral(
        membership=membership,
        unit=unit,
        received_on=received_on,
        criterion=criterion,
        diagnosis=diagnosis,
        region=region,
        referring_hospital=referring_hospital,
        referring_text=referring_text,
    )
    with as_rule():
        [referral] = refer_patients(
            by=by, register_code=membership.register_id, entries=[entry], on=on
        )
    return referral


def refer_patients(
    *, by: Viewer, register_code: str, entries: Iterable[NewReferral], on: date
) -> list[Referral]:
    """Register many referrals, decided or not; return them in the order given.

    A referral that is on record with the same content is left as it is, so that a file can be
    loaded twice. All or nothing: raises RowsRefused with every fault.
    """
    rows = list(entries)
    _require(by, register_code, rows)
    with transaction.atomic():
        return _refer(register_code, rows, on=on)


def _refer(register_code: str, rows: Sequence[NewReferral], *, on: date) -> list[Referral]:
    version = current_version(register_code)
    definition = definition_of(version)
    checks = _Checks(register_code, definition, rows, on=on)
    held = {
        (r.membership_id, r.unit_id, r.received_on): r
        for r in _on_days(Referral, "received_on", rows, [row.received_on for row in rows])
    }
    referrals: list[Referral] = []
    fresh: list[Referral] = []
    for index, row in enumerate(rows):
        region_id = checks.common(index, row, "received_on", row.received_on)
        checks.fault(index, "criterion", policies.why_not_criterion(definition, row.criterion))
        if row.received_on is None:
            continue
        if row.decision != Decision.PENDING:
            name, reason = policies.why_not_decision(
                definition,
                current=Decision.PENDING,
                decision=row.decision,
                received_on=row.received_on,
                decided_on=row.decided_on,
                on=on,
            )
            checks.fault(index, name, reason)
        elif row.decided_on is not None:
            checks.fault(
                index, "decision", _("There is a date of decision, but no decision. Add it.")
            )
        if region_id is None:
            continue
        text = row.referring_text.strip()
        referral = Referral(
            membership=row.membership,
            unit=row.unit,
            received_on=row.received_on,
            region_id=region_id,
            referring_hospital=row.referring_hospital,
            criterion=row.criterion,
            diagnosis=row.diagnosis.strip().upper(),
            decision=row.decision,
            decided_on=row.decided_on,
            definition=version,
            details={"referring_hospital": text} if text else {},
        )
        key = (row.membership.pk, row.unit.pk, row.received_on)
        if (same := held.get(key)) is None:
            held[key] = referral
            fresh.append(referral)
        elif not _equal(
            same, referral, ("region_id", "criterion", "diagnosis", "decision", "decided_on")
        ):
            checks.fault(
                index,
                "received_on",
                _("The patient has another referral to this unit on that day. Correct that one."),
            )
        referrals.append(held[key])
    checks.refuse()
    Referral.objects.bulk_create(fresh, batch_size=BATCH)
    seen_at(_first(((r.membership_id, r.unit_id), r.received_on) for r in fresh))
    return referrals


def decide_referral(
    *, by: Viewer, referral: Referral, decision: str, decided_on: date | None, on: date
) -> Referral:
    """Accept or refuse a referral. Raises RuleBroken, NotAllowed."""
    _require_row(by, referral, "decide")
    with transaction.atomic():
        referral = _locked(referral)
        name, reason = policies.why_not_decision(
            definition_of(current_version(referral.membership.register_id)),
            current=referral.decision,
            decision=decision,
            received_on=referral.received_on,
            decided_on=decided_on,
            on=on,
        )
        if reason:
            raise RuleBroken({name: str(reason)})
        referral.decision, referral.decided_on = decision, decided_on
        referral.save(update_fields=["decision", "decided_on", "updated_at"])
    return referral


def revoke_decision(*, by: Viewer, referral: Referral) -> Referral:
    """Let a referral wait for its decision again; the history keeps the one taken back."""
    _require_row(by, referral, "revoke_decision")
    with transaction.atomic():
        referral = _locked(referral)
        referral.decision, referral.decided_on = Decision.PENDING, None
        referral.save(update_fields=["decision", "decided_on", "updated_at"])
    return referral


def remove_referral(*, by: Viewer, referral: Referral, reason: str) -> None:
    """Remove a referral entered by mistake; history keeps it, the access log the reason."""
    _remove(by, referral, reason)


# --- Consultations ----------------------------------------------------------------------------


def record_consultation(
    *,
    by: Viewer,
    membership: Membership,
    unit: Unit,
    held_on: date | None,
    kind: str,
    on: date,
    region: HealthRegion | None = None,
) -> Consultation:
    """Record a consultation of a member; it needs no referral. Raises RuleBroken, NotAllowed."""
    entry = NewConsultation(
        membership=membership, unit=unit, held_on=held_on, kind=kind, region=region
    )
    with as_rule():
        [consultation] = record_consultations(
            by=by, register_code=membership.register_id, entries=[entry], on=on
        )
    return consultation


def record_consultations(
    *, by: Viewer, register_code: str, entries: Iterable[NewConsultation], on: date
) -> list[Consultation]:
    """Record many consultations; return them in the order given.

    One that is on record already is left as it is, so that a file can be loaded twice. All or
    nothing: raises RowsRefused with every fault.
    """
    rows = list(entries)
    _require(by, register_code, rows)
    with transaction.atomic():
        return _record(register_code, rows, on=on)


def _record(register_code: str, rows: Sequence[NewConsultation], *, on: date) -> list[Consultation]:
    version = current_version(register_code)
    definition = definition_of(version)
    checks = _Checks(register_code, definition, rows, on=on)
    held = {
        (c.membership_id, c.unit_id, c.held_on, c.kind): c
        for c in _on_days(Consultation, "held_on", rows, [row.held_on for row in rows])
    }
    consultations: list[Consultation] = []
    fresh: list[Consultation] = []
    for index, row in enumerate(rows):
        region_id = checks.common(index, row, "held_on", row.held_on)
        checks.fault(index, "kind", policies.why_not_kind(definition, row.kind))
        if row.held_on is None or region_id is None:
            continue
        key = (row.membership.pk, row.unit.pk, row.held_on, row.kind)
        if key not in held:
            held[key] = Consultation(
                membership=row.membership,
                unit=row.unit,
                held_on=row.held_on,
                region_id=region_id,
                kind=row.kind,
                definition=version,
            )
            fresh.append(held[key])
        elif held[key].region_id != region_id:
            checks.fault(index, "region", _("This consultation is on record with another region."))
        consultations.append(held[key])
    checks.refuse()
    Consultation.objects.bulk_create(fresh, batch_size=BATCH)
    seen_at(_first(((c.membership_id, c.unit_id), c.held_on) for c in fresh))
    return consultations


def remove_consultation(*, by: Viewer, consultation: Consultation, reason: str) -> None:
    """Remove a consultation entered by mistake; history keeps it, the access log the reason."""
    _remove(by, consultation, reason)


# --- What both have in common -----------------------------------------------------------------


class _Checks:
    """The rules that referrals and consultations share, for all rows at once."""

    definition: RegisterDefinition
    on: date
    reporting: frozenset[int]
    regions: Mapping[tuple[int, date], int]
    errors: list[RowError]

    def __init__(
        self,
        register_code: str,
        definition: RegisterDefinition,
        rows: Sequence[NewReferral | NewConsultation],
        *,
        on: date,
    ) -> None:
        self.definition, self.on = definition, on
        self.errors = []
        if reason := policies.why_no_referrals(definition):
            raise RowsRefused([RowError(row, "", str(reason)) for row in range(len(rows))])
        self.reporting = frozenset(unit.pk for unit in units_of(register_code))
        self.regions = region_ids_on(
            (row.membership.patient_id, day)
            for row in rows
            if row.region is None
            and (day := row.received_on if isinstance(row, NewReferral) else row.held_on)
        )

    def fault(self, row: int, column: str, reason: policies.Reason) -> None:
        if reason:
            self.errors.append(RowError(row, column, str(reason)))

    def common(
        self, index: int, row: NewReferral | NewConsultation, name: str, day: date | None
    ) -> int | None:
        """Check unit, date and region; return the region's id, None when something is wrong."""
        if row.unit.pk not in self.reporting:
            self.fault(index, "unit", _("This unit does not report to the register."))
        if day is None:
            self.fault(index, name, _("Type the date."))
            return None
        patient = row.membership.patient
        self.fault(
            index,
            name,
            policies.why_not_on(
                day,
                birth_date=patient.birth_date,
                died_on=patient.died_on,
                opted_out_on=row.membership.opted_out_on,
                on=self.on,
            ),
        )
        region_id = row.region.pk if row.region else self.regions.get((patient.pk, day))
        if region_id is None:
            self.fault(
                index,
                "region",
                _("The residence on that day is not on record. Choose the region."),
            )
        return region_id

    def refuse(self) -> None:
        if self.errors:
            raise RowsRefused(self.errors)


def _on_days(
    model: Any,
    name: str,
    rows: Sequence[NewReferral | NewConsultation],
    days: Iterable[date | None],
) -> list[Any]:
    """What is on record about these members on these days."""
    dates = {day for day in days if day}
    found = model.objects.filter(
        **{f"{name}__in": dates}, membership_id__in={row.membership.pk for row in rows}
    )
    return list(found) if dates else []


def _equal(one: Referral, other: Referral, names: Sequence[str]) -> bool:
    return all(getattr(one, name) == getattr(other, name) for name in names)


def _first(dated: Iterable[tuple[tuple[int, int], date]]) -> dict[tuple[int, int], date]:
    """The first date of each (membership id, unit id)."""
    first: dict[tuple[int, int], date] = {}
    for key, day in dated:
        first[key] = min(first.get(key, day), day)
    return first


def _require(by: Viewer, register_code: str, rows: Sequence[NewReferral | NewConsultation]) -> None:
    """Go on only if the viewer may register for all members and units; otherwise deny.

    Called before the transaction of the change, so that the trace of a refusal is not undone.
    """
    members = {row.membership.pk: row.membership for row in rows}
    visible = set(
        memberships_for(by, register_code, permission=Permission.REGISTER)
        .filter(pk__in=list(members))
        .values_list("pk", flat=True)
    )
    for pk, membership in members.items():
        if pk not in visible:
            deny(
                by,
                "register",
                "membership",
                pk,
                patient_id=membership.patient_id,
                register_code=register_code,
            )
    for unit in {row.unit for row in rows}:
        if not by.may(Permission.REGISTER, register_code, unit.pk):
            deny(by, "register", "unit", unit.pk, register_code=register_code)


def _require_row(by: Viewer, row: Referral | Consultation, action: str) -> None:
    require_member(by, row.membership, permission=Permission.REGISTER, action=action)


def _locked(referral: Referral) -> Referral:
    return (
        Referral.objects.select_for_update(of=["self"], no_key=True)
        .select_related("membership__patient")
        .get(pk=referral.pk)
    )


def _remove(by: Viewer, row: Referral | Consultation, reason: str) -> None:
    _require_row(by, row, "remove")
    if not reason.strip():
        raise RuleBroken({"reason": _("Type why it is removed.")})
    with transaction.atomic():
        record_access(
            by,
            "remove",
            row._meta.model_name,
            row.pk,
            patient_id=row.membership.patient_id,
            register_code=row.membership.register_id,
            detail=reason.strip(),
        )
        row.delete()
