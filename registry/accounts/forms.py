"""Forms about the user themselves."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

# A token that a dashboard uses is renewed at least once a year.
DAYS = [(30, _("30 days")), (90, _("90 days")), (365, _("a year"))]


class TokenForm(forms.Form):
    """Asks for a token for another system."""

    name = forms.CharField(
        label=_("Which system will use it?"),
        max_length=80,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    register_codes = forms.MultipleChoiceField(
        label=_("Registers it may read"), widget=forms.CheckboxSelectMultiple
    )
    days = forms.TypedChoiceField(label=_("Valid for"), choices=DAYS, coerce=int, initial=90)

    def __init__(self, *args: Any, registers: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["register_codes"].choices = registers
