"""The form of an operation, built from the definition of its register.

What is asked follows what is stated: the group brings its levels, procedures and variables, a
procedure its own variables. The form takes values as typed (from the browser, a draft or a stored
operation), shows them by section, and states them as an OperationEntry; the action judges.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from hashlib import sha256
from typing import Any

from django import forms
from django.utils.datastructures import MultiValueDict
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from procedures.completeness import Progress, progress
from procedures.entries import ComplicationEntry, ImplantEntry, OperationEntry
from procedures.forms.fields import (
    ChoiceField,
    ChoicesField,
    DayField,
    TextField,
    Values,
    variable_field,
    written_day,
)
from procedures.forms.sections import SECTION_TITLES, Section, StatedOperation
from procedures.forms.values import show_refusal
from procedures.models import Operation
from registry.core.choices import Side
from registry.core.errors import RuleBroken
from registry.registers.schema import RegisterDefinition, validate_details
from registry.units.models import Unit

ROWS = 2
MOST_ROWS = 20
PERFORMING = frozenset({"perform", "correct"})


class OperationForm(forms.Form):
    """One registration; ``purpose`` is plan, perform (also at once) or correct.

    ``performing`` says whether the operation is stated as performed; ``on`` is today. With
    ``judged`` the values are read strictly and faults shown; without it they are only shown, as
    when a draft is opened.
    """

    def __init__(
        self,
        values: Values,
        *,
        definition: RegisterDefinition,
        purpose: str,
        performing: bool,
        units: Iterable[Unit],
        earlier: Mapping[int, Operation],
        on: date,
        suggestions: Iterable[str] = (),
        judged: bool = False,
    ) -> None:
        self.values = {name: list(held) for name, held in values.items()}
        self._guess_assessed_on(on)
        self.definition = definition
        self.purpose = purpose
        self.performing = performing
        self.units = {str(unit.pk): unit for unit in units}
        self.earlier = {str(pk): operation for pk, operation in earlier.items()}
        self.suggestions = tuple(suggestions)
        self.judged = judged
        self.warnings: dict[str, str] = {}
        if judged:
            super().__init__(MultiValueDict(self.values))
        else:
            many = {"levels", "complications"}
            many |= {
                f"details-{v.key}" for v in definition.variables.values() if v.type == "choices"
            }
            super().__init__(
                initial={
                    name: held if name in many else next(iter(held), "")
                    for name, held in self.values.items()
                }
            )
        self.group = definition.groups.get(self.typed("group"))
        self.layout: dict[str, list[str]] = {}
        self._add_session()
        self._add_diagnosis()
        if self.group is not None:
            self._add_procedures()
            self._add_variables("plan")
            if performing:
                self._add_variables("operation")
                self._add_complications()
                self._add_implants()
        if purpose == "correct":
            self._put(
                "reason",
                "reason",
                TextField(_("Why is it corrected?"), kind="textarea", expected=True),
            )

    # -- what was typed ------------------------------------------------------------------

    def typed(self, name: str) -> str:
        """The only value of a field, as typed."""
        return next((text.strip() for text in self.values.get(name, ()) if text.strip()), "")

    def typed_all(self, name: str) -> list[str]:
        """Every value of a field, as typed."""
        return [text for text in self.values.get(name, ()) if text.strip()]

    @property
    def types(self) -> set[str]:
        """The procedure types chosen so far."""
        return {kind for row in range(MOST_ROWS) if (kind := self.typed(f"procedures-{row}-type"))}

    def _guess_assessed_on(self, on: date) -> None:
        """Whoever tells of complications has looked today, unless another day is stated.

        Only where the date was not asked yet: one that was taken away is missing.
        """
        if self.typed("complications_state"):
            self.values.setdefault("complications_assessed_on", [on.isoformat()])

    # -- the fields ----------------------------------------------------------------------

    def _put(self, section: str, name: str, field: forms.Field) -> None:
        self.fields[name] = field
        self.layout.setdefault(section, []).append(name)

    def _add_session(self) -> None:
        if len(self.units) == 1:
            self.values.setdefault("unit", [next(iter(self.units))])
        units = [("", _("Choose the unit")), *((pk, u.name) for pk, u in self.units.items())]
        if len(self.units) == 1:
            units = units[1:]
        self._put("session", "unit", ChoiceField(_("Unit"), units, expected=True))
        if self.performing:
            self._put("session", "performed_on", DayField(_("Date of operation"), expected=True))
        else:
            self._put("session", "planned_on", DayField(_("Planned date"), expected=True))
        if self.earlier:
            options = [("", _("No, this is not a reoperation"))]
            options += [
                (
                    pk,
                    ", ".join(
                        [date_format(o.performed_on, "SHORT_DATE_FORMAT"), o.unit.name, *o.levels]
                    ),
                )
                for pk, o in self.earlier.items()
            ]
            self._put("session", "revises", ChoiceField(_("Revises an earlier operation"), options))

    def _add_diagnosis(self) -> None:
        text = self.typed("diagnosis")
        suggested = {g.key for g in self.definition.groups_suggested_by(text)} if text else set()
        groups = self.definition.procedures.groups
        ordered = sorted(groups, key=lambda g: g.key not in suggested)
        options = [("", _("Choose the group"))]
        options += [
            (
                g.key,
                _("%(group)s (fits %(code)s)") % {"group": g.labels, "code": text.upper()}
                if g.key in suggested
                else str(g.labels),
            )
            for g in ordered
        ]
        self._put(
            "diagnosis",
            "group",
            ChoiceField(_("Group"), options, expected=True, restructures=True),
        )
        if self.group is None or self.group.diagnosis != "none":
            self._put(
                "diagnosis",
                "diagnosis",
                TextField(
                    _("Diagnosis (ICD-10)"),
                    expected=self._needs("diagnosis"),
                    suggestions=self.suggestions,
                    restructures=self.group is None,
                    help_text=_("Type the code, such as M48.0. The group suggests, you decide."),
                ),
            )
        if self.group is None:
            return
        if self.group.side != "none":
            self._put(
                "diagnosis",
                "side",
                ChoiceField(_("Side"), Side.choices, kind="radio", expected=self._needs("side")),
            )
        if self.group.levels != "none":
            levels = [(level, level) for level in self.definition.levels_for(self.group.key)]
            self._put(
                "diagnosis",
                "levels",
                ChoicesField(_("Levels"), levels, expected=self._needs("levels")),
            )

    def _needs(self, name: str) -> bool:
        return (
            self.performing and self.group is not None and getattr(self.group, name) == "required"
        )

    def _add_procedures(self) -> None:
        offered = self.definition.procedure_types_for(self.group.key)
        options = [("", "–"), *((kind.key, str(kind.labels)) for kind in offered)]
        codes = {kind.key: kind.ncsp for kind in offered}
        for row in range(self.rows("procedures")):
            first = row == 0
            label = _("Procedure %(number)d") % {"number": row + 1}
            if first and self.performing:
                label = _("First procedure (decides the type)")
            elif first:
                label = _("Intended procedure")
            self._put(
                "procedures",
                f"procedures-{row}-type",
                ChoiceField(label, options, expected=first and self.performing, restructures=True),
            )
            self._put(
                "procedures",
                f"procedures-{row}-code",
                TextField(
                    _("NCSP code"), suggestions=codes.get(self.typed(f"procedures-{row}-type"), ())
                ),
            )

    @property
    def carried(self) -> list[tuple[str, str]]:
        """How many rows were asked for, which the browser sends back."""
        return [
            (name, self.typed(name))
            for name in ("procedures-rows", "implants-rows")
            if self.typed(name)
        ]

    def rows(self, what: str) -> int:
        """How many rows to show: those filled, one free, and more if they were asked for."""
        asked = self.typed(f"{what}-rows")
        filled = max(
            (
                row + 1
                for row in range(MOST_ROWS)
                for part in ("type", "code", "kind", "name")
                if self.typed(f"{what}-{row}-{part}")
            ),
            default=0,
        )
        wanted = int(asked) if asked.isdigit() else 0
        return min(max(ROWS, filled, wanted), MOST_ROWS)

    def _add_variables(self, section: str) -> None:
        asked = self.definition.variables_for(section, self.group.key, procedure_types=self.types)
        expected = {
            name
            for one in self._progress(self.entry_as_typed())
            if one.section == section
            for name in one.missing
        }
        for variable in asked:
            name = f"details-{variable.key}"
            field = variable_field(
                variable, expected=variable.required == "submit" or name in expected
            )
            field.restructures = any(
                other.required_when is not None and other.required_when.variable == variable.key
                for other in asked
            )
            self._put(section, name, field)

    def _add_complications(self) -> None:
        states = [
            ("", _("Not assessed yet")),
            ("none", _("There were none")),
            ("some", _("There were complications")),
        ]
        self._put(
            "complications",
            "complications_state",
            ChoiceField(_("Complications"), states, kind="radio", restructures=True),
        )
        state = self.typed("complications_state")
        if state == "some":
            add_complication_fields(self, self.definition, self.group.key)
        if state:
            self._put(
                "complications",
                "complications_assessed_on",
                DayField(_("Assessed on"), expected=True),
            )

    def _add_implants(self) -> None:
        for row in range(self.rows("implants")):
            self._put(
                "implants",
                f"implants-{row}-kind",
                TextField(_("Implant %(number)d") % {"number": row + 1}, max_length=60),
            )
            self._put(
                "implants", f"implants-{row}-name", TextField(_("Product name"), max_length=120)
            )

    # -- shown ---------------------------------------------------------------------------

    def sections(self) -> list[Section]:
        """The parts of the form in order, each with its completeness."""
        done = {one.section: one for one in self._progress(self.entry_as_typed())}
        return [
            Section(
                key,
                SECTION_TITLES[key]() if key in SECTION_TITLES else key,
                [self[name] for name in names],
                done.get(key),
                folded=key == "implants" and not any(self.typed(name) for name in names),
            )
            for key, names in self.layout.items()
        ]

    def _progress(self, entry: OperationEntry) -> list[Progress]:
        return progress(
            entry,
            definition=self.definition,
            has_unit=self.typed("unit") in self.units or len(self.units) == 1,
            performing=self.performing,
        )

    def counted(self) -> tuple[int, int]:
        """Filled and expected fields of the whole form."""
        parts = self._progress(self.entry_as_typed())
        return sum(p.done for p in parts), sum(p.expected for p in parts)

    def summary(self) -> list[tuple[str, str]]:
        """What has been stated so far, in words, for whoever types."""
        types = self.definition.procedure_types
        day = self.typed("performed_on" if self.performing else "planned_on")
        unit = self.units.get(self.typed("unit"))
        side = self.typed("side")
        told = [
            (_("Date"), written_day(day) if day else ""),
            (_("Unit"), unit.name if unit else ""),
            (_("Group"), str(self.group.labels) if self.group else ""),
            (_("Diagnosis"), self.typed("diagnosis").upper()),
            (_("Side"), str(Side(side).label) if side in Side.values else ""),
            (_("Levels"), ", ".join(self.typed_all("levels"))),
            (
                _("Procedures"),
                "; ".join(
                    " ".join([str(types[kind].labels), code.upper()]).strip()
                    for kind, code in self._typed_procedures()
                    if kind in types
                ),
            ),
        ]
        return [(name, text) for name, text in told if text]

    # -- stated --------------------------------------------------------------------------

    def entry_as_typed(self) -> OperationEntry:
        """What is stated so far, unread dates left out: for completeness and summary."""
        return self._entry(lambda name: _day(self.typed(name)))

    def details_as_typed(self) -> dict[str, Any]:
        """The register's own variables as far as they can be read, as they would be stored."""
        if self.group is None:
            return {}
        return validate_details(
            self.definition,
            self._typed_details(),
            group=self.group.key,
            sections=("plan", "operation") if self.performing else "plan",
            strict=False,
            procedure_types=self.types,
        ).clean

    def stated(self) -> StatedOperation:
        """What the judged form states. Raises RuleBroken with what the form itself cannot read."""
        if self.errors:
            raise RuleBroken({name: list(texts) for name, texts in self.errors.items()})
        faults: dict[str, str] = {}
        unit = self.units.get(self.typed("unit"))
        if unit is None:
            faults["unit"] = _("Choose the unit.")
        revises = self.earlier.get(self.typed("revises"))
        if self.typed("revises") and revises is None:
            faults["revises"] = _("Choose one of the patient's earlier operations.")
        day = "performed_on" if self.performing else "planned_on"
        if self.cleaned_data.get(day) is None:
            faults[day] = (
                _("Give the date of operation.") if self.performing else _("Give the planned date.")
            )
        if self.group is None:
            faults["group"] = _("Choose the group.")
        if self.typed("complications_state") == "some" and not self.typed_all("complications"):
            faults["complications"] = _("Tick the complications, or say that there were none.")
        if faults:
            raise RuleBroken(faults)
        return StatedOperation(self._entry(self.cleaned_data.get), unit, revises)

    def _entry(self, day: Any) -> OperationEntry:
        state = self.typed("complications_state") if self.performing else ""
        complications = None
        if state == "none":
            complications = ()
        elif state == "some":
            complications = tuple(
                ComplicationEntry(kind, day(f"complications-{kind}"))
                for kind in self.typed_all("complications")
            )
        return OperationEntry(
            group=self.typed("group"),
            planned_on=None if self.performing else day("planned_on"),
            performed_on=day("performed_on") if self.performing else None,
            diagnosis=self.typed("diagnosis"),
            side=self.typed("side") if self.group and self.group.side != "none" else "",
            levels=tuple(self.typed_all("levels"))
            if self.group and self.group.levels != "none"
            else (),
            procedures=tuple(self._typed_procedures()),
            details=self._typed_details(),
            complications=complications,
            complications_assessed_on=day("complications_assessed_on") if state else None,
            implants=tuple(self._typed_implants()) if self.performing else (),
        )

    def _typed_procedures(self) -> Iterable[tuple[str, str]]:
        if self.group is None:
            return
        for row in range(self.rows("procedures")):
            kind, code = self.typed(f"procedures-{row}-type"), self.typed(f"procedures-{row}-code")
            if kind or code:
                yield kind, code

    def _typed_implants(self) -> Iterable[ImplantEntry]:
        for row in range(self.rows("implants")):
            kind, name = self.typed(f"implants-{row}-kind"), self.typed(f"implants-{row}-name")
            if kind or name:
                yield ImplantEntry(kind, name)

    def _typed_details(self) -> dict[str, Any]:
        """The variables asked now; those of another group were typed for another operation."""
        if self.group is None:
            return {}
        sections = ("plan", "operation") if self.performing else ("plan",)
        asked = [
            variable
            for section in sections
            for variable in self.definition.variables_for(
                section, self.group.key, procedure_types=self.types
            )
        ]
        return {
            variable.key: _value(variable.type, self.typed_all(f"details-{variable.key}"))
            for variable in asked
            if self.typed_all(f"details-{variable.key}")
        }

    # -- judged --------------------------------------------------------------------------

    def stamp(self, name: str) -> str:
        """A mark of a question and the values it is about: a changed value asks anew."""
        about = [self.typed(name), self.typed("group")]
        if name.startswith("procedures-"):
            about.append(self.typed(name.rsplit("-", 1)[0] + "-type"))
        return f"{name}:{sha256(repr(about).encode()).hexdigest()[:12]}"

    def confirmed(self) -> frozenset[str]:
        """The questions that were confirmed for the values as they stand now."""
        given = set(self.values.get("confirm", ()))
        return frozenset(
            name for name in (one.rpartition(":")[0] for one in given) if self.stamp(name) in given
        )

    def ask(self, warnings: Mapping[str, str]) -> None:
        """Show questions to be confirmed, apart from errors."""
        self.warnings = dict(warnings)

    def questions(self) -> list[dict[str, Any]]:
        """The questions with the boxes that confirm them."""
        return [
            {
                "stamp": self.stamp(name),
                "text": text,
                "field": self[name] if name in self.fields else None,
            }
            for name, text in self.warnings.items()
        ]

    def refuse(self, error: RuleBroken) -> None:
        """Put an action's refusal beside the fields it is about."""
        show_refusal(self, error)


def add_complication_fields(form: Any, definition: RegisterDefinition, group: str) -> None:
    """Give a form the boxes of the group's complications, and a date for each ticked one."""
    offered = definition.complications_for(group)
    form._put(
        "complications",
        "complications",
        ChoicesField(
            _("Which?"),
            [(c.key, str(c.labels)) for c in offered],
            expected=True,
            restructures=True,
        ),
    )
    chosen = set(form.typed_all("complications"))
    for kind in offered:
        if kind.key in chosen:
            form._put(
                "complications",
                f"complications-{kind.key}",
                DayField(_("%(complication)s: date") % {"complication": kind.labels}),
            )


def _day(text: str) -> date | None:
    try:
        return DayField("").clean(text)
    except forms.ValidationError:
        return None


def _value(kind: str, typed: list[str]) -> Any:
    """A variable as typed; completeness compares yes and no as such."""
    if kind == "choices":
        return typed
    if kind == "boolean" and typed[0] in {"true", "false"}:
        return typed[0] == "true"
    return typed[0]
