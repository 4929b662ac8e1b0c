"""What each field of each table tells about a person: the one list that exports and logs read.

- *identifying*: who somebody is, or a key by which the registry's own tables would tell it.
- *sensitive*: something about a person's health or work here, without saying who it is.
- *open*: about no person.

A field that is missing here fails a test, so that nobody adds one without deciding. Tables of the
history of changes are classified as the tables whose changes they keep.
"""

from __future__ import annotations

from enum import StrEnum
from functools import cache

from django.db import models


class FieldClass(StrEnum):
    """How far a field may travel."""

    IDENTIFYING = "identifying"
    SENSITIVE = "sensitive"
    OPEN = "open"


class Unclassified(LookupError):
    """A field that nobody has classified."""


class IdentifyingField(ValueError):
    """A field that must not leave the registry was about to."""


# Model → identifying, sensitive and open fields, separated by spaces.
_FIELDS: dict[str, tuple[str, str, str]] = {
    # --- the ground floor -----------------------------------------------------------------
    "units.HealthRegion": ("", "", "id code country name report_label position"),
    "units.Hospital": ("", "", "id code name region"),
    "units.Unit": ("", "", "id code name short_name hospital sector site_region active"),
    "units.UnitCode": ("", "", "id unit system code valid_from valid_until"),
    "units.UnitLabel": ("", "", "id unit table label"),
    "units.Population": ("", "", "id region year count rounded source"),
    "accounts.User": (
        "id password first_name last_name email",
        "last_login is_superuser is_staff is_active date_joined groups user_permissions",
        "language",
    ),
    "accounts.User_groups": ("id user", "group", ""),
    "accounts.User_user_permissions": ("id user", "permission", ""),
    "accounts.RoleAssignment": (
        "id user",
        "role register_code unit valid_from valid_until",
        "",
    ),
    "accounts.ApiToken": (
        "id user name digest",
        "register_codes expires_at revoked_at last_used_on",
        "",
    ),
    "audit.AccessLog": (
        "id actor_id actor object_id patient_id detail",
        "at outcome action object_type register_code",
        "",
    ),
    "registers.Register": ("", "", "code names country current"),
    "registers.DefinitionVersion": ("", "", "id register version sequence definition loaded_at"),
    "registers.RegisterUnit": ("", "", "id register unit"),
    "registers.StaleSlice": ("", "", "id register unit year marked_at"),
    "messaging.Message": (
        "id key subject_id last_error",
        "purpose rule channel due_at attempts claimed_until sent_at withheld_at withheld_reason "
        "failed_at bounced_at bounce_status",
        "",
    ),
    "jobs.Job": (
        "id requested_by parameters result errors file",
        "kind register_code state done total started_at ended_at",
        "",
    ),
    # --- patients -------------------------------------------------------------------------
    "patients.Patient": (
        "id birth_date",
        "sex died_on emigrated_on",
        "country language preferred_channel guardian_language",
    ),
    "patients.PatientKey": ("patient wrapped", "", "master_key_id"),
    "patients.PatientIdentity": (
        "patient sealed number_index name_index phonetic_index",
        "number_kind has_email has_telephone email_refused_at telephone_refused_at "
        "guardian_has_email guardian_has_telephone guardian_email_refused_at "
        "guardian_telephone_refused_at",
        "",
    ),
    "patients.Erasure": ("id patient_id erased_by reason", "erased_at", ""),
    "patients.Membership": (
        "id patient registry_number",
        "pseudonym joined_on consented_on opted_out_on",
        "register",
    ),
    "patients.UnitRelation": ("id membership", "unit since", ""),
    "patients.Residence": ("id patient", "region valid_from valid_until", ""),
    # --- referrals ------------------------------------------------------------------------
    "referrals.Referral": (
        "id membership",
        "unit received_on region referring_hospital criterion diagnosis decision decided_on "
        "details",
        "definition",
    ),
    "referrals.Consultation": (
        "id membership",
        "unit held_on region kind details",
        "definition",
    ),
    # --- procedures -----------------------------------------------------------------------
    "procedures.Operation": (
        "id membership revises registered_by",
        "unit unit_region residence_region group procedure_type diagnosis side levels planned_on "
        "performed_on cancelled_on cancel_reason withdrawn complications_assessed_on details "
        "scheduled_on year",
        "register definition",
    ),
    "procedures.Procedure": ("id operation", "position procedure_type code", ""),
    "procedures.Complication": ("id operation", "kind occurred_on", ""),
    "procedures.Implant": ("id operation", "kind name", ""),
    "procedures.TreatmentGoal": (
        "id operation",
        "goal planned_value achieved_value outcome assessed_on",
        "",
    ),
    "procedures.OperationDraft": (
        "id author membership operation",
        "unit purpose data",
        "",
    ),
    # --- questionnaires -------------------------------------------------------------------
    "proms.Invitation": (
        "id membership token_digest",
        "time_point plan opens_on due_on closes_on generation failed_attempts locked_at "
        "invited_at reminded_at letter_printed_at opened_at started_at submitted_at declined_at "
        "unreachable_at",
        "",
    ),
    "proms.FollowUp": (
        "id operation invitation",
        "time_point opens_on due_on closes_on completed_on old_at_surgery censored_on "
        "censor_reason",
        "",
    ),
    "proms.RevokedLink": ("token_digest invitation", "", ""),
    "proms.StoppedReminders": ("invitation", "at", ""),
    "proms.CallAttempt": (
        "id invitation by note voided_by void_reason",
        "at outcome call_back_at voided_at",
        "",
    ),
    "proms.StartedForm": ("invitation", "answers answered_by", "language"),
    "proms.Response": (
        "id invitation supersedes",
        "submitted_at answered_on answers method answered_by current",
        "instruments language",
    ),
    "proms.PaperForm": ("id invitation code printed_by", "printed_at", "language"),
    "proms.Entry": (
        "id invitation response entered_by",
        "position method answered_on answers answered_by entered_at",
        "language",
    ),
    "proms.Score": (
        "id response",
        "scale value reason answered",
        "instrument instrument_version variant",
    ),
    # --- reports --------------------------------------------------------------------------
    "reports.OperationScaleFact": (
        "pk operation",
        "unit unit_region residence_region year age symptom_duration_axial symptom_duration_limb "
        "smoking bmi sex group procedure_type scale improves_by before w6 m3 m6 y1 y2 y5 y10",
        "register",
    ),
    "reports.CompletenessFact": (
        "operation",
        "unit unit_region residence_region year age symptom_duration_axial symptom_duration_limb "
        "smoking bmi sex group procedure_type performed_on "
        + " ".join(
            f"{point}_{name}"
            for point in ("before", "w6", "m3", "m6", "y1", "y2", "y5", "y10")
            for name in ("due", "closes", "completed", "censored")
        ),
        "register",
    ),
    # Sums over few patients tell of them; disclosure control is on the reading side.
    "reports.Summary": (
        "",
        "pk register group procedure_type unit year time_point scale n total squares paired_n "
        "paired_before change_total change_squares improved_n",
        "",
    ),
    "reports.CompletenessStep": (
        "",
        "pk register group procedure_type unit year time_point on expected answered settled",
        "",
    ),
}

