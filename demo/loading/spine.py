"""Load the synthetic spine register by COPY: people, operations, follow-ups, answers, scores.

What a rule of the registry decides is decided by the registry's own functions: identities are
sealed by ``patients.vault``, windows come from ``proms.schedule``, scores from ``proms.scoring``,
censoring from ``proms.actions``.
"""

import gc
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from uuid import UUID

import numpy as np
from django.db import connection
from numpy.typing import NDArray

from demo.danespine import SpineRegister
from demo.danespine.frame import TIME_POINTS, unit_codes
from demo.danespine.surgery import TOKUHASHI
from demo.identities import synthetic_number
from demo.loading.answers import Forms
from demo.loading.copying import analyse, checked_at_the_end, copy_rows, reserve_ids
from demo.loading.progress import Progress
from demo.names import invented_name
from patients import vault
from patients.identity import IdentityKind
from patients.models import (
    Membership,
    Patient,
    PatientIdentity,
    PatientKey,
    Residence,
    UnitRelation,
)
from procedures.models import Complication, Operation, Procedure
from proms.actions import censor_operations
from proms.models import EntryMethod, FollowUp, Invitation, Response, Score
from proms.schedule import Offset, is_old_at_surgery, offsets
from proms.scoring.registers import scoring_options
from registry.core import crypto
from registry.registers.selectors import current_version, definition_of
from registry.units.models import HealthRegion, UnitCode

CODE = "danespine"
LANGUAGE = "da"
REGION_SHARES = {"dk-nordjylland": 0.10, "dk-midtjylland": 0.23, "dk-syddanmark": 0.21,
                 "dk-hovedstaden": 0.32, "dk-sjaelland": 0.14}  # fmt: skip
WEB_SINCE = 2015  # answers before are taken to have come on paper
JOINED_BEFORE_DAYS = 90
IMPLANTS = {
    "fusion_instrumented": ["pedicle_screws"],
    "fusion_anterior_cage": ["pedicle_screws", "cage"],
    "anterior_fusion": ["cage"],
    "disc_prosthesis": ["disc_prosthesis"],
    "vertebroplasty": ["cement"],
    "deformity_correction": ["pedicle_screws"],
    "fracture_stabilisation": ["pedicle_screws"],
    "decompression_stabilisation": ["pedicle_screws"],
}
COMPLICATIONS_ASKED_AFTER_DAYS = 42
SEED = 1977
FILLED = (
    Patient, PatientKey, PatientIdentity, Membership, Residence, UnitRelation, Operation,
    Procedure, Complication, Invitation, FollowUp, Response, Score,
)  # fmt: skip
IDENTITY_COLUMNS = ("patient_id", "sealed", "number_kind", "number_index", "name_index",
                    "phonetic_index", "has_email", "has_telephone")  # fmt: skip


@dataclass(frozen=True)
class Cases:
    """What is to be loaded: a synthetic register, which operations have been performed, and
    whether its patients have an e-mail address."""

    register: SpineRegister
    performed: NDArray[np.bool_]
    with_email: bool
    serial_from: int
    """First serial number of identity numbers, so that two sets of cases share none."""


def history_until(register: SpineRegister, on: date) -> Cases:
    """The part of a register that lies before ``on``: later operations and answers are left out."""
    today = np.datetime64(on, "D")
    people, responses = register.people, register.responses
    kept = people.date < today
    if kept.all() and (responses.answered_on < today).all():
        return Cases(register, kept, with_email=False, serial_from=0)
    return Cases(register.part(kept, until=today), kept[kept], with_email=False, serial_from=0)


