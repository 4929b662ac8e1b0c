"""The data dictionary: what each register records, written from the definitions themselves."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from registry.registers.schema import InstrumentUse, RegisterDefinition, TimePoint, Variable

HEAD = """# Data dictionary

Written by `manage.py data_dictionary` from the register definitions; a test says when it is out of
date. Keys are what files, exports and the API hold; labels are given in English here and in four
languages in the definitions."""


def data_dictionary(definitions: Iterable[RegisterDefinition]) -> str:
    """The dictionary of some registers as Markdown, in the order given."""
    blocks = [HEAD]
    for definition in definitions:
        blocks.extend(_register(definition))
    return "\n\n".join(blocks) + "\n"


def _register(definition: RegisterDefinition) -> Iterator[str]:
    about = definition.about
    yield f"## {about.code}: {about.names.en}"
    yield (
        f"Owner: {about.owner}. Country: {about.country}. From {about.start_date}. Region of "
        f"tables: {about.region_basis}. Figures of others under {about.small_number_threshold} "
        "are withheld."
    )
    if definition.referrals.enabled:
        yield "### Referrals and consultations"
        yield _table(
            ("criterion", "label", "ICD-10"),
            [(f"`{c.key}`", c.labels.en, _join(c.icd10)) for c in definition.criteria.values()],
        )
        yield _keys("decision", definition.decisions.values())
        yield _keys("kind of consultation", definition.consultation_kinds.values())
    yield "### Groups"
    yield _table(
        ("group", "label", "suggested by ICD-10", "side", "levels"),
        [
            (
                f"`{group.key}`",
                group.labels.en,
                _join(group.icd10),
                group.side,
                _levels(definition, group.key),
            )
            for group in definition.groups.values()
        ],
    )
    yield "### Procedure types"
    yield _table(
        ("type", "label", "NCSP", "groups"),
        [
            (f"`{t.key}`", t.labels.en, _join(t.ncsp), _groups(definition, t.groups))
            for t in definition.procedure_types.values()
        ],
    )
    yield "### Complications"
    yield _table(
        ("complication", "label", "when"),
        [
            (f"`{c.key}`", c.labels.en, _phase(c.phase, c.within_days))
            for c in definition.complications.values()
        ],
    )
    yield "### Variables"
    yield _table(
        ("variable", "label", "section", "type", "values", "required", "asked for"),
        [_variable(definition, variable) for variable in definition.variables.values()],
    )
    if definition.goals:
        yield "### Goals"
        yield _table(
            ("goal", "label", "planned in", "achieved in", "procedure types"),
            [
                (
                    f"`{g.key}`",
                    g.labels.en,
                    _code(g.planned_variable),
                    _code(g.achieved_variable),
                    _join(g.procedure_types) or "all",
                )
                for g in definition.goals.values()
            ],
        )
    if definition.time_points:
        yield "### Questionnaires"
        if definition.asks_guardians:
            yield (
                f"A guardian has a part in the answers of patients under"
                f" {definition.patients.guardian_until} years."
            )
        yield _table(
            ("time point", "opens", "due", "closes", "reminders"),
            [
                row
                for point in definition.time_points.values()
                for row in (
                    _time_point(point, f"`{point.key}`"),
                    *(
                        _time_point(
                            point.for_group(one.groups[0]),
                            f"`{point.key}` for {_join(one.groups)}",
                        )
                        for one in point.overrides
                    ),
                )
            ],
        )
        yield "Days from the date of the operation. Instruments in asking order:"
        yield _table(
            ("groups", "time points", "instruments"),
            [
                (
                    _groups(definition, questionnaire.groups),
                    _join(questionnaire.time_points),
                    ", ".join(f"`{use.code}`{_asked(use)}" for use in questionnaire.instruments),
                )
                for questionnaire in definition.proms.questionnaires
            ],
        )
    yield "### Indicators"
    yield _table(
        ("indicator", "label", "numerator", "denominator", "better", "target"),
        [
            (
                f"`{i.key}`",
                i.labels.en,
                i.numerator.en,
                i.denominator.en,
                i.direction,
                "" if i.target is None else f"{i.target:.0%}",
            )
            for i in definition.indicators.values()
        ],
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; a bar in a cell would end it and is escaped."""
    if not rows:
        return "None."
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def _keys(name: str, items: Iterable[object]) -> str:
    return _table(
        (name, "label"),
        [(f"`{item.key}`", item.labels.en) for item in items],  # type: ignore[attr-defined]
    )


def _join(values: Sequence[str]) -> str:
    return ", ".join(f"`{value}`" for value in values)


def _code(value: str | None) -> str:
    return f"`{value}`" if value else ""


def _groups(definition: RegisterDefinition, groups: Sequence[str]) -> str:
    """Groups, a whole cohort by its name."""
    if not groups:
        return "all"
    left = list(groups)
    said = []
    for cohort in definition.procedures.cohorts:
        members = [g.key for g in definition.groups.values() if g.cohort == cohort.key]
        if len(members) > 1 and set(members) <= set(left):
            said.append(f"all {cohort.labels.en.lower()}")
            left = [key for key in left if key not in members]
    return ", ".join([*said, *(f"`{key}`" for key in left)])


def _levels(definition: RegisterDefinition, group: str) -> str:
    levels = definition.levels_for(group)
    if not levels:
        return "none"
    return f"{definition.groups[group].levels}: {levels[0]} to {levels[-1]}"


def _phase(phase: str, within_days: int | None) -> str:
    return f"{phase}, within {within_days} days" if within_days else phase


def _variable(definition: RegisterDefinition, variable: Variable) -> tuple[str, ...]:
    asked = [
        _groups(definition, variable.groups) if variable.groups else "",
        _join(variable.procedure_types),
    ]
    return (
        f"`{variable.key}`",
        variable.labels.en,
        variable.section,
        variable.type,
        _values(variable),
        _required(variable),
        "; ".join(filter(None, asked)) or "all",
    )


def _values(variable: Variable) -> str:
    if variable.options:
        return "; ".join(f"`{option.key}` {option.labels.en}" for option in variable.options)
    if variable.type == "text":
        return f"at most {variable.max_length or 1000} characters"
    if variable.min is None and variable.max is None:
        return variable.unit or ""
    low = "" if variable.min is None else str(variable.min)
    high = "" if variable.max is None else str(variable.max)
    return f"{low} to {high} {variable.unit or ''}".strip()


def _required(variable: Variable) -> str:
    when = variable.required_when
    if when is None:
        return "to submit" if variable.required == "submit" else "no"
    value = str(when.equals).lower() if isinstance(when.equals, bool) else when.equals
    return f"when `{when.variable}` is {value}"


def _time_point(point: TimePoint, name: str) -> tuple[str, ...]:
    reminders = "; ".join(
        f"notice {-rule.days} days before opening ({rule.channel or 'as reached'})"
        if rule.is_notice
        else f"{rule.days} days after {rule.after} ({rule.channel or 'as reached'})"
        for rule in point.reminders
    )
    return (name, str(point.opens), str(point.due), str(point.closes), reminders)


def _asked(use: InstrumentUse) -> str:
    """What is particular about an instrument's use, in brackets."""
    said = [
        *(["planned"] if use.status == "planned" else []),
        *([f"ages {use.ages}"] if use.ages else []),
        *([f"answered by {use.answerer}"] if use.answerer != "patient" else []),
    ]
    return f" ({', '.join(said)})" if said else ""
