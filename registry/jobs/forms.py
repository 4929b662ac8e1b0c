"""The form that takes a file of cases."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from registry.accounts.permissions import Permission, Viewer
from registry.jobs.imports import import_kinds
from registry.jobs.sheets import MOST_BYTES
from registry.registers.selectors import definition_for, units_of
from registry.units.models import Unit


class UploadForm(forms.Form):
    """What the file holds, for which unit, and the file."""

    kind = forms.ChoiceField(label=_("What the file holds"))
    unit = forms.ModelChoiceField(
        label=_("Unit"),
        queryset=Unit.objects.none(),
        required=False,
        empty_label=_("As in the column “unit” of the file"),
    )
    file = forms.FileField(
        label=_("File"),
        help_text=_("CSV (UTF-8, comma or semicolon) or XLSX. The first row names the columns."),
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.xlsx,.txt"}),
    )

    def __init__(self, *args: Any, viewer: Viewer, register_code: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.viewer, self.register_code = viewer, register_code
        kinds = import_kinds(definition_for(register_code))
        self.fields["kind"].choices = [(key, kind.label) for key, kind in kinds.items()]
        mine = [
            unit
            for unit in units_of(register_code)
            if viewer.may(Permission.IMPORT, register_code, unit.pk)
        ]
        self.fields["unit"].queryset = Unit.objects.filter(pk__in=[unit.pk for unit in mine])
        if len(mine) == 1:
            self.fields["unit"].initial = mine[0]
            self.fields["unit"].required = True
            self.fields["unit"].empty_label = None

    def clean_file(self) -> Any:
        """Refuse a file that is too large before it is read."""
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(
                _("The file is larger than 100 MB. Split it and load the parts.")
            )
        return file
