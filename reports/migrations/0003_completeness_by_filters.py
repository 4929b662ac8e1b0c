"""An index for completeness that readers filter by sex, duration of symptoms and age."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("reports", "0002_facts_by_filters")]
    operations = [
        AddIndexConcurrently(
            model_name="completenessfact",
            index=models.Index(
                fields=[
                    "register",
                    "group",
                    "sex",
                    "symptom_duration_limb",
                    "symptom_duration_axial",
                    "age",
                ],
                name="completeness_by_filters",
            ),
        ),
    ]
