"""Forms of a register's administration."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from registry.accounts.models import Role
from registry.registers.selectors import units_of
from registry.units.models import Unit


class PersonForm(forms.Form):
    """Gives somebody a role in a register."""

    email = forms.EmailField(label=_("E-mail address"))
    first_name = forms.CharField(label=_("First name"), max_length=150)
    last_name = forms.CharField(label=_("Last name"), max_length=150)
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)
    unit = forms.ModelChoiceField(
        label=_("Unit"),
        queryset=Unit.objects.none(),
        required=False,
        empty_label=_("The whole register"),
        help_text=_(
            "A clinician works at one unit; a coordinator at one or in the whole register."
        ),
    )
    valid_from = forms.DateField(
        label=_("From"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )

    def __init__(self, *args: Any, register_code: str, on: date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].queryset = Unit.objects.filter(
            pk__in=[unit.pk for unit in units_of(register_code)]
        )
        self.fields["valid_from"].initial = on

    def clean(self) -> dict[str, Any]:
        """Say beside the unit what the role needs; the database has the same rule."""
        cleaned = super().clean()
        role, unit = cleaned.get("role"), cleaned.get("unit")
        if role == Role.CLINICIAN and unit is None:
            self.add_error("unit", _("Choose the unit at which the clinician works."))
        if role in {Role.ADMINISTRATOR, Role.NATIONAL_READER} and unit is not None:
            self.add_error("unit", _("This role holds for the whole register. Leave the unit out."))
        return cleaned
