"""What a register's tables may name that only reports can judge."""

from __future__ import annotations

from collections.abc import Iterator

from registry.registers.schema import RegisterDefinition
from reports.annual.breakdown import DIMENSIONS, ROWS
from reports.annual.selectors import surgeons_scales
from reports.scales import measures


def check_breakdowns(definition: RegisterDefinition) -> Iterator[tuple[str, str]]:
    """Yield key and reason of rows and variables that a breakdown cannot be made of."""
    flags = {code: measure.flags for code, measure in measures(definition).items()}
    asked, scales = set(definition.patient_questions), set(flags)
    choices = {key for key, one in definition.variables.items() if one.type == "choice"}
    rows = {*ROWS, "published_group", "region", *surgeons_scales(definition), *choices}
    rows = (rows | asked) - (set(DIMENSIONS) - asked - {"sex"})
    variables = {"age", "bmi", "sex", *asked, *scales}
    for number, question in enumerate(definition.proms.patient_questions):
        if question.key in scales:
            yield f"patient_questions.{number}.key", f"“{question.key}” is the name of a scale"
    for number, table in enumerate(definition.reports.tables):
        if table.by is None:
            continue
        path = f"tables.{number}"
        if table.by not in rows:
            yield f"{path}.by", f"unknown “{table.by}”; known are {', '.join(sorted(rows))}"
        if table.by == "published_group":
            if not table.published_groups:
                yield f"{path}.published_groups", "is missing, but they are the rows"
            if table.total or any(column.measure == "percent" for column in table.columns):
                yield f"{path}.total", "published groups may overlap and have no total or percent"
        for column in table.columns:
            if column.variable is not None and column.variable not in variables:
                yield (
                    f"{path}.columns.{column.key}.variable",
                    f"unknown “{column.variable}”; known are {', '.join(sorted(variables))}",
                )
            elif column.measure == "flag" and column.flag not in flags.get(column.variable, ()):
                known = ", ".join(flags.get(column.variable, ())) or "none"
                where = f"{path}.columns.{column.key}.flag"
                yield where, f"unknown “{column.flag}”; known are {known}"
            elif column.variable == "sex" and column.measure not in {"answers", "share"}:
                yield f"{path}.columns.{column.key}.measure", "sex has no mean"
