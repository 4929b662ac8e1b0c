"""Short forms: cancel, move to another day, narrow the list."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from procedures.forms.fields import DATE_FORMATS
from procedures.models import OperationState
from registry.core.errors import RuleBroken
from registry.units.models import Unit


class CancelForm(forms.Form):
    """Why a planned operation will not be performed."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Do not write names or identity numbers."),
    )


class WithdrawForm(forms.Form):
    """Why an operation was registered by mistake; the second box is asked only where it matters."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Do not write names or identity numbers."),
    )
    answers_confirmed = forms.BooleanField(
        label=_("The operation is withdrawn although the patient has answered"), required=False
    )

    def __init__(self, data: Any = None) -> None:
        super().__init__(data)
        self.asked = self.fields.pop("answers_confirmed")
        if data and "answers_confirmed" in data:
            self.ask_about_answers()

    def ask_about_answers(self) -> None:
        """Show the box that says that the answers are known of."""
        self.fields["answers_confirmed"] = self.asked

    def ask_about_answers_if(self, refused: RuleBroken) -> None:
        """Show that box if a refusal is about it."""
        if "answers_confirmed" in getattr(refused, "error_dict", {}):
            self.ask_about_answers()


class RescheduleForm(forms.Form):
    """The new planned date."""

    planned_on = forms.DateField(
        label=_("New planned date"),
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )

    confirmed = forms.DateField(required=False, widget=forms.HiddenInput)
    """The date whose consequences have been shown."""

    def is_confirmed(self) -> bool:
        """Say whether what this date brings about was on the page that was sent."""
        return self.cleaned_data["confirmed"] == self.cleaned_data["planned_on"]

    def ask_to_confirm(self) -> None:
        """Let the next sending of the form confirm this date."""
        self.data = self.data.copy()
        self.data["confirmed"] = self.cleaned_data["planned_on"].isoformat()


class ListFilterForm(forms.Form):
    """Narrows the list of operations; it lives in the address."""

    state = forms.ChoiceField(label=_("State"), required=False)
    unit = forms.ModelChoiceField(label=_("Unit"), queryset=Unit.objects.none(), required=False)
    since = forms.DateField(
        label=_("From"),
        required=False,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )
    until = forms.DateField(
        label=_("Until"),
        required=False,
        input_formats=DATE_FORMATS,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
    )

    def __init__(self, data: Any, *, units: Iterable[Unit]) -> None:
        super().__init__(data)
        self.fields["state"].choices = [("", _("All states")), *OperationState.choices]
        pks = [unit.pk for unit in units]
        self.fields["unit"].queryset = Unit.objects.filter(pk__in=pks)
        self.fields["unit"].empty_label = _("All units")
