"""Every field of every table is classified, so that nobody adds one without deciding."""

import pytest
from django.apps import apps

from registry.audit.classification import (
    FieldClass,
    IdentifyingField,
    Unclassified,
    classification_of,
    classified_fields,
    require_exportable,
)

PACKAGES = ("registry", "patients", "referrals", "procedures", "proms", "reports")


def our_models():
    for model in apps.get_models(include_auto_created=True):
        if model.__module__.split(".")[0] in PACKAGES:
            yield model


def fields_of(model):
    return [f.name for f in (*model._meta.local_fields, *model._meta.local_many_to_many)]


def test_every_field_is_classified():
    missing = []
    for model in our_models():
        for name in fields_of(model):
            try:
                classification_of(model, name)
            except Unclassified:
                missing.append(f"{model._meta.label}.{name}")
    assert missing == []


def test_nothing_is_classified_that_is_not_there():
    there = {(model._meta.label, name) for model in our_models() for name in fields_of(model)}
    assert classified_fields() - there == set()


def test_who_somebody_is_is_identifying():
    """Keys of the clinic's own tables lead to a person as surely as a name."""
    for model in our_models():
        for field in model._meta.local_fields:
            target = field.related_model._meta.label if field.related_model else ""
            if target in {"patients.Patient", "patients.Membership", "procedures.Operation"}:
                kind = classification_of(model, field.name)
                assert kind is FieldClass.IDENTIFYING, f"{model._meta.label}.{field.name}"


def test_an_identifying_field_is_refused():
    with pytest.raises(IdentifyingField):
        require_exportable("patients.Membership", "registry_number")
    assert require_exportable("procedures.Operation", "diagnosis") is FieldClass.SENSITIVE
    with pytest.raises(Unclassified):
        require_exportable("procedures.Operation", "surgeon")
