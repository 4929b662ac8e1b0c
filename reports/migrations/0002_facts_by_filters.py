"""An index for figures that readers filter by sex, duration of symptoms and age."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("reports", "0001_facts_and_summaries")]
    operations = [
        AddIndexConcurrently(
            model_name="operationscalefact",
            index=models.Index(
                fields=[
                    "register",
                    "group",
                    "scale",
                    "sex",
                    "symptom_duration_limb",
                    "symptom_duration_axial",
                    "age",
                ],
                name="scale_fact_by_filters",
            ),
        ),
    ]
