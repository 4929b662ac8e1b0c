"""The schema of a register definition file: one section per app, validated on load.

definition.groups["lumbar_stenosis"].labels.in_language("da")
definition.instruments_for("lumbar_stenosis", "before")
validate_details(definition, values, group=…, sections="operation", strict=True)
"""

from registry.registers.schema.base import LANGUAGES, Text, icd10_matches
from registry.registers.schema.clinical import (
    Cohort,
    Complication,
    ComputedScore,
    ConsultationKind,
    Criterion,
    Decision,
    Goal,
    Group,
    LevelSet,
    Option,
    ProcedureType,
    RequiredWhen,
    SoftRange,
    Variable,
)
from registry.registers.schema.definition import RegisterDefinition
from registry.registers.schema.details import DetailsResult, validate_details
from registry.registers.schema.followup import (
    TIME_POINTS,
    InstrumentUse,
    PatientQuestion,
    Questionnaire,
    ReminderRule,
    TimePoint,
)
from registry.registers.schema.reporting import (
    BenchmarkScales,
    Indicator,
    PublishedGroup,
    RelevantChange,
    Table,
    TableColumn,
)

__all__ = [
    "LANGUAGES",
    "TIME_POINTS",
    "BenchmarkScales",
    "Cohort",
    "Complication",
    "ComputedScore",
    "ConsultationKind",
    "Criterion",
    "Decision",
    "DetailsResult",
    "Goal",
    "Group",
    "Indicator",
    "InstrumentUse",
    "LevelSet",
    "Option",
    "PatientQuestion",
    "ProcedureType",
    "PublishedGroup",
    "Questionnaire",
    "RegisterDefinition",
    "RelevantChange",
    "ReminderRule",
    "RequiredWhen",
    "SoftRange",
    "Table",
    "TableColumn",
    "Text",
    "TimePoint",
    "Variable",
    "icd10_matches",
    "validate_details",
]