class SpineLoader:
    """Writes one set of cases. Not to be used twice."""

    def __init__(self, cases: Cases, *, on: date, progress: Progress) -> None:
        self.cases = cases
        self.register = cases.register
        self.on = on
        self.progress = progress
        self.random = np.random.default_rng([SEED, cases.serial_from])
        self.version = current_version(CODE)
        self.definition = definition_of(self.version)

    def load(self) -> None:
        """Write everything, in the caller's transaction."""
        # Millions of small objects live until they are copied: looking for garbage among them
        # again and again would take a third of the time and find none.
        gc.disable()
        try:
            self._load()
        finally:
            gc.enable()

    def _load(self) -> None:
        people, operations = len(self.register.people.birth_date), self.register.operations
        step = self.progress.step
        recent = self.cases.with_email  # some dozens, on top of what is there
        with nullcontext() if recent else checked_at_the_end(*FILLED):
            with step(f"{people:,} patients, each with a key of their own"):
                self._patients()
            with step(f"{operations:,} operations"):
                self._operations()
            with step(f"{len(self.register.responses.operation):,} answered forms"):
                self._invitations_and_responses()
            with step("scores"):
                self._scores()
            with step("follow-ups"):
                self._follow_ups()
        if not recent:
            analyse(*FILLED)
        with step("whom death or another operation ends the asking of"):
            dead = self._operation_ids_of_the_dead()
            again = self._operation_ids_of_second_operations()
            censor_operations(operation_ids=[*dead, *again])

    # --- what the database knows ------------------------------------------------------------

    @cached_property
    def _unit_ids(self) -> NDArray[np.int64]:
        """Unit id of every operation."""
        return self._units[0][self.register.frame.unit]

    @cached_property
    def _units(self) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
        """Id and site region id of the units in the order of ``unit_codes``."""
        found = {
            code.code: (code.unit_id, code.unit.site_region_id)
            for code in UnitCode.objects.filter(system="SKS").select_related("unit")
        }
        pairs = [found[code] for code in unit_codes()]
        return (
            np.array([unit for unit, _region in pairs]),
            np.array([region for _unit, region in pairs], dtype=object),
        )

    @cached_property
    def _residence_of_patient(self) -> list[int]:
        """Region ids: where the first operation was done, anywhere for a private hospital."""
        regions = dict(
            HealthRegion.objects.filter(code__in=REGION_SHARES).values_list("code", "pk")
        )
        codes, shares = list(REGION_SHARES), list(REGION_SHARES.values())
        people = self.register.people
        drawn = self.random.choice(len(codes), len(people.birth_date), p=shares)
        _, first = np.unique(people.patient, return_index=True)
        of_unit = self._units[1][self.register.frame.unit[first]]
        return [
            region if region is not None else regions[codes[anywhere]]
            for region, anywhere in zip(of_unit, drawn.tolist(), strict=True)
        ]

    # --- people -----------------------------------------------------------------------------

    def _patients(self) -> None:
        people = self.register.people
        n = len(people.birth_date)
        self.patient_ids = reserve_ids(Patient, n)
        self.membership_ids = reserve_ids(Membership, n)
        births = people.birth_date.tolist()
        sexes = np.where(people.woman, "female", "male").tolist()
        today = np.datetime64(self.on, "D")
        died = [
            day if day is not None and day <= self.on else None for day in people.died_on.tolist()
        ]
        copy_rows(
            Patient,
            ("id", "birth_date", "sex", "country", "language", "died_on"),
            (
                (pk, birth, sex, "DK", LANGUAGE, death)
                for pk, birth, sex, death in zip(self.patient_ids, births, sexes, died, strict=True)
            ),
        )
        self.dead = ~np.isnat(people.died_on) & (people.died_on <= today)
        self._identities(births, sexes)
        first_day = np.full(n, np.datetime64("9999-01-01", "D"))
        np.minimum.at(first_day, people.patient, people.date)
        joined = np.minimum(first_day - JOINED_BEFORE_DAYS, today - 1)
        joined = np.maximum(joined, np.datetime64(self.definition.register.start_date, "D"))
        self._memberships(joined.tolist())
        copy_rows(
            Residence,
            ("patient_id", "region_id", "valid_from"),
            zip(self.patient_ids, self._residence_of_patient, births, strict=True),
        )
        pairs: dict[tuple[int, int], date] = {}
        joined_dates = joined.tolist()
        for patient, unit in zip(people.patient.tolist(), self._unit_ids.tolist(), strict=True):
            pairs[self.membership_ids[patient], unit] = joined_dates[patient]
        copy_rows(
            UnitRelation,
            ("membership_id", "unit_id", "since"),
            ((member, unit, since) for (member, unit), since in pairs.items()),
        )

    def _memberships(self, joined: list[date]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT coalesce(max(registry_number), 0) FROM patients_membership"
                " WHERE register_id = %s",
                [CODE],
            )
            last = cursor.fetchone()[0]
        drawn = self.random.bytes(16 * len(joined))
        pseudonyms = (
            UUID(bytes=drawn[place : place + 16], version=4) for place in range(0, len(drawn), 16)
        )
        copy_rows(
            Membership,
            ("id", "patient_id", "register_id", "registry_number", "pseudonym", "joined_on"),
            (
                (pk, patient, CODE, number, pseudonym, day)
                for number, (pk, patient, pseudonym, day) in enumerate(
                    zip(self.membership_ids, self.patient_ids, pseudonyms, joined, strict=True),
                    start=last + 1,
                )
            ),
        )

    def _identities(self, births: list[date], sexes: list[str]) -> None:
        serials: Counter[tuple[date, str]] = Counter()
        keys, sealed = [], []
        for position, (pk, birth, sex) in enumerate(
            zip(self.patient_ids, births, sexes, strict=True)
        ):
            serial = self.cases.serial_from + serials[birth, sex]
            serials[birth, sex] += 1
            number = synthetic_number("DK", birth, sex, serial)
            given, family = invented_name("DK", sex, position)
            key = crypto.new_key()
            keys.append((pk, *vault.wrapped(pk, key)))
            row = vault.identity_columns(
                pk,
                vault.Identity(
                    number=number,
                    number_country="DK",
                    given_name=given,
                    surname=family,
                    email=f"patient{pk}@example.org" if self.cases.with_email else "",
                ),
                key,
                birth_date=birth,
                number_kind=str(IdentityKind.SYNTHETIC),
            )
            sealed.append([row[column] for column in IDENTITY_COLUMNS])
        copy_rows(PatientKey, ("patient_id", "wrapped", "master_key_id"), keys)
        copy_rows(PatientIdentity, IDENTITY_COLUMNS, sealed)

    # --- operations -------------------------------------------------------------------------

    def _operations(self) -> None:
        register, surgery = self.register, self.register.surgery
        n = register.operations
        self.operation_ids = reserve_ids(Operation, n)
        columns = (
            "id", "membership_id", "register_id", "unit_id", "unit_region_id",
            "residence_region_id", "group", "procedure_type", "diagnosis", "side", "levels",
            "planned_on", "performed_on", "cancel_reason", "complications_assessed_on",
            "definition_id", "details",
        )  # fmt: skip
        copy_rows(Operation, columns, self._operation_rows())
        codes = {
            key: kind.ncsp[0] if kind.ncsp else ""
            for key, kind in self.definition.procedure_types.items()
        }
        performed = np.flatnonzero(self.cases.performed).tolist()
        kinds = surgery.procedure.tolist()
        copy_rows(
            Procedure,
            ("operation_id", "position", "procedure_type", "code"),
            ((self.operation_ids[row], 1, kinds[row], codes[kinds[row]]) for row in performed),
        )
        copy_rows(
            Complication, ("operation_id", "kind", "occurred_on"), self._complications(performed)
        )

    def _operation_rows(self) -> Iterator[tuple[object, ...]]:
        register, surgery = self.register, self.register.surgery
        dates = register.people.date.tolist()
        asked = register.people.date + COMPLICATIONS_ASKED_AFTER_DAYS
        asked_on = [day if day <= self.on else None for day in asked.tolist()]
        site_regions = self._units[1][register.frame.unit].tolist()
        details = self._details()
        for row, (pk, patient) in enumerate(
            zip(self.operation_ids, register.people.patient.tolist(), strict=True)
        ):
            done = self.cases.performed[row]
            yield (
                pk,
                self.membership_ids[patient],
                CODE,
                int(self._unit_ids[row]),
                site_regions[row],
                self._residence_of_patient[patient],
                str(surgery.group[row]),
                str(surgery.procedure[row]) if done else "",
                str(surgery.diagnosis[row]),
                "",
                str(surgery.levels[row]).split(),
                None if done else dates[row],
                dates[row] if done else None,
                "",
                asked_on[row] if done else None,
                self.version.pk,
                details[row] if done else "{}",
            )

    def _details(self) -> list[str]:
        """Register-specific variables of every operation, as JSON."""
        surgery = self.register.surgery
        keys = list(TOKUHASHI)
        found = []
        for asa, before, procedure, tokuhashi in zip(
            surgery.asa.tolist(),
            surgery.previous_surgery.tolist(),
            surgery.procedure.tolist(),
            surgery.tokuhashi.tolist(),
            strict=True,
        ):
            implants = IMPLANTS.get(procedure)
            details: dict[str, object] = {
                "asa_class": str(asa),
                "previous_surgery_level": before,
                "implant_used": implants is not None,
            }
            if implants:
                details["implant_types"] = implants
            if tokuhashi[0]:
                details |= dict(zip(keys, tokuhashi, strict=True))
            found.append(json.dumps(details))
        return found

    def _complications(self, performed: list[int]) -> Iterator[tuple[int, str, date]]:
        kinds = self.definition.complications
        dates = self.register.people.date
        for row in performed:
            code = str(self.register.surgery.complication[row])
            if not code or dates[row] + COMPLICATIONS_ASKED_AFTER_DAYS > np.datetime64(self.on):
                continue
            later = 0 if kinds[code].phase == "during" else 3 + row % 20
            yield self.operation_ids[row], code, (dates[row] + later).item()

    # --- follow-up --------------------------------------------------------------------------

    @cached_property
    def _offsets(self) -> dict[str, tuple[Offset, ...]]:
        return {group: offsets(self.definition, group) for group in self.definition.groups}

    def _invitations_and_responses(self) -> None:
        self.forms = Forms(self.register.responses, self.register.surgery.group, self.definition)
        responses, people = self.register.responses, self.register.people
        rows = responses.operation.tolist()
        dates = people.date.tolist()
        answered = responses.answered_on.tolist()
        self.invitation_ids = reserve_ids(Invitation, len(rows))
        self.response_ids = reserve_ids(Response, len(rows))
        groups = self.register.surgery.group.tolist()
        windows = {
            (group, offset.time_point): offset
            for group, of_group in self._offsets.items()
            for offset in of_group
        }
        points = [TIME_POINTS[point] for point in responses.point.tolist()]
        members = [self.membership_ids[patient] for patient in people.patient[rows].tolist()]
        moments = [f"{day} {7 + pk % 14:02}:{pk % 60:02}" for pk, day in
                   zip(self.response_ids, answered, strict=True)]  # fmt: skip
        copy_rows(
            Invitation,
            ("id", "membership_id", "time_point", "plan", "opens_on", "due_on", "closes_on",
             "generation", "failed_attempts", "invited_at", "opened_at", "started_at",
             "submitted_at"),
            (
                (
                    pk, member, point, self.forms.plan(groups[row], point),
                    *_window(windows[groups[row], point], dates[row]),
                    1, 0, moment, moment, moment, moment,
                )
                for pk, member, point, row, moment in zip(
                    self.invitation_ids, members, points, rows, moments, strict=True
                )
            ),
        )  # fmt: skip
        copy_rows(
            Response,
            ("id", "invitation_id", "submitted_at", "answered_on", "answers", "instruments",
             "language", "method", "current"),
            (
                (
                    pk, invitation, moment, day, answers,
                    self.forms.instruments(groups[row], point), LANGUAGE,
                    EntryMethod.WEB if day.year >= WEB_SINCE else EntryMethod.PAPER, True,
                )
                for pk, invitation, moment, day, answers, row, point in zip(
                    self.response_ids, self.invitation_ids, moments, answered,
                    self.forms.answers(), rows, points, strict=True,
                )
            ),
        )  # fmt: skip

    def _scores(self) -> None:
        options = scoring_options(self.definition)
        columns = ("response_id", "scale", "value", "reason", "answered", "instrument",
                   "instrument_version", "variant")  # fmt: skip
        copy_rows(
            Score,
            columns,
            (
                (self.response_ids[row], *rest)
                for row, *rest in self.forms.scores(options.value_set, options.minimum_answered)
            ),
        )

    def _follow_ups(self) -> None:
        responses = self.register.responses
        place = {
            (row, TIME_POINTS[point]): position
            for position, (row, point) in enumerate(
                zip(responses.operation.tolist(), responses.point.tolist(), strict=True)
            )
        }
        answered = responses.answered_on.tolist()
        declined = self._declined_invitations(place)
        copy_rows(
            FollowUp,
            ("operation_id", "time_point", "opens_on", "due_on", "closes_on", "invitation_id",
             "completed_on", "old_at_surgery", "censor_reason"),
            self._follow_up_rows(place, declined, answered),
        )  # fmt: skip

    def _follow_up_rows(
        self,
        place: dict[tuple[int, str], int],
        declined: dict[tuple[int, str], int],
        answered: list[date],
    ) -> Iterator[tuple[object, ...]]:
        groups = self.register.surgery.group.tolist()
        for row, day in enumerate(self.register.people.date.tolist()):
            for offset in self._offsets[groups[row]]:
                point = offset.time_point
                position = place.get((row, point))
                completed = answered[position] if position is not None else None
                old = (
                    completed is not None
                    and point == "before"
                    and bool(self.cases.performed[row])
                    and is_old_at_surgery(self.definition, answered_on=completed, performed_on=day)
                )
                invitation = (
                    self.invitation_ids[position]
                    if position is not None
                    else declined.get((row, point))
                )
                yield (
                    self.operation_ids[row], point, *_window(offset, day), invitation, completed,
                    old, "",
                )  # fmt: skip

    def _declined_invitations(
        self, place: dict[tuple[int, str], int]
    ) -> dict[tuple[int, str], int]:
        """Invitations for what history has open on the demo's day; the patients have declined.

        So the first start sends nothing to the patients of earlier years. Recent cases, which have
        an e-mail address, are left for the worker to invite.
        """
        if self.cases.with_email:
            return {}
        groups, people = self.register.surgery.group.tolist(), self.register.people
        open_now = [
            (row, offset.time_point, window)
            for row, day in enumerate(people.date.tolist())
            if not self.dead[people.patient[row]]
            for offset in self._offsets[groups[row]]
            if (row, offset.time_point) not in place
            and (window := _window(offset, day))[0] <= self.on <= window[2]
        ]
        ids = reserve_ids(Invitation, len(open_now))
        copy_rows(
            Invitation,
            ("id", "membership_id", "time_point", "plan", "opens_on", "due_on", "closes_on",
             "generation", "failed_attempts", "invited_at", "declined_at"),
            (
                (
                    pk, self.membership_ids[people.patient[row]], point,
                    self.forms.plan(groups[row], point), *window, 1, 0,
                    f"{window[0]} 08:00", f"{min(window[1], self.on)} 08:00",
                )
                for pk, (row, point, window) in zip(ids, open_now, strict=True)
            ),
        )  # fmt: skip
        return {(row, point): pk for pk, (row, point, _window) in zip(ids, open_now, strict=True)}

    def _operation_ids_of_the_dead(self) -> list[int]:
        rows = np.flatnonzero(self.dead[self.register.people.patient])
        return [self.operation_ids[row] for row in rows.tolist()]

    def _operation_ids_of_second_operations(self) -> list[int]:
        patient = self.register.people.patient
        rows = np.flatnonzero(np.bincount(patient)[patient] > 1)
        return [self.operation_ids[row] for row in rows.tolist()]


def _window(offset: Offset, day: date) -> tuple[date, date, date]:
    start = day.toordinal()
    return (
        date.fromordinal(start + offset.opens),
        date.fromordinal(start + offset.due),
        date.fromordinal(start + offset.closes),
    )