# Every table has these; when a row was written tells of nobody in particular.
_EVERYWHERE = {"created_at": FieldClass.OPEN, "updated_at": FieldClass.OPEN}
_OF_HISTORY = {
    "pgh_id": FieldClass.OPEN,
    "pgh_created_at": FieldClass.SENSITIVE,
    "pgh_label": FieldClass.OPEN,
    "pgh_obj": FieldClass.IDENTIFYING,
    "pgh_context": FieldClass.IDENTIFYING,
}


@cache
def _table() -> dict[tuple[str, str], FieldClass]:
    found: dict[tuple[str, str], FieldClass] = {}
    for label, columns in _FIELDS.items():
        for kind, names in zip(FieldClass, columns, strict=True):
            for name in names.split():
                if (label, name) in found:
                    raise ValueError(f"{label}.{name} is classified twice.")
                found[label, name] = kind
    return found


def classified_fields() -> frozenset[tuple[str, str]]:
    """Return every (model label, field) that is classified, history and common fields apart."""
    return frozenset(_table())


def classification(label: str, field: str) -> FieldClass:
    """Return the class of a field of the model ``label`` (``procedures.Operation``).

    Raises Unclassified.
    """
    try:
        return _table()[label, field]
    except KeyError:
        if label in _FIELDS and field in _EVERYWHERE:
            return _EVERYWHERE[field]
        raise Unclassified(f"{label}.{field} is not classified in {__name__}.") from None


def classification_of(model: type[models.Model], field: str) -> FieldClass:
    """Return the class of a field of a model; a history table has those of what it tracks."""
    tracked = getattr(model, "pgh_tracked_model", None)
    if tracked is None:
        return classification(model._meta.label, field)
    return _OF_HISTORY.get(field) or classification(tracked._meta.label, field)


def require_exportable(label: str, field: str) -> FieldClass:
    """Return the class of a field that may be exported; raises IdentifyingField for the others."""
    found = classification(label, field)
    if found is FieldClass.IDENTIFYING:
        raise IdentifyingField(f"{label}.{field} identifies a person and is never exported.")
    return found
