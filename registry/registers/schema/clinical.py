"""The sections that say who is in a register, why they were referred and what is operated."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from registry.registers.schema.base import (
    Icd10Pattern,
    Key,
    Language,
    NcspCode,
    Need,
    NonEmpty,
    Part,
    RegionBasis,
    RegisterCode,
    Share,
    Text,
)

SectionKey = Literal["plan", "operation", "result"]
VariableType = Literal["integer", "decimal", "choice", "choices", "boolean", "date", "text"]
EmailAddress = Annotated[str, Field(pattern=r"^[^\s@<>,;\"]+@[A-Za-z0-9.\-]+$", max_length=254)]
UnitCode = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,50}$")]
Scalar = bool | int | float | str


class Sender(Part):
    """Who a message to a patient comes from.

    Without an `address` of its own the register sends from the server's DEFAULT_FROM_EMAIL.
    """

    name: NonEmpty
    address: EmailAddress | None = None
    reply_to: EmailAddress | None = None
    postal_address: tuple[NonEmpty, ...] = ()
    """Where answers on paper are sent back to, line by line; without it nothing is printed."""
    unit_addresses: dict[UnitCode, Annotated[tuple[NonEmpty, ...], Field(min_length=1)]] = {}
    """By unit code, for units that get their own patients' forms back."""

    def return_address(self, unit_code: str) -> tuple[str, ...]:
        """Where the patients of a unit send their answers, line by line; () when nobody said."""
        return self.unit_addresses.get(unit_code, self.postal_address)


class Export(Part):
    """How yearly files are written."""

    delimiter: Literal[";", ",", "\t"] = ";"
    decimal: Literal[",", "."] = ","
    pseudonym_prefix: Annotated[str, Field(pattern=r"^[A-Z]{2,4}$")]


class Goals(Part):
    """What the register wants of its units, as shares of operations."""

    preop_completeness: Share | None = None
    follow_up: Share | None = None


class Registration(Part):
    """What must be known to register a patient."""

    identity: Literal["required", "optional"] = "required"
    """Whether a national identity number must be given, or a temporary number will do."""


class RegisterSection(Part):
    """[register] Name, owner and the settings that hold for the whole register."""

    code: RegisterCode
    names: Text
    short_name: NonEmpty
    country: Literal["NO", "DK", "SE", "FI", "IS"]
    owner: NonEmpty
    start_date: date
    region_basis: RegionBasis
    languages: Annotated[tuple[Language, ...], Field(min_length=1)]
    sender: Sender
    export: Export
    units: tuple[UnitCode, ...] = ()
    """Units that report from the start, by code; others are added in the program."""
    small_number_threshold: Annotated[int, Field(ge=0, le=50)] = 5
    eq5d_value_set: Literal["dk", "se", "uk"] | None = None
    odi_minimum_answered: Annotated[int, Field(ge=1, le=10)] = 9
    ndi_minimum_answered: Annotated[int, Field(ge=1, le=10)] = 9
    tokuhashi_bands: Literal["revised", "danespine"] = "revised"
    """By which bands of expected survival a computed Tokuhashi score is read."""
    registration: Registration = Registration()
    goals: Goals = Goals()


class PatientsSection(Part):
    """[patients] Consent model and who may be a member."""

    consent: Literal["opt_out", "consent"]
    minimum_age: Annotated[int, Field(ge=0, le=130)] | None = None
    maximum_age: Annotated[int, Field(ge=0, le=130)] | None = None
    """Membership ends on the birthday at which this age in years is reached (18: until 18)."""
    guardian_until: Annotated[int, Field(ge=0, le=25)] = 16
    """Younger patients (age in years) have a guardian, to whom messages go; 0: none has."""


class Criterion(Part):
    """A reason to be referred, with the diagnoses it covers."""

    key: Key
    labels: Text
    icd10: tuple[Icd10Pattern, ...] = ()


class Decision(Part):
    """A decision about a referral as this register words it; pending means none yet."""

    key: Literal["pending", "accepted", "refused"]
    labels: Text


