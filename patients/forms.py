"""Forms about patients. They read what was typed; the rules are in the actions."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _

from patients import vault
from patients.identity import IdentityNumber, parse
from patients.models import Patient, Relation
from patients.vault import Identity
from registry.accounts.permissions import Permission, Viewer
from registry.core.choices import ContactChannel, Country, Language, Sex
from registry.core.errors import RuleBroken
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import units_of
from registry.units.models import HealthRegion, Unit


def show_rule(form: forms.Form, broken: RuleBroken) -> None:
    """Put the messages of a broken rule beside the fields they are about."""
    if not hasattr(broken, "error_dict"):
        form.add_error(None, broken)
        return
    for name, errors in broken.error_dict.items():
        form.add_error(name if name in form.fields else None, errors)


class DayInput(forms.DateInput):
    """A date, picked or typed; the browser sends it as ISO."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


def day_field(label: Any, *, required: bool = True, help_text: Any = "") -> forms.DateField:
    """Return a field for a date, which also reads ``18.4.2023``."""
    return forms.DateField(
        label=label,
        required=required,
        help_text=help_text,
        widget=DayInput(),
        input_formats=["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"],
    )


def units_where(viewer: Viewer, register_code: str) -> list[Unit]:
    """Return the units of a register at which the viewer may register."""
    return [
        unit
        for unit in units_of(register_code)
        if viewer.may(Permission.REGISTER, register_code, unit.pk)
    ]


class UnitField(forms.ModelChoiceField):
    """One of the units at which the viewer may register; hidden when there is only one."""

    def offer(self, units: list[Unit]) -> None:
        """Set the units to choose from."""
        self.queryset = Unit.objects.filter(pk__in=[unit.pk for unit in units])
        if len(units) == 1:
            self.initial = units[0]
            self.widget = forms.HiddenInput()


class SearchForm(forms.Form):
    """One line: number, registry number, or name with birth date."""

    q = forms.CharField(
        label=_("Find a patient"),
        required=False,
        max_length=200,
        help_text=_("Identity number, registry number, or name with birth date (Holm 12.4.1961)"),
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )


class ReachFields(forms.Form):
    """How a patient and a guardian are reached: fields of two forms."""

    email = forms.CharField(label=_("E-mail address"), required=False, max_length=200)
    telephone = forms.CharField(label=_("Telephone"), required=False, max_length=30)
    address = forms.CharField(
        label=_("Address"),
        required=False,
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    preferred_channel = forms.ChoiceField(
        label=_("Preferred channel"),
        required=False,
        choices=[("", _("None: the first one that works")), *ContactChannel.choices],
        help_text=_("When it does not work, e-mail, text message and telephone are tried."),
    )
    guardian_name = forms.CharField(label=_("Guardian's name"), required=False, max_length=200)
    guardian_relation = forms.ChoiceField(
        label=_("What the guardian is to the patient"),
        required=False,
        choices=[("", _("Not stated")), *Relation.choices],
    )
    guardian_email = forms.CharField(
        label=_("Guardian's e-mail address"), required=False, max_length=200
    )
    guardian_telephone = forms.CharField(
        label=_("Guardian's telephone"), required=False, max_length=30
    )
    guardian_language = forms.ChoiceField(
        label=_("Guardian's language"),
        required=False,
        choices=[("", _("The patient's language")), *Language.choices],
    )

    def without_guardian(self) -> None:
        """Leave the guardian out."""
        for name in [name for name in self.fields if name.startswith("guardian_")]:
            del self.fields[name]

    @property
    def guardian_fields(self) -> list[BoundField]:
        """What is asked about a guardian; empty where nothing is."""
        return [self[name] for name in self.fields if name.startswith("guardian_")]


class PatientForm(ReachFields):
    """Registers a patient. Birth date and sex may be left to the identity number."""

    number = forms.CharField(
        label=_("Identity number"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "text"}),
    )
    country = forms.ChoiceField(label=_("Country of the number"), choices=Country.choices)
    birth_date = day_field(_("Birth date"), required=False)
    sex = forms.ChoiceField(
        label=_("Sex"), required=False, choices=[("", _("As the number tells")), *Sex.choices]
    )
    differs = forms.BooleanField(
        label=_("Birth date or sex differs from what the number tells; I have checked this"),
        required=False,
    )
    given_name = forms.CharField(label=_("Given name"), required=False, max_length=100)
    surname = forms.CharField(label=_("Surname"), required=False, max_length=100)
    language = forms.ChoiceField(label=_("Language"), choices=Language.choices)
    unit = UnitField(label=_("Unit"), queryset=Unit.objects.none())
    region = forms.ModelChoiceField(
        label=_("Region of residence"), queryset=HealthRegion.objects.none(), required=False
    )
    consented_on = day_field(_("Consented on"), required=False)

    def __init__(
        self,
        *args: Any,
        viewer: Viewer,
        definition: RegisterDefinition,
        on: date,
        suggest_url: str = "",
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.on, self.definition = on, definition
        about = definition.register
        self.fields["number"].required = about.registration.identity == "required"
        if suggest_url:
            self.fields["number"].widget.attrs |= {
                "hx-post": suggest_url,
                "hx-trigger": "change, input changed delay:600ms",
                "hx-target": "#suggested",
                "hx-include": "closest form",
            }
        self.fields["country"].initial = about.country
        self.fields["language"].initial = about.languages[0]
        self.fields["unit"].offer(units_where(viewer, about.code))
        self.fields["region"].queryset = HealthRegion.objects.filter(country=about.country)
        if not definition.asks_guardians:
            self.without_guardian()
        if definition.patients.consent == "consent":
            self.fields["consented_on"].required = True
        else:
            del self.fields["consented_on"]

    def parsed(self) -> IdentityNumber | None:
        """Return the identity number as it was typed so far; None when it cannot be read."""
        try:
            return parse(
                self.data.get("number", ""),
                self.data.get("country") or self.definition.register.country,
                on=self.on,
            )
        except ValueError:
            return None

    def differences(self) -> bool:
        """Say whether birth date or sex is other than the number tells."""
        number = self.parsed()
        typed_date, typed_sex = (
            self.cleaned_data.get("birth_date"),
            self.cleaned_data.get("sex"),
        )
        return number is not None and (
            bool(typed_date and number.birth_date and typed_date != number.birth_date)
            or bool(typed_sex and number.sex and typed_sex not in (number.sex, Sex.UNKNOWN))
        )

    def clean(self) -> dict[str, Any]:
        """Ask to confirm what differs from the number."""
        if self.differences() and not self.cleaned_data.get("differs"):
            self.add_error(
                "differs",
                _(
                    "The number tells another birth date or sex. Compare both with the source, "
                    "and confirm if they are right."
                ),
            )
        return self.cleaned_data

    @property
    def shows_differs(self) -> bool:
        """Whether the box to confirm a difference is needed."""
        return self.is_bound and ("differs" in self.errors or bool(self.data.get("differs")))

    def told(self) -> dict[str, Any]:
        """Return what `register_patient` takes."""
        return {name: value for name, value in self.cleaned_data.items() if name != "differs"}


class IdentityForm(forms.Form):
    """Corrects who a patient is."""

    number = forms.CharField(
        label=_("Identity number"),
        required=False,
        max_length=30,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        help_text=_("Leave empty to keep the number as it is."),
    )
    country = forms.ChoiceField(label=_("Country of the number"), choices=Country.choices)
    given_name = forms.CharField(label=_("Given name"), required=False, max_length=100)
    surname = forms.CharField(label=_("Surname"), max_length=100)
    birth_date = day_field(_("Birth date"))
    sex = forms.ChoiceField(label=_("Sex"), choices=Sex.choices)


class ContactForm(ReachFields):
    """Changes how a patient, and a guardian, are reached.

    A refused address has a box beside it to use it again all the same. ``refused`` holds the
    addresses (of `vault.ADDRESSES`) that were refused, with the day.
    """

    language = forms.ChoiceField(
        label=_("Language"),
        choices=Language.choices,
        help_text=_("Questionnaires and messages are written in this language."),
    )

    field_order = ("preferred_channel", "language")

    def __init__(
        self, *args: Any, refused: Mapping[str, date], with_guardian: bool, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        if not with_guardian:
            self.without_guardian()
        ordered: list[str] = []
        for name in list(self.fields):
            ordered.append(name)
            if name in refused:
                self.fields[name].help_text = _(
                    "Refused on %(day)s. Correct it; nothing is sent to it until then."
                ) % {"day": date_format(refused[name], "SHORT_DATE_FORMAT")}
                self.fields[f"{name}_again"] = forms.BooleanField(
                    label=_("It is right: use it again"), required=False
                )
                ordered.append(f"{name}_again")
        self.order_fields(ordered)

    @classmethod
    def of(cls, identity: Identity, patient: Patient) -> dict[str, str]:
        """Return the initial values."""
        return {
            name: getattr(identity if hasattr(identity, name) else patient, name)
            for name in (*ReachFields.base_fields, "language")
        }

    @property
    def sections(self) -> list[tuple[Any, list[BoundField]]]:
        """The fields under headings."""
        guardian = self.guardian_fields
        names = {field.name for field in guardian}
        return [
            (_("The patient"), [field for field in self if field.name not in names]),
            *([(_("A parent or guardian"), guardian)] if guardian else []),
        ]

    def told(self) -> dict[str, Any]:
        """Return what `change_contact` takes."""
        told = dict(self.cleaned_data)
        again = [name for name in vault.ADDRESSES if told.pop(f"{name}_again", False)]
        return told | {"right_after_all": again}


class ResidenceForm(forms.Form):
    """Records a move."""

    region = forms.ModelChoiceField(
        label=_("Region of residence"), queryset=HealthRegion.objects.none()
    )
    since = day_field(_("Lives there since"))

    def __init__(self, *args: Any, country: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["region"].queryset = HealthRegion.objects.filter(country=country)


class DeathForm(forms.Form):
    """Records a death."""

    died_on = day_field(_("Date of death"))


class EmigrationForm(forms.Form):
    """Records that a patient has left the country."""

    emigrated_on = day_field(_("Date of emigration"))


class ConsentForm(forms.Form):
    """Records a consent."""

    consented_on = day_field(_("Consented on"))


class OptOutForm(forms.Form):
    """Withdraws a member from the register."""

    opted_out_on = day_field(_("Date of opting out"))


class ErasureForm(forms.Form):
    """Erases who a patient is."""

    reason = forms.CharField(label=_("Reason"), max_length=200)
    sure = forms.BooleanField(label=_("I know that this cannot be undone"))
