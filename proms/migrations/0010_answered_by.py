"""Who answered: the patient, or a guardian on a child's behalf.

Safe on a large table: the columns have constant defaults.
"""

from importlib import import_module

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


# The triggers are made anew, and lose what an earlier migration has set for them.
FUNCTIONS = import_module("proms.migrations.0003_history_of_many_rows").FUNCTIONS


class Migration(migrations.Migration):
    dependencies = [
        ("proms", "0009_stopped_reminders"),
    ]

    operations = [
        migrations.RunSQL(
            sql=migrations.RunSQL.noop,
            reverse_sql=FUNCTIONS.format(change="SET enable_nestloop = off"),
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="response",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="response",
            name="update_update",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="response",
            name="delete_delete",
        ),
        migrations.AddField(
            model_name="response",
            name="answered_by",
            field=models.CharField(
                blank=True,
                choices=[("patient", "the patient"), ("guardian", "a parent or guardian")],
                db_default="patient",
                default="patient",
                help_text="Empty: not said, as on paper.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="responseevent",
            name="answered_by",
            field=models.CharField(
                blank=True,
                choices=[("patient", "the patient"), ("guardian", "a parent or guardian")],
                db_default="patient",
                default="patient",
                help_text="Empty: not said, as on paper.",
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="startedform",
            name="answered_by",
            field=models.CharField(
                blank=True,
                choices=[("patient", "the patient"), ("guardian", "a parent or guardian")],
                db_default="",
                default="",
                help_text="Who says to be answering, where either may.",
                max_length=8,
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="response",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "proms_responseevent" ("answered_by", "answered_on", "answers", "current", "id", "instruments", "invitation_id", "language", "method", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "submitted_at", "supersedes_id") SELECT new_values."answered_by", new_values."answered_on", new_values."answers", new_values."current", new_values."id", new_values."instruments", new_values."invitation_id", new_values."language", new_values."method", _pgh_attached_context.value, NOW(), \'insert\', new_values."id", new_values."submitted_at", new_values."supersedes_id" FROM ( SELECT new_values.* FROM new_values  ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="6d28bd0eb8a76e0827e10323678d8bf56d2a1642",
                    level="STATEMENT",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_d6cc5",
                    referencing="REFERENCING NEW TABLE AS new_values ",
                    table="proms_response",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="response",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "proms_responseevent" ("answered_by", "answered_on", "answers", "current", "id", "instruments", "invitation_id", "language", "method", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "submitted_at", "supersedes_id") SELECT new_values."answered_by", new_values."answered_on", new_values."answers", new_values."current", new_values."id", new_values."instruments", new_values."invitation_id", new_values."language", new_values."method", _pgh_attached_context.value, NOW(), \'update\', new_values."id", new_values."submitted_at", new_values."supersedes_id" FROM ( SELECT new_values.* FROM old_values JOIN new_values ON (old_values."id") = (new_values."id") WHERE (old_values."answered_by" IS DISTINCT FROM (new_values."answered_by") OR old_values."answered_on" IS DISTINCT FROM (new_values."answered_on") OR old_values."answers" IS DISTINCT FROM (new_values."answers") OR old_values."current" IS DISTINCT FROM (new_values."current") OR old_values."id" IS DISTINCT FROM (new_values."id") OR old_values."instruments" IS DISTINCT FROM (new_values."instruments") OR old_values."invitation_id" IS DISTINCT FROM (new_values."invitation_id") OR old_values."language" IS DISTINCT FROM (new_values."language") OR old_values."method" IS DISTINCT FROM (new_values."method") OR old_values."submitted_at" IS DISTINCT FROM (new_values."submitted_at") OR old_values."supersedes_id" IS DISTINCT FROM (new_values."supersedes_id")) ) AS new_values, _pgh_attached_context; RETURN NULL;',
                    hash="cc7f3a15874326e400f5b950604412babb2118bf",
                    level="STATEMENT",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_45cac",
                    referencing="REFERENCING OLD TABLE AS old_values  NEW TABLE AS new_values ",
                    table="proms_response",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="response",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='WITH _pgh_attached_context AS ( SELECT _pgh_attach_context() AS value ) INSERT INTO "proms_responseevent" ("answered_by", "answered_on", "answers", "current", "id", "instruments", "invitation_id", "language", "method", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "submitted_at", "supersedes_id") SELECT old_values."answered_by", old_values."answered_on", old_values."answers", old_values."current", old_values."id", old_values."instruments", old_values."invitation_id", old_values."language", old_values."method", _pgh_attached_context.value, NOW(), \'delete\', old_values."id", old_values."submitted_at", old_values."supersedes_id" FROM ( SELECT old_values.* FROM old_values  ) AS old_values, _pgh_attached_context; RETURN NULL;',
                    hash="e64360e7250e50ad3ca391bb8810b49e579e6419",
                    level="STATEMENT",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_e46fc",
                    referencing="REFERENCING OLD TABLE AS old_values ",
                    table="proms_response",
                    when="AFTER",
                ),
            ),
        ),
        migrations.RunSQL(
            sql=FUNCTIONS.format(change="SET enable_nestloop = off"),
            reverse_sql=migrations.RunSQL.noop,
        ),
    ]
