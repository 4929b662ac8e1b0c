"""Patients' keys get a schema of their own, which the ordinary backup leaves out."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_patients")]
    operations = [
        migrations.RunSQL(
            sql=[
                "CREATE SCHEMA IF NOT EXISTS identity_keys",
                "ALTER TABLE patient_key SET SCHEMA identity_keys",
            ],
            reverse_sql=[
                "ALTER TABLE identity_keys.patient_key SET SCHEMA public",
                "DROP SCHEMA identity_keys",
            ],
        )
    ]
