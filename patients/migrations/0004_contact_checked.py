"""Check the constraints on contact for the rows that were there, without keeping writers out."""

from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("patients", "0003_contact")]

    operations = [
        ValidateConstraint("patient", "patient_preferred_channel_known"),
        ValidateConstraint("patient", "patient_guardian_language_known"),
    ]