class ConsultationKind(Part):
    """How the patient was seen."""

    key: Key
    labels: Text


class ReferralsSection(Part):
    """[referrals] Referrals and consultations, for registers that record them."""

    enabled: bool = False
    criteria: tuple[Criterion, ...] = ()
    decisions: tuple[Decision, ...] = ()
    consultation_kinds: tuple[ConsultationKind, ...] = ()


class Cohort(Part):
    """Groups that belong together in reports (lumbar, cervical …)."""

    key: Key
    labels: Text


class LevelSet(Part):
    """The levels of the body from which an operation in a group chooses, from the top down."""

    key: Key
    levels: Annotated[tuple[NonEmpty, ...], Field(min_length=1)]


class Group(Part):
    """A diagnosis group. The surgeon chooses it; ICD-10 only suggests it."""

    key: Key
    labels: Text
    cohort: Key | None = None
    icd10: tuple[Icd10Pattern, ...] = ()
    side: Need = "none"
    levels: Need = "none"
    level_set: Key | None = None
    diagnosis: Need = "required"


class ProcedureType(Part):
    """A kind of procedure; the first procedure of an operation decides the operation's type."""

    key: Key
    labels: Text
    ncsp: tuple[NcspCode, ...] = ()
    groups: tuple[Key, ...] = ()
    """Groups in which it is offered; none means all."""


class Complication(Part):
    """Something that went wrong, during or after the operation."""

    key: Key
    labels: Text
    phase: Literal["during", "after"]
    within_days: Annotated[int, Field(ge=1)] | None = None
    groups: tuple[Key, ...] = ()


class Option(Part):
    """One answer of a choice."""

    key: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]{0,59}$")]
    labels: Text


class RequiredWhen(Part):
    """A variable must be filled in when another one has (or, for choices, contains) a value."""

    variable: Key
    equals: Scalar


class Variable(Part):
    """A variable that this register asks beside the shared columns."""

    key: Key
    labels: Text
    help: Text | None = None
    type: VariableType
    section: SectionKey
    unit: str | None = None
    min: int | float | date | None = None
    max: int | float | date | None = None
    max_length: Annotated[int, Field(ge=1, le=4000)] | None = None
    options: tuple[Option, ...] = ()
    groups: tuple[Key, ...] = ()
    """Groups in which it is asked; none means all."""
    procedure_types: tuple[Key, ...] = ()
    """Procedure types with which it is asked; none means all."""
    required: Literal["never", "submit"] = "never"
    required_when: RequiredWhen | None = None
    sensitive: bool = False
    """Left out of exports unless asked for, such as free text."""


class Goal(Part):
    """An aim of the treatment, assessed per operation: not assessed, achieved, not achieved."""

    key: Key
    labels: Text
    unit: str | None = None
    planned_variable: Key | None = None
    achieved_variable: Key | None = None
    procedure_types: tuple[Key, ...] = ()


class SoftRange(Part):
    """A range outside which a value is possible but unusual: the user is asked to confirm."""

    variable: Key
    min: int | float | None = None
    max: int | float | None = None
    groups: tuple[Key, ...] = ()
    message: Text | None = None


class ComputedScore(Part):
    """A score that is computed from variables the surgeon enters: shown, never stored."""

    instrument: Key
    """An instrument that is filled in by the surgeon."""
    answers: dict[Key, Key]
    """By item of the instrument, the variable that answers it."""
    values: dict[Key, dict[str, int | float]] = {}
    """By variable and option, which answer it is; not needed where the option has the key that
    the instrument has too."""


class ProceduresSection(Part):
    """[procedures] What an operation in this register is made of."""

    cohorts: tuple[Cohort, ...] = ()
    level_sets: tuple[LevelSet, ...] = ()
    groups: tuple[Group, ...] = ()
    procedure_types: tuple[ProcedureType, ...] = ()
    complications: tuple[Complication, ...] = ()
    variables: tuple[Variable, ...] = ()
    computed: tuple[ComputedScore, ...] = ()
    goals: tuple[Goal, ...] = ()
    warnings: tuple[SoftRange, ...] = ()
