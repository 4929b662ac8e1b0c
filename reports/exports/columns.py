"""What the files of a year hold: for each column where it comes from and what it means.

A column is built only from fields that may leave the registry: its sources are looked up in
`registry.audit.classification`, and an identifying one is refused when the column is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from procedures.models import GoalOutcome
from proms.instruments import instruments
from proms.models import AnsweredBy
from registry.audit.classification import FieldClass, classification, require_exportable
from registry.core.choices import Sex, Side
from registry.registers.schema import RegisterDefinition
from registry.registers.schema.clinical import Variable
from reports.scales import measures
from reports.selectors.completeness import answered, counted

Kind = Literal["text", "integer", "decimal", "date"]
"""How a cell is written. Choices and codes are text; yes and no are the integers 1 and 0."""

SEPARATOR = ";"
"""Between several values in one cell, as in files that are imported."""

SCORE = "score_"
"""Before the code of a scale: the name of its facts in the query of operations."""

PROFILE = "profile_"
"""Before the code of a profile: the name of its join in the query of operations."""

OPERATION = "procedures.Operation"
FACT = "reports.CompletenessFact"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an export.

    ``sql`` is its expression over the query of its file; keys in it come from a checked
    definition. ``coarse``: only something coarser than the source is shown, such as an age.
    """

    key: str
    label: str
    kind: Kind
    sql: str
    source: tuple[str, str]
    unit: str = ""
    values: tuple[tuple[str, str], ...] = ()
    instrument: str = ""
    coarse: bool = False

    def __post_init__(self) -> None:
        if not self.coarse:
            require_exportable(*self.source)

    @property
    def classification(self) -> FieldClass:
        """Open or sensitive."""
        found = classification(*self.source)
        return FieldClass.SENSITIVE if self.coarse else found


def quoted(key: str) -> str:
    """Return a key of the definition as a text of SQL; raises ValueError for what is no key."""
    if not key.replace("_", "").isalnum() or not key.isascii():
        raise ValueError(f"“{key}” is not a key.")
    return f"'{key}'"


def _text(key: str, label: str, sql: str, source: tuple[str, str], **more: object) -> Column:
    return Column(key, label, "text", sql, source, **more)  # type: ignore[arg-type]


def _pseudonym(definition: RegisterDefinition) -> Column:
    prefix = definition.about.export.pseudonym_prefix
    return _text(
        "pseudonym",
        _("Patient's pseudonym in exports of this register"),
        f"'{prefix}-' || replace(membership.pseudonym::text, '-', '')",
        ("patients.Membership", "pseudonym"),
    )


def _sex(sql: str, source: tuple[str, str]) -> Column:
    return _text("sex", _("Sex"), sql, source, values=_choices(Sex))


def _choices(choices: type) -> tuple[tuple[str, str], ...]:
    return tuple((value, str(label)) for value, label in choices.choices)


# --- Operations -------------------------------------------------------------------------------


def operation_columns(definition: RegisterDefinition) -> tuple[Column, ...]:
    """Return the columns of operations.csv in the active language."""
    return (
        *_operation_core(definition),
        *_variables(definition),
        *_goals(definition),
        *_baseline(definition),
        *_follow_up(definition),
        *_scores(definition),
        *_profiles(definition),
    )


