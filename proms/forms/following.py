"""What staff ask and note about following up: response rates in an address, a call by a form."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from proms.models import CallOutcome
from proms.selectors import NO_CHANNEL, Asking, By
from registry.core.alphabet import sort_key
from registry.core.choices import Language
from registry.messaging.models import Channel
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import units_of


class CallForm(forms.Form):
    """How a call ended. The rules are in actions.log_call."""

    outcome = forms.ChoiceField(choices=CallOutcome)
    call_back_at = forms.DateTimeField(
        label=_("Call back at"),
        required=False,
        error_messages={"invalid": _("Say on which day and at what time to call back.")},
    )
    note = forms.CharField(label=_("Note"), required=False, max_length=200)
    recipient = forms.ChoiceField(
        choices=[("patient", ""), ("guardian", "")], required=False, initial="patient"
    )
    seen = forms.IntegerField(required=False, min_value=0)


class RatesForm(forms.Form):
    """Response rates as they are asked for in an address; everything may be left out."""

    by = forms.ChoiceField(label=_("Rows"), choices=By, required=False)
    due_from = forms.DateField(label=_("Due from"), required=False)
    due_to = forms.DateField(label=_("Due until"), required=False)
    time_point = forms.ChoiceField(label=_("Time point"), required=False)
    unit = forms.ChoiceField(label=_("Unit"), required=False)
    channel = forms.ChoiceField(label=_("Channel"), required=False)
    language = forms.ChoiceField(label=_("Language"), required=False)

    def __init__(self, data: Any, *, definition: RegisterDefinition, on: date) -> None:
        given = data.copy()
        given.setdefault("by", By.UNIT)
        given.setdefault("due_from", on.replace(year=on.year - 1, day=1).isoformat())
        given.setdefault("due_to", on.isoformat())
        super().__init__(given)
        for name in ("due_from", "due_to"):
            self.fields[name].widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
        self.units = {unit.code: unit for unit in units_of(definition.code)}
        every = ("", _("All"))
        self.fields["time_point"].choices = [
            every,
            *((key, str(point.labels)) for key, point in definition.time_points.items()),
        ]
        self.fields["unit"].choices = [
            every,
            *sorted(
                ((code, unit.name) for code, unit in self.units.items()),
                key=lambda one: sort_key(one[1]),
            ),
        ]
        self.fields["channel"].choices = [every, *channels()]
        self.fields["language"].choices = [every, *Language.choices]

    def clean(self) -> dict[str, Any]:
        """Check that the period does not end before it begins."""
        cleaned = super().clean()
        first, last = cleaned.get("due_from"), cleaned.get("due_to")
        for name in ("due_from", "due_to"):
            if cleaned.get(name) is None and name not in self.errors:
                self.add_error(name, _("Say a date."))
        if first and last and first > last:
            self.add_error("due_to", _("The period ends before it begins."))
        return cleaned

    @property
    def rows(self) -> By:
        """What the rows are."""
        return By(self.cleaned_data["by"] or By.UNIT)

    def asking(self) -> Asking:
        """Return the follow-ups asked for."""
        cleaned = self.cleaned_data
        unit = self.units.get(cleaned["unit"])
        return Asking(
            due_from=cleaned["due_from"],
            due_to=cleaned["due_to"],
            time_point=cleaned["time_point"] or None,
            unit_id=unit.pk if unit else None,
            channel=cleaned["channel"] or None,
            language=cleaned["language"] or None,
        )


def channels() -> list[tuple[str, Any]]:
    """Return the channels by which follow-ups are asked, and the lack of one."""
    labels = {"email": _("E-mail"), "sms": _("Text message"), "letter": _("Letter")}
    return [
        *((value, labels.get(value, value)) for value in Channel.values),
        (NO_CHANNEL, _("Nothing sent")),
    ]
