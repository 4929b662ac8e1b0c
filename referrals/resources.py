"""Files of referrals and of consultations."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy
from import_export import fields

from patients.resources import (
    PATIENT_COLUMNS,
    REGION_COLUMN,
    UNIT_COLUMN,
    members_of_rows,
    regions_by_code,
)
from referrals.actions import (
    NewConsultation,
    NewReferral,
    record_consultations,
    refer_patients,
)
from registry.jobs.imports import Column, ImportContext, ImportKind, ParsedRows, Row
from registry.jobs.resources import CaseResource, DayWidget, KeyWidget, LookUpWidget
from registry.registers.schema import RegisterDefinition
from registry.units.models import Hospital


class _MemberRows(CaseResource):
    """Rows that name a member and the region of residence on the day."""

    region = fields.Field(column_name="residence_region", attribute="region")

    def __init__(self, context: ImportContext) -> None:
        super().__init__(context)
        self.fields["region"].widget = LookUpWidget(regions_by_code())

    def entry(self, told: dict[str, Any]) -> object:
        """Return the entry of the set action for a row."""
        raise NotImplementedError

    def parse_rows(self, rows: Sequence[Row]) -> ParsedRows:
        """Return an entry for each row whose member is known and whose cells can be read."""
        told, errors = self.read_rows(rows)
        members, unknown = members_of_rows(self.context, rows)
        entries = [
            self.entry({**vars(one), "membership": member}) if one and member else None
            for one, member in zip(told, members, strict=True)
        ]
        return ParsedRows(entries, [*unknown, *errors])


class ReferralResource(_MemberRows):
    """referrals.csv: one row for each referral, decided or not."""

    received_on = fields.Field(
        column_name="referral_date", attribute="received_on", widget=DayWidget()
    )
    referring = fields.Field(column_name="referring_hospital", attribute="referring")
    criterion = fields.Field(column_name="criterion", attribute="criterion")
    diagnosis = fields.Field(column_name="diagnosis", attribute="diagnosis")
    decision = fields.Field(column_name="decision", attribute="decision")
    decided_on = fields.Field(
        column_name="decision_date", attribute="decided_on", widget=DayWidget()
    )

    def __init__(self, context: ImportContext) -> None:
        super().__init__(context)
        self.fields["criterion"].widget = KeyWidget(context.definition.criteria)
        self.fields["decision"].widget = KeyWidget(context.definition.decisions)
        self.hospitals = {
            name.casefold(): hospital
            for hospital in Hospital.objects.all()
            for name in (hospital.code, hospital.name)
        }

    def entry(self, told: dict[str, Any]) -> NewReferral:
        """Return the referral; a hospital that is not in the reference data stays a text."""
        name = told.pop("referring")
        hospital = self.hospitals.get(name.casefold())
        told["decision"] = told["decision"] or "pending"
        return NewReferral(
            **told, referring_hospital=hospital, referring_text="" if hospital else name
        )


class ConsultationResource(_MemberRows):
    """consultations.csv: one row for each consultation."""

    held_on = fields.Field(column_name="consultation_date", attribute="held_on", widget=DayWidget())
    kind = fields.Field(column_name="kind", attribute="kind")

    def __init__(self, context: ImportContext) -> None:
        super().__init__(context)
        self.fields["kind"].widget = KeyWidget(context.definition.consultation_kinds)

    def entry(self, told: dict[str, Any]) -> NewConsultation:
        """Return the consultation."""
        return NewConsultation(**told)


def _referral_columns(definition: RegisterDefinition) -> tuple[Column, ...]:
    return (
        *PATIENT_COLUMNS,
        Column("referral_date", gettext_lazy("Received"), required=True),
        REGION_COLUMN,
        Column("referring_hospital", gettext_lazy("Referring hospital")),
        Column(
            "criterion",
            gettext_lazy("Criterion"),
            required=True,
            help=", ".join(definition.criteria),
        ),
        Column("diagnosis", gettext_lazy("Diagnosis (ICD-10)")),
        Column("decision", gettext_lazy("Decision"), help=", ".join(definition.decisions)),
        Column("decision_date", gettext_lazy("Decided")),
        UNIT_COLUMN,
    )


def _consultation_columns(definition: RegisterDefinition) -> tuple[Column, ...]:
    return (
        *PATIENT_COLUMNS,
        Column("consultation_date", gettext_lazy("Date"), required=True),
        REGION_COLUMN,
        Column(
            "kind",
            gettext_lazy("Kind"),
            required=True,
            help=", ".join(definition.consultation_kinds),
        ),
        UNIT_COLUMN,
    )


def _offered(definition: RegisterDefinition) -> bool:
    return definition.referrals.enabled


REFERRALS = ImportKind(
    label=gettext_lazy("Referrals"),
    columns=_referral_columns,
    parse_rows=lambda context, rows: ReferralResource(context).parse_rows(rows),
    write_rows=lambda context, entries: len(
        refer_patients(
            by=context.viewer,
            register_code=context.register_code,
            entries=entries,
            on=context.on,
        )
    ),
    column_of={
        "received_on": "referral_date",
        "decided_on": "decision_date",
        "region": "residence_region",
    },
    offered=_offered,
)
CONSULTATIONS = ImportKind(
    label=gettext_lazy("Consultations"),
    columns=_consultation_columns,
    parse_rows=lambda context, rows: ConsultationResource(context).parse_rows(rows),
    write_rows=lambda context, entries: len(
        record_consultations(
            by=context.viewer,
            register_code=context.register_code,
            entries=entries,
            on=context.on,
        )
    ),
    column_of={"held_on": "consultation_date", "region": "residence_region"},
    offered=_offered,
)