def _operation_core(definition: RegisterDefinition) -> Iterator[Column]:
    groups = tuple((g.key, str(g.labels)) for g in definition.groups.values())
    types = tuple((t.key, str(t.labels)) for t in definition.procedure_types.values())
    complications = tuple((c.key, str(c.labels)) for c in definition.complications.values())
    yield _pseudonym(definition)
    yield Column(
        "operation_number",
        _("Number of the operation among those of the patient"),
        "integer",
        "numbered.number",
        (OPERATION, "performed_on"),
    )
    yield Column(
        "operation_date",
        _("Date of operation"),
        "date",
        "operation.performed_on",
        (OPERATION, "performed_on"),
    )
    yield _text("unit", _("Unit"), "unit.code", (OPERATION, "unit"))
    yield _text(
        "unit_region", _("Region of the unit"), "unit_region.code", (OPERATION, "unit_region")
    )
    yield _text(
        "residence_region",
        _("Region of residence"),
        "residence_region.code",
        (OPERATION, "residence_region"),
    )
    yield Column("age", _("Age at operation"), "integer", "fact.age", (FACT, "age"), _("years"))
    yield _sex("fact.sex", (FACT, "sex"))
    yield _text("group", _("Group"), 'operation."group"', (OPERATION, "group"), values=groups)
    yield _text(
        "diagnosis", _("Diagnosis (ICD-10)"), "operation.diagnosis", (OPERATION, "diagnosis")
    )
    yield _text(
        "procedure_type",
        _("Type of operation: that of the first procedure"),
        "operation.procedure_type",
        (OPERATION, "procedure_type"),
        values=types,
    )
    yield _text(
        "procedure",
        _("All procedures in order"),
        "done.types",
        ("procedures.Procedure", "procedure_type"),
        values=types,
    )
    yield _text(
        "procedure_code",
        _("Procedure codes (NCSP)"),
        "done.codes",
        ("procedures.Procedure", "code"),
    )
    yield _text("side", _("Side"), "operation.side", (OPERATION, "side"), values=_choices(Side))
    yield _text(
        "levels",
        _("Levels"),
        f"array_to_string(operation.levels, '{SEPARATOR}')",
        (OPERATION, "levels"),
    )
    yield Column(
        "reoperation",
        _("Revises an earlier operation"),
        "integer",
        "(operation.revises_id IS NOT NULL)::int",
        (OPERATION, "procedure_type"),
        values=_yes_no(),
    )
    yield _text(
        "complications",
        _("Complications; blank where nobody has said whether there were any"),
        "CASE WHEN wrong.kinds IS NULL AND operation.complications_assessed_on IS NOT NULL"
        " THEN 'none' ELSE wrong.kinds END",
        ("procedures.Complication", "kind"),
        values=(("none", _("None")), *complications),
    )
    yield Column(
        "complications_assessed_on",
        _("Complications assessed"),
        "date",
        "operation.complications_assessed_on",
        (OPERATION, "complications_assessed_on"),
    )


def _yes_no() -> tuple[tuple[str, str], ...]:
    return (("0", pgettext("answer", "No")), ("1", pgettext("answer", "Yes")))


def _variables(definition: RegisterDefinition) -> Iterator[Column]:
    """One column for each declared variable; free text that may tell who it is stays here."""
    for variable in definition.variables.values():
        if variable.sensitive:
            continue
        kind, sql = _variable_sql(variable)
        values = tuple((option.key, str(option.labels)) for option in variable.options)
        yield Column(
            variable.key,
            str(variable.labels),
            kind,
            sql,
            (OPERATION, "details"),
            unit=variable.unit or "",
            values=_yes_no() if variable.type == "boolean" else values,
        )


def _variable_sql(variable: Variable) -> tuple[Kind, str]:
    key = quoted(variable.key)
    value, text = f"operation.details -> {key}", f"operation.details ->> {key}"
    match variable.type:
        case "integer":
            return "integer", _if(value, "number", f"({text})::numeric::bigint")
        case "decimal":
            return "decimal", _if(value, "number", f"({text})::float8")
        case "boolean":
            return "integer", _if(value, "boolean", f"({text})::boolean::int")
        case "date":
            return "date", f"({text})::date"
        case "choices":
            listed = (
                f"(SELECT string_agg(one, '{SEPARATOR}')"
                f" FROM jsonb_array_elements_text({value}) AS one)"
            )
            return "text", _if(value, "array", listed)
        case _:
            return "text", text


def _if(value: str, kind: str, then: str) -> str:
    """An expression for values of one JSON type only, so that no other one stops the export."""
    return f"CASE WHEN jsonb_typeof({value}) = '{kind}' THEN {then} END"


