"""`RegisterDefinition`: one register as its owner has described it, with look-ups."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from pydantic import Field

from registry.registers.schema.base import Part, icd10_matches
from registry.registers.schema.clinical import (
    Complication,
    ConsultationKind,
    Criterion,
    Decision,
    Goal,
    Group,
    PatientsSection,
    ProceduresSection,
    ProcedureType,
    ReferralsSection,
    RegisterSection,
    Variable,
)
from registry.registers.schema.followup import (
    TIME_POINTS,
    InstrumentUse,
    MessageText,
    PatientQuestion,
    PromsSection,
    TimePoint,
)
from registry.registers.schema.reporting import (
    Indicator,
    PublishedGroup,
    ReportsSection,
    Table,
)


class RegisterDefinition(Part):
    """A register described by data: one section per app.

    Look-ups by key raise ``KeyError`` for a key the definition does not hold; the dict
    properties (``groups``, ``procedure_types`` …) keep the order of the file.
    """

    about: RegisterSection = Field(alias="register")
    patients: PatientsSection
    referrals: ReferralsSection = ReferralsSection()
    procedures: ProceduresSection = ProceduresSection()
    proms: PromsSection = PromsSection()
    reports: ReportsSection = ReportsSection()

    # -- look-ups ------------------------------------------------------------------------

    @property
    def register(self) -> RegisterSection:
        """The [register] section. (A field of this name would hide a method of Python's ABCs.)"""
        return self.about

    @property
    def code(self) -> str:
        """The register's code."""
        return self.about.code

    @cached_property
    def groups(self) -> dict[str, Group]:
        """Diagnosis groups by key."""
        return {item.key: item for item in self.procedures.groups}

    @cached_property
    def procedure_types(self) -> dict[str, ProcedureType]:
        """Procedure types by key."""
        return {item.key: item for item in self.procedures.procedure_types}

    @cached_property
    def complications(self) -> dict[str, Complication]:
        """Complications by key."""
        return {item.key: item for item in self.procedures.complications}

    @cached_property
    def variables(self) -> dict[str, Variable]:
        """Register-specific variables by key."""
        return {item.key: item for item in self.procedures.variables}

    @cached_property
    def goals(self) -> dict[str, Goal]:
        """Treatment goals by key."""
        return {item.key: item for item in self.procedures.goals}

    @cached_property
    def criteria(self) -> dict[str, Criterion]:
        """Referral criteria by key."""
        return {item.key: item for item in self.referrals.criteria}

    @cached_property
    def decisions(self) -> dict[str, Decision]:
        """Decisions on referrals by key."""
        return {item.key: item for item in self.referrals.decisions}

    @cached_property
    def consultation_kinds(self) -> dict[str, ConsultationKind]:
        """Kinds of consultation by key."""
        return {item.key: item for item in self.referrals.consultation_kinds}

    @cached_property
    def time_points(self) -> dict[str, TimePoint]:
        """Time points by key, in order of time."""
        held = {item.key: item for item in self.proms.time_points}
        return {key: held[key] for key in TIME_POINTS if key in held}

    @cached_property
    def completeness_goals(self) -> dict[str, float]:
        """The register's goal of completeness by time point, as shares; none where it has none."""
        goals = self.about.goals
        held = {
            key: goals.preop_completeness if key == "before" else goals.follow_up
            for key in self.time_points
        }
        return {key: goal for key, goal in held.items() if goal is not None}

    @cached_property
    def messages(self) -> dict[str, MessageText]:
        """The register's own texts of messages, by key."""
        return {item.key: item for item in self.proms.messages}

    @cached_property
    def indicators(self) -> dict[str, Indicator]:
        """Indicators by key."""
        return {item.key: item for item in self.reports.indicators}

    @cached_property
    def tables(self) -> dict[str, Table]:
        """Report tables by id."""
        return {item.id: item for item in self.reports.tables}

    @cached_property
    def published_groups(self) -> dict[str, PublishedGroup]:
        """Groups as published tables join them, by key."""
        return {item.key: item for item in self.reports.published_groups}

    @cached_property
    def patient_questions(self) -> dict[str, PatientQuestion]:
        """Where the patients' own answers about themselves are found, by key."""
        return {item.key: item for item in self.proms.patient_questions}

    def group(self, key: str) -> Group:
        """The group `key`; ``KeyError`` when the register has none of that name."""
        return self.groups[key]

    def procedure_type(self, key: str) -> ProcedureType:
        """The procedure type `key`; ``KeyError`` when there is none."""
        return self.procedure_types[key]

    def complication(self, key: str) -> Complication:
        """The complication `key`; ``KeyError`` when there is none."""
        return self.complications[key]

    def variable(self, key: str) -> Variable:
        """The variable `key`; ``KeyError`` when there is none."""
        return self.variables[key]

    def goal(self, key: str) -> Goal:
        """The treatment goal `key`; ``KeyError`` when there is none."""
        return self.goals[key]

    def time_point(self, key: str) -> TimePoint:
        """The time point `key`; ``KeyError`` when the register does not use it."""
        return self.time_points[key]

    # -- what applies where --------------------------------------------------------------

    def groups_suggested_by(self, icd10: str) -> list[Group]:
        """Groups whose ICD-10 patterns cover the code, the most specific pattern first."""
        hits = [
            (max((len(p) for p in group.icd10 if icd10_matches(p, icd10)), default=0), group)
            for group in self.procedures.groups
        ]
        return [g for _, g in sorted((h for h in hits if h[0]), key=lambda h: -h[0])]

    def levels_for(self, group: str) -> tuple[str, ...]:
        """The levels from which an operation in `group` chooses, from the top down."""
        wanted = self.groups[group].level_set
        return next((s.levels for s in self.procedures.level_sets if s.key == wanted), ())

    def procedure_types_for(self, group: str) -> list[ProcedureType]:
        """The procedure types offered in `group`."""
        return [t for t in self.procedures.procedure_types if _applies(t.groups, group)]

    def complications_for(self, group: str) -> list[Complication]:
        """The complications that can be registered in `group`."""
        return [c for c in self.procedures.complications if _applies(c.groups, group)]

    def goals_for(self, procedure_type: str) -> list[Goal]:
        """The goals assessed for operations of `procedure_type`."""
        return [g for g in self.procedures.goals if _applies(g.procedure_types, procedure_type)]

    def variables_for(
        self, section: str, group: str, *, procedure_types: Collection[str] | None = None
    ) -> list[Variable]:
        """The variables asked in `section` for `group`.

        With `procedure_types` (those of the operation) variables that belong to other
        procedures are left out; without it they are all included.
        """
        return [
            variable
            for variable in self.procedures.variables
            if variable.section == section
            and _applies(variable.groups, group)
            and (
                procedure_types is None
                or not variable.procedure_types
                or not set(variable.procedure_types).isdisjoint(procedure_types)
            )
        ]

    def instruments_for(self, group: str, time_point: str) -> list[InstrumentUse]:
        """The instruments of `group` at `time_point` in asking order, planned ones included."""
        return [
            use
            for questionnaire in self.proms.questionnaires
            if group in questionnaire.groups and time_point in questionnaire.time_points
            for use in questionnaire.instruments
        ]

    def time_points_for(self, group: str) -> list[TimePoint]:
        """The time points at which `group` is asked something, in order of time."""
        return [
            point.for_group(group)
            for key, point in self.time_points.items()
            if any(use.status == "active" for use in self.instruments_for(group, key))
        ]

    @cached_property
    def asks_by_age(self) -> bool:
        """Whether any instrument is for some ages only."""
        return any(
            use.ages is not None
            for questionnaire in self.proms.questionnaires
            for use in questionnaire.instruments
        )

    @cached_property
    def age_bounds(self) -> tuple[int, ...]:
        """The ages in whole years at which other questions begin; empty where none do.

        Whoever is of an age from one of them to below the next is asked the same.
        """
        if not self.asks_by_age:
            return ()
        ranges = [
            use.age_range
            for questionnaire in self.proms.questionnaires
            for use in questionnaire.instruments
        ]
        return tuple(sorted({0, *(bound for low, high in ranges for bound in (low, high + 1))}))

    @cached_property
    def grace_days(self) -> dict[str, int]:
        """By group: a preoperative form more days than these older at surgery is old."""
        before = self.time_points.get("before")
        held = {group: before and before.for_group(group).grace_days for group in self.groups}
        return {group: days for group, days in held.items() if days is not None}

    @cached_property
    def asks_guardians(self) -> bool:
        """Whether any questionnaire is answered by guardians, alone or with the child."""
        return any(
            use.answerer != "patient"
            for questionnaire in self.proms.questionnaires
            for use in questionnaire.instruments
        )

    def scales_for(self, group: str) -> tuple[str, ...]:
        """The scales benchmarked for `group`, the most important first."""
        return next((b.scales for b in self.reports.benchmarks if group in b.groups), ())

    def relevant_change(self, scale: str, group: str | None = None) -> float | None:
        """The register's own clinically relevant change; None means the instrument's."""
        held = [c for c in self.reports.relevant_changes if c.scale == scale]
        for change in held:
            if change.groups and group in change.groups:
                return change.change
        return next((c.change for c in held if not c.groups), None)


def _applies(keys: tuple[str, ...], key: str) -> bool:
    """An empty list of keys means all."""
    return not keys or key in keys
