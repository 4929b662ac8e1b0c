"""What the parts of a definition must agree on: names that exist, windows that open first …

Each check yields (key path, reason). A path names an item by its key: ``proms.time_points[y1]``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from datetime import date
from string import Formatter
from typing import TYPE_CHECKING, Any

from registry.registers.schema.base import LANGUAGES, Text
from registry.registers.schema.followup import (
    PLACEHOLDERS,
    STANDARD_TEXTS,
    SUBJECT_PLACEHOLDERS,
)

if TYPE_CHECKING:
    from registry.registers.schema.clinical import Variable
    from registry.registers.schema.definition import RegisterDefinition
    from registry.registers.schema.followup import InstrumentUse, Questionnaire, TimePoint
    from registry.registers.schema.reporting import TableColumn

FaultPair = tuple[str, str]

# The names of each list that must be unique, as (path, attribute that names an item).
NAMED_LISTS = (
    ("referrals.criteria", "key"),
    ("referrals.decisions", "key"),
    ("referrals.consultation_kinds", "key"),
    ("procedures.cohorts", "key"),
    ("procedures.level_sets", "key"),
    ("procedures.groups", "key"),
    ("procedures.procedure_types", "key"),
    ("procedures.complications", "key"),
    ("procedures.variables", "key"),
    ("procedures.goals", "key"),
    ("proms.time_points", "key"),
    ("proms.messages", "key"),
    ("proms.patient_questions", "key"),
    ("proms.own_course", "scale"),
    ("reports.indicators", "key"),
    ("reports.tables", "id"),
    ("reports.published_groups", "key"),
)

# Lists of items that name others: (path, attribute that names the item, attribute, what it names).
REFERENCES = (
    ("procedures.groups", "key", "cohort", "cohorts"),
    ("procedures.groups", "key", "level_set", "level_sets"),
    ("procedures.procedure_types", "key", "groups", "groups"),
    ("procedures.complications", "key", "groups", "groups"),
    ("procedures.variables", "key", "groups", "groups"),
    ("procedures.variables", "key", "procedure_types", "procedure_types"),
    ("procedures.goals", "key", "planned_variable", "variables"),
    ("procedures.goals", "key", "achieved_variable", "variables"),
    ("procedures.goals", "key", "procedure_types", "procedure_types"),
    ("procedures.warnings", None, "variable", "variables"),
    ("procedures.warnings", None, "groups", "groups"),
    ("proms.questionnaires", None, "groups", "groups"),
    ("proms.questionnaires", None, "time_points", "time_points"),
    ("reports.indicators", "key", "groups", "groups"),
    ("reports.indicators", "key", "goal", "goals"),
    ("reports.indicators", "key", "time_point", "time_points"),
    ("reports.tables", "id", "groups", "groups"),
    ("reports.tables", "id", "procedure_types", "procedure_types"),
    ("reports.tables", "id", "published_groups", "published_groups"),
    ("reports.benchmarks", None, "groups", "groups"),
    ("reports.relevant_changes", None, "groups", "groups"),
    ("reports.published_groups", "key", "groups", "groups"),
    ("reports.published_groups", "key", "procedure_types", "procedure_types"),
    ("reports.published_groups", "key", "time_points", "time_points"),
)

SINGULAR = {
    "cohorts": "cohort",
    "level_sets": "level set",
    "groups": "group",
    "procedure_types": "procedure type",
    "variables": "variable",
    "goals": "goal",
    "time_points": "time point",
    "published_groups": "published group",
}


def cross_check(definition: RegisterDefinition) -> Iterator[FaultPair]:
    """Every fault that needs more than one part of the definition to be seen."""
    yield from _duplicates(definition)
    yield from _references(definition)
    yield from _sections(definition)
    yield from _groups(definition)
    for variable in definition.procedures.variables:
        yield from _variable(definition, variable)
    yield from _warnings(definition)
    yield from _time_points(definition)
    yield from _messages(definition)
    yield from _questionnaires(definition)
    yield from _indicators(definition)
    yield from _tables(definition)


def _items(definition: RegisterDefinition, path: str) -> tuple[Any, ...]:
    section, name = path.split(".")
    return getattr(getattr(definition, section), name)


def _named(path: str, name: object) -> str:
    return f"{path}[{name}]"


def _repeated(values: Iterable[Any]) -> list[Any]:
    return [value for value, count in Counter(values).items() if count > 1]


def _duplicates(definition: RegisterDefinition) -> Iterator[FaultPair]:
    for path, attribute in NAMED_LISTS:
        for key in _repeated(getattr(item, attribute) for item in _items(definition, path)):
            yield _named(path, key), f"the {attribute} “{key}” is used more than once"
    for variable in definition.procedures.variables:
        for key in _repeated(option.key for option in variable.options):
            path = f"{_named('procedures.variables', variable.key)}.options[{key}]"
            yield path, f"the option “{key}” is there more than once"
    for levels in definition.procedures.level_sets:
        for level in _repeated(levels.levels):
            path = f"{_named('procedures.level_sets', levels.key)}.levels"
            yield path, f"the level “{level}” is there more than once"
    for language in _repeated(definition.about.languages):
        yield "register.languages", f"“{language}” is there more than once"


def _references(definition: RegisterDefinition) -> Iterator[FaultPair]:
    known = {
        "cohorts": {item.key for item in definition.procedures.cohorts},
        "level_sets": {item.key for item in definition.procedures.level_sets},
        "groups": set(definition.groups),
        "procedure_types": set(definition.procedure_types),
        "variables": set(definition.variables),
        "goals": set(definition.goals),
        "time_points": set(definition.time_points),
        "published_groups": set(definition.published_groups),
    }
    for path, naming, attribute, target in REFERENCES:
        for number, item in enumerate(_items(definition, path), start=1):
            value = getattr(item, attribute)
            named = value if isinstance(value, tuple) else (value,) if value is not None else ()
            where = f"{_named(path, getattr(item, naming) if naming else number)}.{attribute}"
            for key in named:
                if key not in known[target]:
                    yield where, f"there is no {SINGULAR[target]} “{key}”"
            for key in _repeated(named):
                yield where, f"“{key}” is there more than once"


def _sections(definition: RegisterDefinition) -> Iterator[FaultPair]:
    patients = definition.patients
    low, high = patients.minimum_age, patients.maximum_age
    if low is not None and high is not None and low >= high:
        yield "patients.maximum_age", f"{high} is not above the minimum age, {low}"
    if definition.referrals.enabled:
        for name in ("criteria", "decisions", "consultation_kinds"):
            if not getattr(definition.referrals, name):
                yield f"referrals.{name}", "must hold something when referrals are enabled"
    uses = {use.code for q in definition.proms.questionnaires for use in q.instruments}
    if "eq5d3l" in uses and definition.about.eq5d_value_set is None:
        yield "register.eq5d_value_set", "is missing, but EQ-5D-3L is asked"
    for question in definition.proms.patient_questions:
        path = _named("proms.patient_questions", question.key)
        for code in question.instruments:
            if code not in uses:
                yield f"{path}.instruments", f"“{code}” is not asked by any questionnaire"
    for unit in _repeated(definition.about.units):
        yield "register.units", f"“{unit}” is there more than once"


def _groups(definition: RegisterDefinition) -> Iterator[FaultPair]:
    for group in definition.procedures.groups:
        path = _named("procedures.groups", group.key)
        if group.levels != "none" and group.level_set is None:
            yield f"{path}.level_set", f"is missing, but levels are {group.levels}"
        if group.levels == "none" and group.level_set is not None:
            yield f"{path}.levels", "is “none”, but a level set is named"
        if definition.procedure_types and not definition.procedure_types_for(group.key):
            yield path, "no procedure type is offered in this group"


def _variable(definition: RegisterDefinition, variable: Variable) -> Iterator[FaultPair]:
    path = _named("procedures.variables", variable.key)
    if variable.type in {"choice", "choices"} and not variable.options:
        yield f"{path}.options", f"are missing: a {variable.type} needs at least one"
    if variable.type not in {"choice", "choices"} and variable.options:
        yield f"{path}.options", f"do not belong to the type {variable.type}"
    yield from _range(path, variable)
    if variable.max_length is not None and variable.type != "text":
        yield f"{path}.max_length", f"does not belong to the type {variable.type}"
    when = variable.required_when
    if when is None:
        return
    path = f"{path}.required_when"
    if variable.required != "never":
        yield path, "cannot stand beside required = “submit”: the variable is always required"
    other = definition.variables.get(when.variable)
    if other is None:
        yield f"{path}.variable", f"there is no variable “{when.variable}”"
    elif other.key == variable.key:
        yield f"{path}.variable", "a variable cannot be required by itself"
    elif other.section != variable.section:
        yield f"{path}.variable", f"“{other.key}” is asked in another section ({other.section})"
    elif other.options and when.equals not in {option.key for option in other.options}:
        yield f"{path}.equals", f"“{other.key}” has no option “{when.equals}”"
    elif (other.type == "boolean") != isinstance(when.equals, bool):
        yield f"{path}.equals", f"“{when.equals}” cannot be a value of “{other.key}”"


def _range(path: str, variable: Variable) -> Iterator[FaultPair]:
    for name in ("min", "max"):
        bound = getattr(variable, name)
        if bound is None:
            continue
        if variable.type not in {"integer", "decimal", "date"}:
            yield f"{path}.{name}", f"does not belong to the type {variable.type}"
            return
        if (variable.type == "date") != isinstance(bound, date):
            yield f"{path}.{name}", f"{bound} is not a value of the type {variable.type}"
            return
    if variable.min is not None and variable.max is not None and variable.min > variable.max:
        yield f"{path}.max", f"{variable.max} is below the minimum, {variable.min}"


def _warnings(definition: RegisterDefinition) -> Iterator[FaultPair]:
    for number, soft in enumerate(definition.procedures.warnings, start=1):
        path = _named("procedures.warnings", number)
        if soft.min is None and soft.max is None:
            yield path, "needs a min, a max or both"
        elif soft.min is not None and soft.max is not None and soft.min > soft.max:
            yield f"{path}.max", f"{soft.max} is below the minimum, {soft.min}"
        variable = definition.variables.get(soft.variable)
        if variable is not None and variable.type not in {"integer", "decimal"}:
            yield f"{path}.variable", f"“{soft.variable}” is not a number"


def _time_points(definition: RegisterDefinition) -> Iterator[FaultPair]:
    for point in definition.proms.time_points:
        path = _named("proms.time_points", point.key)
        yield from _time_point(path, point, point.model_fields_set)
        held: set[str] = set()
        for number, override in enumerate(point.overrides, start=1):
            where = f"{path}.overrides[{number}]"
            for group in dict.fromkeys(override.groups):
                if group not in definition.groups:
                    yield f"{where}.groups", f"“{group}” is not a group of this register"
                elif group in held:
                    yield f"{where}.groups", f"“{group}” is in an earlier override already"
                held.add(group)
            changed = point.for_group(override.groups[0])
            yield from _time_point(where, changed, override.model_fields_set)


def _time_point(path: str, point: TimePoint, told: Collection[str]) -> Iterator[FaultPair]:
    """A window in order, and rules that can come to pass. ``told``: keys the file names here."""
    if point.opens > point.due:
        yield (
            f"{path}.opens",
            f"the window opens (day {point.opens}) after it is due ({point.due})",
        )
    if point.due > point.closes:
        yield (
            f"{path}.closes",
            f"the window closes (day {point.closes}) before due ({point.due})",
        )
    if point.key == "before":
        if point.closes > 0:
            yield f"{path}.closes", "the preoperative window must close on the day of surgery"
    else:
        if point.opens <= 0:
            yield f"{path}.opens", "a follow-up must open after the day of surgery"
        if point.grace_days is not None:
            yield f"{path}.grace_days", "belongs only to the time point “before”"
    if "reminders" not in told:
        return
    for key in _repeated(rule.key for rule in point.reminders):
        yield f"{path}.reminders[{key}]", f"the key “{key}” is used more than once"
    for rule in point.reminders:
        where = f"{path}.reminders[{rule.key}].days"
        if rule.is_notice:
            if rule.days >= 0:
                yield where, "after “opening” days are negative: the notice goes before"
            continue
        if rule.days < 0:
            yield where, f"days after {rule.after} are not negative"
        last = point.closes - (point.opens if rule.after == "invitation" else point.due)
        if rule.days > last:
            yield where, f"{rule.days} days after {rule.after} is after the window has closed"


def _messages(definition: RegisterDefinition) -> Iterator[FaultPair]:
    """Texts that are named exist, and name nothing that cannot be filled in."""
    known = {*STANDARD_TEXTS, *(text.key for text in definition.proms.messages)}
    for point in definition.proms.time_points:
        path = _named("proms.time_points", point.key)
        if point.text not in known:
            yield f"{path}.text", f"there is no message “{point.text}”"
        others = (rule for override in point.overrides for rule in override.reminders)
        for rule in (*point.reminders, *others):
            if not rule.is_notice and rule.text not in known:
                yield f"{path}.reminders[{rule.key}].text", f"there is no message “{rule.text}”"
    for message in definition.proms.messages:
        path = _named("proms.messages", message.key)
        yield from _placeholders(message.subject, f"{path}.subject", SUBJECT_PLACEHOLDERS)
        for name, text in (("body", message.body), ("sms", message.sms)):
            if text is not None:
                yield from _placeholders(text, f"{path}.{name}", PLACEHOLDERS, needs="address")


def _placeholders(
    text: Text, path: str, allowed: frozenset[str], *, needs: str = ""
) -> Iterator[FaultPair]:
    for language in LANGUAGES:
        where = f"{path}.{language}"
        try:
            parts = list(Formatter().parse(getattr(text, language)))
        except ValueError as error:
            yield where, f"braces do not match: {error}"
            continue
        named = [name for _text, name, _format, _conversion in parts if name is not None]
        for _text, name, format_, conversion in parts:
            if name is not None and (name not in allowed or format_ or conversion):
                told = ", ".join(sorted(allowed))
                yield where, f"unknown placeholder “{{{name}}}”; known are {told}"
        if needs and needs not in named:
            yield where, f"“{{{needs}}}” is missing: the patient would get no link"


def _questionnaires(definition: RegisterDefinition) -> Iterator[FaultPair]:
    seen: dict[tuple[str, str], int] = {}
    for number, questionnaire in enumerate(definition.proms.questionnaires, start=1):
        path = _named("proms.questionnaires", number)
        yield from _uses(definition, path, questionnaire)
        for group in dict.fromkeys(questionnaire.groups):
            for point in dict.fromkeys(questionnaire.time_points):
                first = seen.setdefault((group, point), number)
                if first != number:
                    yield (
                        path,
                        f"“{group}” at “{point}” has a questionnaire already (number {first})",
                    )


def _uses(
    definition: RegisterDefinition, path: str, questionnaire: Questionnaire
) -> Iterator[FaultPair]:
    """Each instrument once at every age; a guardian only where patients have one."""
    until = definition.patients.guardian_until
    asked: dict[str, list[InstrumentUse]] = {}
    for number, use in enumerate(questionnaire.instruments, start=1):
        where = f"{_named(f'{path}.instruments', number)}.answerer"
        youngest, _oldest = use.age_range
        held = asked.setdefault(use.code, [])
        if any(use.overlaps(other) for other in held):
            yield f"{path}.instruments", f"“{use.code}” is asked more than once"
        held.append(use)
        if use.answerer == "patient":
            continue
        if youngest >= until:
            yield (
                where,
                f"“{use.answerer}” is for patients under patients.guardian_until, {until}, but "
                f"the ages begin at {youngest}",
            )


def _indicators(definition: RegisterDefinition) -> Iterator[FaultPair]:
    needs = {
        "completeness": ("time_point",),
        "improved": ("time_point", "scale"),
        "goal_achieved": ("goal",),
        "complications": (),
        "reoperation": ("days",),
    }
    for indicator in definition.reports.indicators:
        path = _named("reports.indicators", indicator.key)
        for name in needs[indicator.measure]:
            if getattr(indicator, name) is None:
                yield f"{path}.{name}", f"is missing, but the measure {indicator.measure} needs it"


def _of_breakdown(column: TableColumn) -> Iterator[str]:
    """What a column of a breakdown lacks."""
    if column.measure not in {"answers", "mean", "sd", "share", "flag", "pairs", "change"}:
        return
    if column.variable is None:
        yield "variable"
    if column.measure == "share" and not column.values:
        yield "values"
    if column.measure == "flag" and column.flag is None:
        yield "flag"
    if column.measure in {"pairs", "change", "flag"} and column.time_point is None:
        yield "time_point"


def _tables(definition: RegisterDefinition) -> Iterator[FaultPair]:
    for table in definition.reports.tables:
        path = _named("reports.tables", table.id)
        for key in _repeated(column.key for column in table.columns):
            yield f"{path}.columns[{key}]", f"the column “{key}” is there more than once"
        for column in table.columns:
            where = f"{path}.columns[{column.key}].goal"
            if column.measure == "goal" and column.goal is None:
                yield where, "is missing, but the column measures a goal"
            elif column.goal is not None and column.goal not in definition.goals:
                yield where, f"there is no goal “{column.goal}”"
            if column.time_point is not None and column.time_point not in definition.time_points:
                where = f"{path}.columns[{column.key}].time_point"
                yield where, f"there is no time point “{column.time_point}”"
            for name in _of_breakdown(column):
                where = f"{path}.columns[{column.key}].{name}"
                yield where, f"is missing, but the measure {column.measure} needs it"
        if (table.kind == "breakdown") != (table.by is not None):
            yield f"{path}.by", "a breakdown needs it, and no other kind has it"
        if table.columns[0].measure != "row":
            yield f"{path}.columns", "the first column must have the measure “row”"
        if table.first_year is None and any(c.measure == "year" for c in table.columns):
            yield f"{path}.first_year", "is missing, but a column stands for the years"