def _goals(definition: RegisterDefinition) -> Iterator[Column]:
    for goal in definition.goals.values():
        held = f"goal.outcomes -> {quoted(goal.key)}"
        label = str(goal.labels)
        yield _text(
            f"goal_{goal.key}",
            label,
            f"{held} ->> 0",
            ("procedures.TreatmentGoal", "outcome"),
            values=_choices(GoalOutcome),
        )
        yield Column(
            f"goal_{goal.key}_on",
            _("%(goal)s: date of assessment") % {"goal": label},
            "date",
            f"({held} ->> 1)::date",
            ("procedures.TreatmentGoal", "assessed_on"),
        )


_BASELINE: dict[str, tuple[Kind, str]] = {
    "symptom_duration_axial": ("integer", ""),
    "symptom_duration_limb": ("integer", ""),
    "smoking": ("integer", ""),
    "bmi": ("decimal", "kg/m²"),
}


def _baseline(definition: RegisterDefinition) -> Iterator[Column]:
    """What the patient answered before surgery, where the register asks it."""
    asked = definition.patient_questions
    labels = {
        "symptom_duration_axial": _("Answer before surgery: duration of pain in back or neck"),
        "symptom_duration_limb": _("Answer before surgery: duration of pain in leg or arm"),
        "smoking": _("Answer before surgery: smoking"),
        "bmi": _("Body mass index, from the answers before surgery"),
    }
    for name, (kind, unit) in _BASELINE.items():
        if name in asked or (name == "bmi" and {"height_cm", "weight_kg"} <= set(asked)):
            question = asked.get(name)
            values: tuple[tuple[str, str], ...] = ()
            code = ""
            if question is not None:
                code = next((c for c in question.instruments if c in instruments()), "")
                values = _answers(code, question.item)
            yield Column(name, labels[name], kind, f"fact.{name}", (FACT, name), unit, values, code)


def _answers(code: str, item: str) -> tuple[tuple[str, str], ...]:
    """The coded answers of a closed question with their words."""
    held = instruments().get(code)
    for one in held.items if held else ():
        if one.code == item:
            return tuple((str(option.value), str(option)) for option in one.options)
    return ()


def _follow_up(definition: RegisterDefinition) -> Iterator[Column]:
    """For each time point whether the questionnaire was answered by the day of the export."""
    for point, told in definition.time_points.items():
        label = str(told.labels)
        expected, done = (
            rule(point).replace(f"{point}_", f"fact.{point}_") for rule in (counted, answered)
        )
        yield Column(
            f"answered_{point}",
            _("%(point)s: questionnaire answered; blank where none was to be expected yet")
            % {"point": label},
            "integer",
            f"CASE WHEN {expected} THEN coalesce({done}, false)::int END",
            (FACT, f"{point}_completed"),
            values=_yes_no(),
        )
        yield Column(
            f"answered_{point}_on",
            _("%(point)s: date of the answer") % {"point": label},
            "date",
            f"fact.{point}_completed",
            (FACT, f"{point}_completed"),
        )
        if definition.asks_guardians:
            yield _answered_by(definition, point, label)


def _answered_by(definition: RegisterDefinition, point: str, label: str) -> Column:
    """Who answered at a time point. Only for those who may have been children it is looked up."""
    response = (
        "(SELECT r.answered_by FROM proms_followup f JOIN proms_response r"
        " ON r.invitation_id = f.invitation_id AND r.current"
        f" WHERE f.operation_id = operation.id AND f.time_point = {quoted(point)})"
    )
    return _text(
        f"answered_{point}_by",
        _("%(point)s: who answered, the patient or a guardian") % {"point": label},
        f"CASE WHEN fact.{point}_completed IS NULL THEN NULL"
        f" WHEN fact.age <= {definition.patients.guardian_until:d} THEN {response}"
        f" ELSE '{AnsweredBy.PATIENT.value}' END",
        ("proms.Response", "answered_by"),
        values=_choices(AnsweredBy),
    )


def _asked(definition: RegisterDefinition) -> set[tuple[str, str]]:
    """Which instruments the register asks, each with the time points."""
    return {
        (use.code, point)
        for questionnaire in definition.proms.questionnaires
        for use in questionnaire.instruments
        if use.status == "active"
        for point in questionnaire.time_points
    }


