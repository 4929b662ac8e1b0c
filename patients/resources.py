"""Files of patients, and the patient named in the rows of other files."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from import_export import fields

from patients.actions import NewPatient, register_patients
from patients.identity import parse
from patients.models import Membership, Relation
from patients.selectors import memberships_by_number, memberships_for
from registry.accounts.permissions import Permission
from registry.core.choices import ContactChannel, Language, Sex
from registry.jobs.imports import Column, ImportContext, ImportKind, ParsedRows, Row
from registry.jobs.resources import CaseResource, DayWidget, KeyWidget, LookUpWidget
from registry.jobs.rows import RowError
from registry.registers.schema import RegisterDefinition
from registry.units.models import HealthRegion

UNIT_COLUMN = Column("unit", gettext_lazy("Unit"), help=gettext_lazy("Code of the unit."))
PATIENT_COLUMNS = (
    Column("identity_number", gettext_lazy("Identity number")),
    Column("identity_country", gettext_lazy("Country of the number")),
    Column("registry_number", gettext_lazy("Registry number")),
)
REGION_COLUMN = Column(
    "residence_region",
    gettext_lazy("Region of residence"),
    help=gettext_lazy("Code of the health region on that day."),
)


def regions_by_code() -> dict[str, HealthRegion]:
    """Return the health regions by code."""
    return {region.code.casefold(): region for region in HealthRegion.objects.all()}


class PatientResource(CaseResource):
    """patients.csv: one row for each person."""

    number = fields.Field(column_name="identity_number", attribute="number")
    country = fields.Field(column_name="identity_country", attribute="country")
    given_name = fields.Field(column_name="given_name", attribute="given_name")
    surname = fields.Field(column_name="family_name", attribute="surname")
    birth_date = fields.Field(column_name="birth_date", attribute="birth_date", widget=DayWidget())
    sex = fields.Field(column_name="sex", attribute="sex", widget=KeyWidget(Sex.values))
    language = fields.Field(
        column_name="language", attribute="language", widget=KeyWidget(Language.values)
    )
    address = fields.Field(column_name="address", attribute="address")
    email = fields.Field(column_name="email", attribute="email")
    telephone = fields.Field(column_name="telephone", attribute="telephone")
    preferred_channel = fields.Field(
        column_name="preferred_channel",
        attribute="preferred_channel",
        widget=KeyWidget(ContactChannel.values),
    )
    guardian_name = fields.Field(column_name="guardian_name", attribute="guardian_name")
    guardian_relation = fields.Field(
        column_name="guardian_relation",
        attribute="guardian_relation",
        widget=KeyWidget(Relation.values),
    )
    guardian_email = fields.Field(column_name="guardian_email", attribute="guardian_email")
    guardian_telephone = fields.Field(
        column_name="guardian_telephone", attribute="guardian_telephone"
    )
    guardian_language = fields.Field(
        column_name="guardian_language",
        attribute="guardian_language",
        widget=KeyWidget(Language.values),
    )
    region = fields.Field(column_name="residence_region", attribute="region")
    residence_from = fields.Field(
        column_name="residence_from", attribute="residence_from", widget=DayWidget()
    )
    joined_on = fields.Field(column_name="joined_on", attribute="joined_on", widget=DayWidget())
    consented_on = fields.Field(
        column_name="consented_on", attribute="consented_on", widget=DayWidget()
    )

    def __init__(self, context: ImportContext) -> None:
        super().__init__(context)
        self.fields["region"].widget = LookUpWidget(regions_by_code())

    def parse_rows(self, rows: Sequence[Row]) -> ParsedRows:
        """Return a NewPatient for each row."""
        told, errors = self.read_rows(rows)
        return ParsedRows([one and NewPatient(**vars(one)) for one in told], errors)


def patient_columns(definition: RegisterDefinition) -> tuple[Column, ...]:
    """Return the columns of a file of patients."""
    return (
        Column(
            "identity_number",
            gettext_lazy("Identity number"),
            required=definition.register.registration.identity == "required",
        ),
        Column(
            "identity_country",
            gettext_lazy("Country of the number"),
            help=gettext_lazy("NO, DK, SE, FI or IS; the register's own when empty."),
        ),
        Column("given_name", gettext_lazy("Given name")),
        Column("family_name", gettext_lazy("Surname")),
        Column("birth_date", gettext_lazy("Birth date")),
        Column("sex", gettext_lazy("Sex"), help="female, male, unknown"),
        Column("language", gettext_lazy("Language"), help="nb, da, sv, en"),
        Column("address", gettext_lazy("Address")),
        Column("email", gettext_lazy("E-mail address")),
        Column("telephone", gettext_lazy("Telephone")),
        Column(
            "preferred_channel",
            gettext_lazy("Preferred channel"),
            help=gettext_lazy("email, sms, letter or telephone; if empty the first that works."),
        ),
        Column("guardian_name", gettext_lazy("Guardian's name")),
        Column(
            "guardian_relation",
            gettext_lazy("What the guardian is to the patient"),
            help=", ".join(Relation.values),
        ),
        Column("guardian_email", gettext_lazy("Guardian's e-mail address")),
        Column("guardian_telephone", gettext_lazy("Guardian's telephone")),
        Column("guardian_language", gettext_lazy("Guardian's language"), help="nb, da, sv, en"),
        REGION_COLUMN,
        Column("residence_from", gettext_lazy("Lives there since")),
        Column("joined_on", gettext_lazy("Member since")),
        Column("consented_on", gettext_lazy("Consented on")),
        UNIT_COLUMN,
    )


def _write(context: ImportContext, entries: Sequence[Any]) -> int:
    return len(
        register_patients(
            by=context.viewer,
            register_code=context.register_code,
            entries=entries,
            on=context.on,
        )
    )


PATIENTS = ImportKind(
    label=gettext_lazy("Patients"),
    columns=patient_columns,
    parse_rows=lambda context, rows: PatientResource(context).parse_rows(rows),
    write_rows=_write,
    column_of={
        "number": "identity_number",
        "country": "identity_country",
        "surname": "family_name",
        "region": "residence_region",
    },
)


def members_of_rows(
    context: ImportContext, rows: Sequence[Row]
) -> tuple[list[Membership | None], list[RowError]]:
    """Return the member that each row of a file names, and what is wrong.

    Rows name a member by ``identity_number`` (with ``identity_country``, else the register's) or
    by ``registry_number``. Two queries for any number of rows, and one for each 5,000 numbers.
    """
    home = context.definition.register.country
    keys: list[tuple[str, str] | int | None] = []
    errors: list[RowError] = []
    for index, row in enumerate(rows):
        key, error = _key(row, home, context, index)
        keys.append(key)
        if error:
            errors.append(error)
    by_number = memberships_by_number(
        context.viewer, context.register_code, {key for key in keys if isinstance(key, tuple)}
    )
    wanted = {key for key in keys if isinstance(key, int)}
    by_registry_number = (
        {
            member.registry_number: member
            for member in memberships_for(
                context.viewer, context.register_code, permission=Permission.REGISTER
            ).filter(registry_number__in=wanted)
        }
        if wanted
        else {}
    )
    members: list[Membership | None] = []
    for index, key in enumerate(keys):
        member = by_registry_number.get(key) if isinstance(key, int) else by_number.get(key)
        members.append(member)
        if key is not None and member is None:
            errors.append(
                RowError(
                    index,
                    "registry_number" if isinstance(key, int) else "identity_number",
                    _("No patient of the register has this number. Load the patients first."),
                )
            )
    return members, errors


def _key(
    row: Row, home: str, context: ImportContext, index: int
) -> tuple[tuple[str, str] | int | None, RowError | None]:
    if typed := row.get("identity_number", ""):
        try:
            number = parse(typed, row.get("identity_country") or home, on=context.on)
        except ValueError as error:
            return None, RowError(index, "identity_number", str(error))
        return (number.country, number.number), None
    if typed := row.get("registry_number", ""):
        if typed.isdigit() and len(typed) < 10:
            return int(typed), None
        return None, RowError(index, "registry_number", _("The registry number is a whole number."))
    return None, RowError(
        index,
        "identity_number",
        _("Give the identity number or the registry number of the patient."),
    )
