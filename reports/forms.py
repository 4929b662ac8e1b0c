"""Questions to the reports as they stand in an address: of a page and of the API alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.choices import BaseChoiceIterator
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from proms.instruments import instruments
from registry.accounts.permissions import Permission, Viewer
from registry.core.choices import Sex
from registry.registers.schema import PublishedGroup, RegisterDefinition
from registry.registers.selectors import units_of
from registry.units.models import HealthRegion, Unit
from reports.scales import compared_scales, measures
from reports.selectors.scope import Filters, Scope, first_year, sees_patients_of

PUBLISHED = "report:"
"""Prefix of a group as the annual report joins it."""
COHORT = "cohort:"
"""Prefix of all groups of a cohort, such as lumbar."""


def groups_of(definition: RegisterDefinition, chosen: list[str]) -> tuple[str, ...]:
    """Return the group keys that choices of a bar or an address stand for; unknown ones none."""
    published = _published(definition, chosen)
    if published is not None:
        return published.groups
    if len(chosen) == 1 and chosen[0].startswith(COHORT):
        wanted = chosen[0].removeprefix(COHORT)
        return tuple(key for key, one in definition.groups.items() if one.cohort == wanted)
    return tuple(key for key in chosen if key in definition.groups)


def _published(definition: RegisterDefinition, chosen: list[str]) -> PublishedGroup | None:
    if len(chosen) != 1 or not chosen[0].startswith(PUBLISHED):
        return None
    return definition.published_groups.get(chosen[0].removeprefix(PUBLISHED))


class ReadyChoices(BaseChoiceIterator):
    """Choices that are pairs, or groups of pairs, already.

    Django looks through every other list of choices again each time a field is given one, which
    takes as long as writing the bar.
    """

    def __init__(self, pairs: Iterable[tuple[Any, Any]]) -> None:
        self.pairs = list(pairs)

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return iter(self.pairs)


class OneOfMany(forms.Select):
    """A list to choose one from, for a field that an address may repeat."""

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        """Return all values given."""
        return data.getlist(name) if hasattr(data, "getlist") else data.get(name)


class ScopeForm(forms.Form):
    """Which operations: groups, procedure type, period. Everything may be left out."""

    group = forms.MultipleChoiceField(label=_("Diagnosis"), required=False, widget=OneOfMany)
    procedure_type = forms.ChoiceField(label=_("Type of operation"), required=False)
    year_from = forms.TypedChoiceField(label=_("From year"), required=False, coerce=int)
    year_to = forms.TypedChoiceField(label=_("To year"), required=False, coerce=int)

    def __init__(
        self,
        *args: Any,
        definition: RegisterDefinition,
        viewer: Viewer,
        on: date,
        whole: bool = False,
        **kwargs: Any,
    ) -> None:
        """``whole``: no group means every group of the register, not the first one compared."""
        super().__init__(*args, **kwargs)
        self.definition, self.viewer, self.on, self.whole = definition, viewer, on, whole
        self.offer("group", self._groups())
        self.offer(
            "procedure_type",
            [
                ("", _("All types")),
                *((key, one.labels) for key, one in definition.procedure_types.items()),
            ],
        )
        years = [(str(year), str(year)) for year in range(first_year(definition), on.year + 1)]
        self.offer("year_from", years)
        self.offer("year_to", years)

    def offer(self, name: str, choices: Iterable[tuple[Any, Any]]) -> None:
        """Let a field be chosen from these."""
        self.fields[name].choices = ReadyChoices(choices)

    def _groups(self) -> list[tuple[Any, Any]]:
        definition = self.definition
        parts = [
            (_("Diagnosis groups"), [(key, one.labels) for key, one in definition.groups.items()]),
            (
                _("Regions of the body and diseases"),
                [(f"{COHORT}{one.key}", one.labels) for one in definition.procedures.cohorts],
            ),
            (
                _("As the annual report joins them"),
                [
                    (f"{PUBLISHED}{key}", one.labels)
                    for key, one in definition.published_groups.items()
                    if one.scales
                ],
            ),
        ]
        everything = [("", _("All diagnoses"))] if self.whole else []
        return [*everything, *(part for part in parts if part[1])]

    def clean(self) -> dict[str, Any]:
        """Check the order of the years, and that joined groups stand alone."""
        cleaned = super().clean() or self.cleaned_data
        first, last = cleaned.get("year_from"), cleaned.get("year_to")
        if first and last and first > last:
            self.add_error("year_to", _("The last year lies before the first. Choose a later one."))
        chosen = self._chosen
        if len(chosen) > 1 and any(":" in key for key in chosen):
            self.add_error("group", _("This joins several groups already. Choose it alone."))
        return cleaned

    @property
    def _chosen(self) -> list[str]:
        return [key for key in self.cleaned_data.get("group") or [] if key]

    @cached_property
    def chosen_groups(self) -> tuple[str, ...]:
        """The group keys asked for; the first compared group where none is given."""
        chosen = self._chosen
        if not chosen and self.whole:
            return tuple(self.definition.groups)
        if not chosen:
            return (self.default_group,) if self.default_group else ()
        return groups_of(self.definition, chosen)

    @property
    def default_group(self) -> str | None:
        """The first group that is compared."""
        return next(
            (key for key in self.definition.groups if self.definition.scales_for(key)), None
        )

    @property
    def chosen_types(self) -> tuple[str, ...]:
        """The procedure types asked for; none means all."""
        if self.cleaned_data.get("procedure_type"):
            return (self.cleaned_data["procedure_type"],)
        published = _published(self.definition, self._chosen)
        return published.procedure_types if published else ()

    @property
    def group_label(self) -> str:
        """What the chosen groups are called together."""
        chosen = self._chosen
        published = _published(self.definition, chosen)
        if published is not None:
            return str(published.labels)
        cohort = next(
            (c for c in self.definition.procedures.cohorts if chosen == [f"{COHORT}{c.key}"]), None
        )
        if cohort is not None:
            return str(cohort.labels)
        return ", ".join(str(self.definition.groups[key].labels) for key in self.chosen_groups)

    def scope(self) -> Scope:
        """Return the operations asked for; call it when the form is valid."""
        return Scope(
            register_code=self.definition.code,
            groups=self.chosen_groups,
            procedure_types=self.chosen_types,
            year_from=self.cleaned_data.get("year_from") or 0,
            year_to=self.cleaned_data.get("year_to") or 9999,
        )


class BenchmarkForm(ScopeForm):
    """A benchmark question: a scope, a scale, a unit to compare, and filters."""

    scale = forms.ChoiceField(label=_("Scale"), required=False)
    unit = forms.ChoiceField(label=_("Unit"), required=False)
    sex = forms.ChoiceField(label=_("Sex"), required=False)
    age_from = forms.IntegerField(label=_("Age from"), required=False, min_value=0, max_value=130)
    age_to = forms.IntegerField(label=_("Age to"), required=False, min_value=0, max_value=130)
    symptom_duration_axial = forms.TypedChoiceField(
        label=_("Duration of back or neck pain"), required=False, coerce=int, empty_value=None
    )
    symptom_duration_limb = forms.TypedChoiceField(
        label=_("Duration of leg or arm pain"), required=False, coerce=int, empty_value=None
    )
    smoking = forms.TypedChoiceField(
        label=_("Smoking"), required=False, coerce=int, empty_value=None
    )
    region = forms.ChoiceField(label=_("Region"), required=False)

    FILTERS = (
        "sex",
        "age_from",
        "age_to",
        "symptom_duration_axial",
        "symptom_duration_limb",
        "smoking",
        "region",
    )

    def filter_fields(self) -> list[BoundField]:
        """Return the fields that narrow whom a figure is about."""
        return [self[name] for name in self.FILTERS if name in self.fields]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.units = {unit.code: unit for unit in units_of(self.definition.code)}
        self.offer("scale", [(code, one.label) for code, one in measures(self.definition).items()])
        self.offer(
            "unit",
            [
                ("", _("My unit")),
                ("nation", _("The nation only")),
                *((code, unit.name) for code, unit in self.units.items()),
            ],
        )
        self.offer("sex", [("", _("All")), *Sex.choices[:2]])
        regions = HealthRegion.objects.filter(country=self.definition.about.country)
        self.offer("region", [("", _("All")), *regions.values_list("code", "name")])
        for name in ("symptom_duration_axial", "symptom_duration_limb", "smoking"):
            question = self.definition.patient_questions.get(name)
            if question is None:
                del self.fields[name]
                continue
            item = instruments()[question.instruments[0]].item(question.item)
            self.offer(
                name, [("", _("All")), *((str(one.value), str(one)) for one in item.options)]
            )

    def clean(self) -> dict[str, Any]:
        """Check that the scale is asked of the groups and the ages are in order."""
        cleaned = super().clean()
        low, high = cleaned.get("age_from"), cleaned.get("age_to")
        if low is not None and high is not None and low > high:
            self.add_error("age_to", _("The highest age lies below the lowest."))
        if "group" not in self.errors and not self.chosen_groups:
            self.add_error("group", _("This register compares no scores yet."))
        return cleaned

    @property
    def chosen_scale(self) -> str:
        """The scale asked for, else the first one compared for the groups."""
        compared = self.compared
        wanted = self.cleaned_data.get("scale")
        if wanted:
            return wanted
        return compared[0] if compared else next(iter(measures(self.definition)))

    @property
    def compared(self) -> list[str]:
        """The scales compared for the chosen groups, the most important first."""
        return compared_scales(self.definition, list(self.chosen_groups))

    @property
    def chosen_unit(self) -> Unit | None:
        """The unit asked for; by default the viewer's first own one, if there is one."""
        code = self.cleaned_data.get("unit")
        if code == "nation":
            return None
        if code:
            return self.units[code]
        own = self.viewer.unit_ids(Permission.SEE_REPORTS, self.definition.code)
        return next(
            (
                unit
                for unit in self.units.values()
                if unit.pk in own and sees_patients_of(self.viewer, self.definition.code, unit.pk)
            ),
            None,
        )

    def scope(self) -> Scope:
        """Return the operations asked for, filters included."""
        scope = super().scope()
        cleaned = self.cleaned_data
        region = cleaned.get("region")
        filters = Filters(
            sex=cleaned.get("sex") or None,
            age_from=cleaned.get("age_from"),
            age_to=cleaned.get("age_to"),
            symptom_duration_axial=cleaned.get("symptom_duration_axial"),
            symptom_duration_limb=cleaned.get("symptom_duration_limb"),
            smoking=cleaned.get("smoking"),
            region_id=HealthRegion.objects.get(code=region).pk if region else None,
        )
        return Scope(
            scope.register_code,
            scope.groups,
            scope.procedure_types,
            scope.year_from,
            scope.year_to,
            filters,
        )