def _profiles(definition: RegisterDefinition) -> Iterator[Column]:
    """The levels one after the other, such as 11231, for an instrument without an index."""
    asked = _asked(definition)
    for code, held in instruments().items():
        for scale in held.scales:
            if scale.formula.kind != "profile":
                continue
            for point, told in definition.time_points.items():
                if (code, point) in asked:
                    yield Column(
                        f"{scale.code}_{point}",
                        f"{scale.label}: {told.labels}",
                        "text",
                        f"{PROFILE}{scale.code}.{point}",
                        ("proms.Response", "answers"),
                        instrument=code,
                    )


def _scores(definition: RegisterDefinition) -> Iterator[Column]:
    """One column for each scale and each time point at which it is asked."""
    held, asked = instruments(), _asked(definition)
    owner = {scale.code: code for code in held for scale in held[code].scales}
    for scale in measures(definition).values():
        instrument = owner[scale.code]
        for point, told in definition.time_points.items():
            if (instrument, point) not in asked:
                continue
            yield Column(
                f"{scale.code}_{point}",
                f"{scale.label}: {told.labels}",
                "decimal",
                f"{SCORE}{scale.code}.{point}",
                ("reports.OperationScaleFact", point),
                unit=f"{scale.lowest:g}–{scale.highest:g}",
                instrument=instrument,
            )


# --- Referrals and consultations --------------------------------------------------------------


def _member_columns(
    definition: RegisterDefinition, label: str, day: str
) -> tuple[Column, Column, Column]:
    """Pseudonym, age on a day and sex of the member."""
    return (
        _pseudonym(definition),
        Column(
            "age",
            label,
            "integer",
            f"date_part('year', age({day}, patient.birth_date))::int",
            ("patients.Patient", "birth_date"),
            _("years"),
            coarse=True,
        ),
        _sex("patient.sex", ("patients.Patient", "sex")),
    )


def referral_columns(definition: RegisterDefinition) -> tuple[Column, ...]:
    """Return the columns of referrals.csv in the active language."""
    model = "referrals.Referral"
    criteria = tuple((c.key, str(c.labels)) for c in definition.criteria.values())
    decisions = tuple((d.key, str(d.labels)) for d in definition.decisions.values())
    return (
        *_member_columns(definition, _("Age at referral"), "referral.received_on"),
        Column(
            "referral_date",
            _("Referral received"),
            "date",
            "referral.received_on",
            (model, "received_on"),
        ),
        _text("unit", _("Unit"), "unit.code", (model, "unit")),
        _text("residence_region", _("Region of residence"), "region.code", (model, "region")),
        _text(
            "referring_hospital",
            _("Referring hospital"),
            "hospital.code",
            (model, "referring_hospital"),
        ),
        _text(
            "criterion", _("Criterion"), "referral.criterion", (model, "criterion"), values=criteria
        ),
        _text("diagnosis", _("Diagnosis (ICD-10)"), "referral.diagnosis", (model, "diagnosis")),
        _text(
            "decision", _("Decision"), "referral.decision", (model, "decision"), values=decisions
        ),
        Column(
            "decision_date",
            _("Decided on"),
            "date",
            "referral.decided_on",
            (model, "decided_on"),
        ),
    )


def consultation_columns(definition: RegisterDefinition) -> tuple[Column, ...]:
    """Return the columns of consultations.csv in the active language."""
    model = "referrals.Consultation"
    kinds = tuple((k.key, str(k.labels)) for k in definition.consultation_kinds.values())
    return (
        *_member_columns(definition, _("Age at consultation"), "consultation.held_on"),
        Column(
            "consultation_date",
            _("Date of consultation"),
            "date",
            "consultation.held_on",
            (model, "held_on"),
        ),
        _text("unit", _("Unit"), "unit.code", (model, "unit")),
        _text("residence_region", _("Region of residence"), "region.code", (model, "region")),
        _text("kind", _("Kind"), "consultation.kind", (model, "kind"), values=kinds),
    )
