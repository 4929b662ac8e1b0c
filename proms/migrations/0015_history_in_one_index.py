"""Keep the history of follow-ups, invitations and responses in one index instead of two.

History is found by the row that it is about. With that row in front of the event's number the
primary key finds it as well, in order, and the number alone is looked up by nobody. A night writes
200,000 rows of history.

On a large table the new key takes some seconds for each million rows, in which none is written.
"""

import django.db.models.deletion
from django.db import migrations, models

MODELS = ("followup", "invitation", "response")

BY_ROW = """
    ALTER TABLE proms_{model}event
        DROP CONSTRAINT proms_{model}event_pkey,
        ADD PRIMARY KEY (pgh_obj_id, pgh_id);
"""
BY_NUMBER = """
    ALTER TABLE proms_{model}event
        DROP CONSTRAINT proms_{model}event_pkey,
        ADD PRIMARY KEY (pgh_id);
"""


class Migration(migrations.Migration):
    dependencies = [("proms", "0014_void_call")]

    operations = [
        operation
        for model in MODELS
        for operation in (
            migrations.RunSQL(
                sql=BY_ROW.format(model=model), reverse_sql=BY_NUMBER.format(model=model)
            ),
            migrations.AlterField(
                model_name=f"{model}event",
                name="pgh_obj",
                field=models.ForeignKey(
                    db_constraint=False,
                    db_index=False,
                    on_delete=django.db.models.deletion.DO_NOTHING,
                    related_name="events",
                    to=f"proms.{model}",
                ),
            ),
        )
    ]
