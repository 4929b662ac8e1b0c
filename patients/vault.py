"""The vault: identities sealed with a key per patient, and blind indexes that find them.

An identity is one JSON document, encrypted with the patient's own key and bound to the patient's
id, so that it cannot be moved to another row. The patient's key is wrapped by the master key and
lives in another schema; when it is destroyed, the identity and every earlier version of it in the
history are beyond reading.

Functions that take many at once cost a fixed number of queries.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from functools import lru_cache

from django.conf import settings

from patients.models import PatientIdentity, PatientKey
from patients.phonetics import normalised_name, phonetic_key
from registry.core import crypto

BATCH = 5000


class MasterKeyMissing(Exception):
    """A patient's key was wrapped by a master key that this installation has not been given."""

    def __init__(self, master_key_id: str) -> None:
        super().__init__(
            f"The master key {master_key_id} is missing. "
            "Add it to IDENTITY_OLD_MASTER_KEYS; see docs/operations.md."
        )


class IdentityErased(Exception):
    """The patient's identity has been erased and cannot be read again."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a patient is, and who answers for a child. Nothing of it appears in a repr, so that it
    does not end in a log.

    Documents sealed before a field existed lack it, and are read with the empty one.
    """

    number: str = field(default="", repr=False)
    number_country: str = field(default="", repr=False)
    given_name: str = field(default="", repr=False)
    surname: str = field(default="", repr=False)
    address: str = field(default="", repr=False)
    email: str = field(default="", repr=False)
    telephone: str = field(default="", repr=False)
    guardian_name: str = field(default="", repr=False)
    guardian_relation: str = field(default="", repr=False)
    guardian_email: str = field(default="", repr=False)
    guardian_telephone: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """Given name and surname."""
        return f"{self.given_name} {self.surname}".strip()


ADDRESSES = ("email", "telephone", "guardian_email", "guardian_telephone")
"""What messages and calls go to: fields of Identity, each with a flag and a time of refusal."""


_FIELDS = tuple(each.name for each in fields(Identity))


# --- The master key ---------------------------------------------------------------------------


def master_key_id(key: bytes) -> str:
    """Return the name of a master key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(key).hexdigest()[:16]


def current_master_key() -> bytes:
    """Return the master key that wraps new keys."""
    return _key(settings.IDENTITY_MASTER_KEY, "IDENTITY_MASTER_KEY")


def wrapped(patient_id: int, key: bytes) -> tuple[bytes, str]:
    """Return a patient's key wrapped by the current master key, and that one's name."""
    master = current_master_key()
    sealed = crypto.seal(master, key, bound_to=f"key of patient:{patient_id}")
    return sealed, master_key_id(master)


def wrap_key(patient_id: int, key: bytes) -> PatientKey:
    """Return the unsaved row that holds a patient's key, wrapped by the current master key."""
    sealed, master = wrapped(patient_id, key)
    return PatientKey(patient_id=patient_id, wrapped=sealed, master_key_id=master)


def unwrap_key(held: PatientKey) -> bytes:
    """Return a patient's key. Raises MasterKeyMissing, or SealBroken when it was altered."""
    masters = (
        _key(text, name)
        for text, name in (
            (settings.IDENTITY_MASTER_KEY, "IDENTITY_MASTER_KEY"),
            *((old, "IDENTITY_OLD_MASTER_KEYS") for old in settings.IDENTITY_OLD_MASTER_KEYS),
        )
    )
    for master in masters:
        if master_key_id(master) == held.master_key_id:
            return crypto.unseal(master, held.wrapped, bound_to=f"key of patient:{held.patient_id}")
    raise MasterKeyMissing(held.master_key_id)


@lru_cache(maxsize=8)
def _key(text: str, name: str) -> bytes:
    return crypto.key_from_text(text, name=name)


# --- Blind indexes ----------------------------------------------------------------------------


def number_index(country: str, number: str) -> bytes:
    """Return the blind index of a normalised identity number."""
    return _blind("number", country.upper(), number)


def name_index(surname: str, birth_date: date) -> bytes:
    """Return the blind index of a surname as written, with the birth date."""
    return _blind("name", normalised_name(surname), birth_date.isoformat())


def phonetic_index(surname: str, birth_date: date) -> bytes:
    """Return the blind index of a surname as it sounds, with the birth date."""
    return _blind("sound", phonetic_key(surname), birth_date.isoformat())


def _blind(*parts: str) -> bytes:
    return crypto.blind_index(_key(settings.BLIND_INDEX_KEY, "BLIND_INDEX_KEY"), *parts)


# --- Sealing and opening ----------------------------------------------------------------------


def identity_columns(
    patient_id: int, identity: Identity, key: bytes, *, birth_date: date, number_kind: str
) -> dict[str, object]:
    """Return the columns of the row that holds an identity sealed with the patient's ``key``."""
    # asdict() copies deeply, which strings do not need.
    values = {name: getattr(identity, name) for name in _FIELDS}
    document = json.dumps(values, ensure_ascii=False).encode()
    return {
        "patient_id": patient_id,
        "sealed": crypto.seal(key, document, bound_to=f"patient:{patient_id}"),
        "number_kind": number_kind,
        "number_index": (
            number_index(identity.number_country, identity.number) if identity.number else None
        ),
        "name_index": name_index(identity.surname, birth_date) if identity.surname else None,
        "phonetic_index": (
            phonetic_index(identity.surname, birth_date) if identity.surname else None
        ),
        "has_email": bool(identity.email),
        "has_telephone": bool(identity.telephone),
        "guardian_has_email": bool(identity.guardian_email),
        "guardian_has_telephone": bool(identity.guardian_telephone),
    }


