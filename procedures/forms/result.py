"""The form of what became of an operation: complications, result variables, goals."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from procedures.entries import ComplicationEntry, GoalEntry, OperationEntry
from procedures.forms.fields import ChoiceField, DayField, Values, as_sent, variable_field
from procedures.forms.operation import OperationForm
from procedures.forms.sections import SECTION_TITLES, Section
from procedures.forms.values import complication_values
from procedures.models import GoalOutcome
from registry.core.errors import RuleBroken
from registry.registers.schema import RegisterDefinition


@dataclass(frozen=True, slots=True)
class StatedResult:
    """What the form states."""

    details: dict[str, Any]
    goals: list[GoalEntry]
    complications: tuple[ComplicationEntry, ...] | None
    complications_assessed_on: Any


class ResultForm(OperationForm):
    """Results of one performed operation, judged by the definition it was registered under."""

    def __init__(
        self,
        values: Values,
        *,
        definition: RegisterDefinition,
        entry: OperationEntry,
        on: date,
        judged: bool = False,
    ) -> None:
        self.stored = entry
        self.goals_offered = [
            goal
            for goal in definition.goals_for(entry.procedures[0][0] if entry.procedures else "")
            if goal.planned_variable is None
            or goal.planned_variable in entry.details
            or goal.key in {given.goal for given in entry.goals}
        ]
        self.variables_offered = definition.variables_for(
            "result", entry.group, procedure_types={kind for kind, _code in entry.procedures}
        )
        self.purpose, self.performing = "result", True
        self.definition, self.judged = definition, judged
        self.units, self.earlier, self.suggestions = {}, {}, ()
        self.warnings = {}
        self.values = {name: list(held) for name, held in values.items()}
        self._guess_assessed_on(on)
        for goal in self.goals_offered:
            if self._outcome(goal.key) != GoalOutcome.NOT_ASSESSED:
                self.values.setdefault(f"goals-{goal.key}-on", [on.isoformat()])
        self.group = definition.groups.get(entry.group)
        self.layout = {}
        if judged:
            forms.Form.__init__(self, MultiValueDict(self.values))
        else:
            many = {"complications"}
            many |= {f"details-{v.key}" for v in self.variables_offered if v.type == "choices"}
            forms.Form.__init__(
                self,
                initial={
                    name: held if name in many else next(iter(held), "")
                    for name, held in self.values.items()
                },
            )
        for goal in self.goals_offered:
            self._add_goal(goal.key, str(goal.labels), self._planned(goal.planned_variable))
        for variable in self.variables_offered:
            self._put(
                "result",
                f"details-{variable.key}",
                variable_field(variable, expected=variable.required == "submit"),
            )
        if self.group is not None:
            self._add_complications()

    def _outcome(self, goal: str) -> str:
        return self.typed(f"goals-{goal}") or GoalOutcome.NOT_ASSESSED

    def _planned(self, variable: str | None) -> str:
        if variable is None or variable not in self.stored.details:
            return ""
        unit = self.definition.variable(variable).unit or ""
        return _("Planned: %(value)s") % {
            "value": f"{self.stored.details[variable]} {unit}".strip()
        }

    def _add_goal(self, key: str, label: str, help_text: str) -> None:
        self._put(
            "goals",
            f"goals-{key}",
            ChoiceField(
                label, GoalOutcome.choices, kind="radio", help_text=help_text, restructures=True
            ),
        )
        if self._outcome(key) != GoalOutcome.NOT_ASSESSED:
            self._put(
                "goals",
                f"goals-{key}-on",
                DayField(_("%(goal)s: assessed on") % {"goal": label}, expected=True),
            )

    def _add_complications(self) -> None:
        super()._add_complications()
        if "complications_assessed_on" in self.fields:
            self.fields["complications_assessed_on"].expected = True

    def counted(self) -> tuple[int, int]:
        """Goals assessed and complications told, of all there are to tell."""
        assessed = [
            goal
            for goal in self.goals_offered
            if self._outcome(goal.key) != GoalOutcome.NOT_ASSESSED
        ]
        told = 1 if self.typed("complications_state") else 0
        return len(assessed) + told, len(self.goals_offered) + 1

    def summary(self) -> list[tuple[str, str]]:
        """The operation that the result is about."""
        types = self.definition.procedure_types
        return [
            (_("Date"), date_format(self.stored.performed_on, "SHORT_DATE_FORMAT")),
            (_("Group"), str(self.group.labels) if self.group else self.stored.group),
            (
                _("Procedures"),
                "; ".join(
                    str(types[kind].labels) if kind in types else kind
                    for kind, _code in self.stored.procedures
                ),
            ),
        ]

    def sections(self) -> list[Section]:
        """Goals, result, complications: what the register asks of them."""
        return [
            Section(key, SECTION_TITLES[key](), [self[name] for name in names], None)
            for key, names in self.layout.items()
        ]

    def stated_result(self) -> StatedResult:
        """What the judged form states. Raises RuleBroken with what it cannot read."""
        if self.errors:
            raise RuleBroken({name: list(texts) for name, texts in self.errors.items()})
        if self.typed("complications_state") == "some" and not self.typed_all("complications"):
            raise RuleBroken(
                {"complications": _("Tick the complications, or say that there were none.")}
            )
        state = self.typed("complications_state")
        complications: tuple[ComplicationEntry, ...] | None = None
        if state:
            complications = tuple(
                ComplicationEntry(kind, self.cleaned_data.get(f"complications-{kind}"))
                for kind in (self.typed_all("complications") if state == "some" else ())
            )
        return StatedResult(
            details={
                v.key: self.typed_all(f"details-{v.key}")
                if v.type == "choices"
                else self.typed(f"details-{v.key}")
                for v in self.variables_offered
            },
            goals=[
                GoalEntry(
                    goal.key,
                    self._outcome(goal.key),
                    self.cleaned_data.get(f"goals-{goal.key}-on"),
                )
                for goal in self.goals_offered
            ],
            complications=complications,
            complications_assessed_on=self.cleaned_data.get("complications_assessed_on")
            if state
            else None,
        )


def result_values_of(entry: OperationEntry) -> dict[str, list[str]]:
    """The stored result as the form would have sent it."""
    values = {f"details-{key}": as_sent(value) for key, value in entry.details.items()}
    for goal in entry.goals:
        values[f"goals-{goal.goal}"] = [goal.outcome]
        values[f"goals-{goal.goal}-on"] = as_sent(goal.assessed_on)
    values["complications_assessed_on"] = as_sent(entry.complications_assessed_on)
    values |= complication_values(entry)
    return {name: held for name, held in values.items() if held}
