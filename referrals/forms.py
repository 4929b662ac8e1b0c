"""Forms about referrals and consultations. They read what was typed; rules are in the actions."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from patients.forms import UnitField, day_field, units_where
from referrals.policies import decided
from registry.accounts.permissions import Viewer
from registry.registers.schema import RegisterDefinition
from registry.units.models import HealthRegion, Hospital, Unit

REGION_HELP = _("Leave empty to use the residence on record on that day.")


class _MemberForm(forms.Form):
    """A unit and a region on a day."""

    def __init__(
        self, *args: Any, viewer: Viewer, definition: RegisterDefinition, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.fields["unit"].offer(units_where(viewer, definition.code))
        self.fields["region"].queryset = HealthRegion.objects.filter(
            country=definition.register.country
        )


class ReferralForm(_MemberForm):
    """Registers a referral."""

    received_on = day_field(_("Received"))
    criterion = forms.ChoiceField(label=_("Criterion"), widget=forms.RadioSelect)
    diagnosis = forms.CharField(label=_("Diagnosis (ICD-10)"), required=False, max_length=10)
    referring_hospital = forms.ModelChoiceField(
        label=_("Referring hospital"), queryset=Hospital.objects.all(), required=False
    )
    referring_text = forms.CharField(
        label=_("Another referring hospital"), required=False, max_length=120
    )
    region = forms.ModelChoiceField(
        label=_("Region of residence"),
        queryset=HealthRegion.objects.none(),
        required=False,
        help_text=REGION_HELP,
    )
    unit = UnitField(label=_("Unit"), queryset=Unit.objects.none())

    def __init__(self, *args: Any, definition: RegisterDefinition, **kwargs: Any) -> None:
        super().__init__(*args, definition=definition, **kwargs)
        self.fields["criterion"].choices = [
            (key, str(criterion.labels)) for key, criterion in definition.criteria.items()
        ]


class ConsultationForm(_MemberForm):
    """Records a consultation."""

    held_on = day_field(_("Date"))
    kind = forms.ChoiceField(label=_("Kind"), widget=forms.RadioSelect)
    region = forms.ModelChoiceField(
        label=_("Region of residence"),
        queryset=HealthRegion.objects.none(),
        required=False,
        help_text=REGION_HELP,
    )
    unit = UnitField(label=_("Unit"), queryset=Unit.objects.none())

    def __init__(self, *args: Any, definition: RegisterDefinition, **kwargs: Any) -> None:
        super().__init__(*args, definition=definition, **kwargs)
        self.fields["kind"].choices = [
            (key, str(kind.labels)) for key, kind in definition.consultation_kinds.items()
        ]


class DecisionForm(forms.Form):
    """Decides a referral."""

    decision = forms.ChoiceField(label=_("Decision"), widget=forms.RadioSelect)
    decided_on = day_field(_("Date of the decision"))

    def __init__(self, *args: Any, definition: RegisterDefinition, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["decision"].choices = [
            (key, str(decision.labels))
            for key, decision in definition.decisions.items()
            if decided(definition, key)
        ]


class RemovalForm(forms.Form):
    """Says why something is removed."""

    reason = forms.CharField(label=_("Reason"), max_length=200)