def identity_row(
    patient_id: int, identity: Identity, key: bytes, *, birth_date: date, number_kind: str
) -> PatientIdentity:
    """Return the unsaved row that holds an identity sealed with the patient's ``key``."""
    return PatientIdentity(
        **identity_columns(
            patient_id, identity, key, birth_date=birth_date, number_kind=number_kind
        )
    )


@dataclass(frozen=True, slots=True)
class NewIdentity:
    """An identity to be stored for a patient that has none yet."""

    patient_id: int
    birth_date: date
    number_kind: str
    identity: Identity


def store_identities(entries: Iterable[NewIdentity]) -> None:
    """Give each patient a key of its own and seal the identity with it."""
    keys, rows = [], []
    for entry in entries:
        key = crypto.new_key()
        keys.append(wrap_key(entry.patient_id, key))
        rows.append(
            identity_row(
                entry.patient_id,
                entry.identity,
                key,
                birth_date=entry.birth_date,
                number_kind=entry.number_kind,
            )
        )
    PatientKey.objects.bulk_create(keys, batch_size=BATCH)
    PatientIdentity.objects.bulk_create(rows, batch_size=BATCH)


def change_identity(
    patient_id: int,
    *,
    birth_date: date,
    number_kind: str | None = None,
    right_after_all: Collection[str] = (),
    **changes: str,
) -> Identity:
    """Reseal a patient's identity with ``changes`` to its fields; return what it is now.

    ``number_kind`` None keeps the kind. That an address was refused is forgotten when the address
    changes, or when it is among ``right_after_all``. Raises IdentityErased.
    """
    row = PatientIdentity.objects.select_for_update().filter(pk=patient_id).first()
    held = PatientKey.objects.filter(pk=patient_id).first()
    if row is None or held is None:
        raise IdentityErased(f"Patient {patient_id} has no identity any more.")
    key = unwrap_key(held)
    before = _open(row, key)
    identity = replace(before, **changes)
    fresh = identity_row(
        patient_id,
        identity,
        key,
        birth_date=birth_date,
        number_kind=row.number_kind if number_kind is None else number_kind,
    )
    fresh.created_at = row.created_at
    for name in ADDRESSES:
        if getattr(identity, name) == getattr(before, name) and name not in right_after_all:
            setattr(fresh, f"{name}_refused_at", getattr(row, f"{name}_refused_at"))
    fresh.save(force_update=True)
    return identity


def note_refused(patient_id: int, names: Iterable[str], *, now: datetime, address: str) -> bool:
    """Note that addresses of a patient (of `ADDRESSES`) were refused for good; say whether any was.

    With ``address`` only those that read so today are meant: a refusal may come in after the
    address was corrected. The first refusal stays. Nothing is known of an erased patient.
    """
    row = PatientIdentity.objects.select_for_update().filter(pk=patient_id).first()
    held = PatientKey.objects.filter(pk=patient_id).first()
    if row is None or held is None:
        return False
    identity = _open(row, unwrap_key(held)) if address else None
    changed = []
    for name in names:
        flag = f"guardian_has_{name[9:]}" if name.startswith("guardian_") else f"has_{name}"
        meant = identity is None or _same_address(getattr(identity, name), address)
        if getattr(row, flag) and meant and getattr(row, f"{name}_refused_at") is None:
            setattr(row, f"{name}_refused_at", now)
            changed.append(f"{name}_refused_at")
    if changed:
        row.save(update_fields=[*changed, "updated_at"])
    return bool(changed)


def forget_refused(patient_id: int, names: Iterable[str], *, at: datetime) -> bool:
    """Forget that addresses were refused at that very moment; say whether any had been."""
    row = PatientIdentity.objects.select_for_update().filter(pk=patient_id).first()
    changed = [
        f"{name}_refused_at" for name in names if row and getattr(row, f"{name}_refused_at") == at
    ]
    for name in changed:
        setattr(row, name, None)
    if changed:
        row.save(update_fields=[*changed, "updated_at"])
    return bool(changed)


def _same_address(one: str, other: str) -> bool:
    """Whether two e-mail addresses or telephone numbers are the same, however they are written."""
    if "@" in one or "@" in other:
        return one.strip().casefold() == other.strip().casefold()
    # Eight digits are a whole Nordic number; before them stands a country code or nothing.
    digits, others = (re.sub(r"\D", "", text)[-8:] for text in (one, other))
    return bool(digits) and digits == others


def open_identity(patient_id: int) -> Identity:
    """Return one patient's identity. Raises IdentityErased when it is gone."""
    found = open_identities([patient_id])
    if patient_id not in found:
        raise IdentityErased(f"Patient {patient_id} has no identity any more.")
    return found[patient_id]


def open_identities(patient_ids: Iterable[int]) -> Mapping[int, Identity]:
    """Return the identities of many patients by patient id; erased ones are left out."""
    wanted = list(patient_ids)
    keys = PatientKey.objects.in_bulk(wanted)
    rows = PatientIdentity.objects.filter(pk__in=wanted)
    return {row.pk: _open(row, unwrap_key(keys[row.pk])) for row in rows if row.pk in keys}


def open_version(sealed: bytes, held: PatientKey) -> Identity:
    """Return an identity from an earlier version that the history keeps."""
    return _read(sealed, unwrap_key(held), held.patient_id)


def _open(row: PatientIdentity, key: bytes) -> Identity:
    return _read(row.sealed, key, row.pk)


def _read(sealed: bytes, key: bytes, patient_id: int) -> Identity:
    return Identity(**json.loads(crypto.unseal(key, sealed, bound_to=f"patient:{patient_id}")))
