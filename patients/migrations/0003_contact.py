"""How a person and a guardian are reached, and which addresses were refused.

Safe on a large table: columns are nullable or have a constant default, and the constraints are
checked by the next migration, which holds no lock that writers wait for.
"""

import pgtrigger.compiler
import pgtrigger.migrations
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0002_identity_keys_apart"),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name="patient",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="patient",
            name="update_update",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="patient",
            name="delete_delete",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="patientidentity",
            name="insert_insert",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="patientidentity",
            name="update_update",
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name="patientidentity",
            name="delete_delete",
        ),
        migrations.AddField(
            model_name="patient",
            name="guardian_language",
            field=models.CharField(
                blank=True,
                choices=[
                    ("nb", "Norsk bokmål"),
                    ("da", "Dansk"),
                    ("sv", "Svenska"),
                    ("en", "English"),
                ],
                db_default="",
                default="",
                help_text="Empty: the patient's.",
                max_length=2,
                verbose_name="guardian's language",
            ),
        ),
        migrations.AddField(
            model_name="patient",
            name="preferred_channel",
            field=models.CharField(
                blank=True,
                choices=[
                    ("email", "E-mail"),
                    ("sms", "Text message"),
                    ("letter", "Letter"),
                    ("telephone", "Telephone call"),
                ],
                db_default="",
                default="",
                help_text="Empty: chosen from the addresses that are known.",
                max_length=10,
                verbose_name="preferred channel",
            ),
        ),
        migrations.AddField(
            model_name="patientevent",
            name="guardian_language",
            field=models.CharField(
                blank=True,
                choices=[
                    ("nb", "Norsk bokmål"),
                    ("da", "Dansk"),
                    ("sv", "Svenska"),
                    ("en", "English"),
                ],
                db_default="",
                default="",
                help_text="Empty: the patient's.",
                max_length=2,
                verbose_name="guardian's language",
            ),
        ),
        migrations.AddField(
            model_name="patientevent",
            name="preferred_channel",
            field=models.CharField(
                blank=True,
                choices=[
                    ("email", "E-mail"),
                    ("sms", "Text message"),
                    ("letter", "Letter"),
                    ("telephone", "Telephone call"),
                ],
                db_default="",
                default="",
                help_text="Empty: chosen from the addresses that are known.",
                max_length=10,
                verbose_name="preferred channel",
            ),
        ),
        migrations.AddField(
            model_name="patientidentity",
            name="email_refused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="patientidentity",
            name="guardian_email_refused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="patientidentity",
            name="guardian_has_email",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="patientidentity",
            name="guardian_has_telephone",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="patientidentity",
            name="guardian_telephone_refused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="patientidentity",
            name="telephone_refused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="patientidentityevent",
            name="email_refused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="patientidentityevent",
            name="guardian_email_refused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="patientidentityevent",
            name="guardian_has_email",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="patientidentityevent",
            name="guardian_has_telephone",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="patientidentityevent",
            name="guardian_telephone_refused_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="patientidentityevent",
            name="telephone_refused_at",
            field=models.DateTimeField(null=True),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="patient",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "patients_patientevent" ("birth_date", "country", "died_on", "emigrated_on", "guardian_language", "id", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "preferred_channel", "sex") VALUES (NEW."birth_date", NEW."country", NEW."died_on", NEW."emigrated_on", NEW."guardian_language", NEW."id", NEW."language", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."preferred_channel", NEW."sex"); RETURN NULL;',
                    hash="3403578dfcc6af974f99cbac74d4fe904084dce0",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_62165",
                    table="patients_patient",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="patient",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."birth_date" IS DISTINCT FROM (NEW."birth_date") OR OLD."country" IS DISTINCT FROM (NEW."country") OR OLD."died_on" IS DISTINCT FROM (NEW."died_on") OR OLD."emigrated_on" IS DISTINCT FROM (NEW."emigrated_on") OR OLD."guardian_language" IS DISTINCT FROM (NEW."guardian_language") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."language" IS DISTINCT FROM (NEW."language") OR OLD."preferred_channel" IS DISTINCT FROM (NEW."preferred_channel") OR OLD."sex" IS DISTINCT FROM (NEW."sex"))',
                    func='INSERT INTO "patients_patientevent" ("birth_date", "country", "died_on", "emigrated_on", "guardian_language", "id", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "preferred_channel", "sex") VALUES (NEW."birth_date", NEW."country", NEW."died_on", NEW."emigrated_on", NEW."guardian_language", NEW."id", NEW."language", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."preferred_channel", NEW."sex"); RETURN NULL;',
                    hash="9a2bd7bf7e6126a6612f616eec3780cdb9e3faf3",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_546ce",
                    table="patients_patient",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="patient",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "patients_patientevent" ("birth_date", "country", "died_on", "emigrated_on", "guardian_language", "id", "language", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "preferred_channel", "sex") VALUES (OLD."birth_date", OLD."country", OLD."died_on", OLD."emigrated_on", OLD."guardian_language", OLD."id", OLD."language", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."preferred_channel", OLD."sex"); RETURN NULL;',
                    hash="6a4b04350fdd74965845823733ee198828bc5e47",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_9898d",
                    table="patients_patient",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="patientidentity",
            trigger=pgtrigger.compiler.Trigger(
                name="insert_insert",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "patients_patientidentityevent" ("email_refused_at", "guardian_email_refused_at", "guardian_has_email", "guardian_has_telephone", "guardian_telephone_refused_at", "has_email", "has_telephone", "number_kind", "patient_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sealed", "telephone_refused_at") VALUES (NEW."email_refused_at", NEW."guardian_email_refused_at", NEW."guardian_has_email", NEW."guardian_has_telephone", NEW."guardian_telephone_refused_at", NEW."has_email", NEW."has_telephone", NEW."number_kind", NEW."patient_id", _pgh_attach_context(), NOW(), \'insert\', NEW."patient_id", NEW."sealed", NEW."telephone_refused_at"); RETURN NULL;',
                    hash="3edea16107660499eaf21eec82df6d7ff9b09bb4",
                    operation="INSERT",
                    pgid="pgtrigger_insert_insert_754f6",
                    table="patients_patientidentity",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="patientidentity",
            trigger=pgtrigger.compiler.Trigger(
                name="update_update",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."email_refused_at" IS DISTINCT FROM (NEW."email_refused_at") OR OLD."guardian_email_refused_at" IS DISTINCT FROM (NEW."guardian_email_refused_at") OR OLD."guardian_has_email" IS DISTINCT FROM (NEW."guardian_has_email") OR OLD."guardian_has_telephone" IS DISTINCT FROM (NEW."guardian_has_telephone") OR OLD."guardian_telephone_refused_at" IS DISTINCT FROM (NEW."guardian_telephone_refused_at") OR OLD."has_email" IS DISTINCT FROM (NEW."has_email") OR OLD."has_telephone" IS DISTINCT FROM (NEW."has_telephone") OR OLD."number_kind" IS DISTINCT FROM (NEW."number_kind") OR OLD."patient_id" IS DISTINCT FROM (NEW."patient_id") OR OLD."sealed" IS DISTINCT FROM (NEW."sealed") OR OLD."telephone_refused_at" IS DISTINCT FROM (NEW."telephone_refused_at"))',
                    func='INSERT INTO "patients_patientidentityevent" ("email_refused_at", "guardian_email_refused_at", "guardian_has_email", "guardian_has_telephone", "guardian_telephone_refused_at", "has_email", "has_telephone", "number_kind", "patient_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sealed", "telephone_refused_at") VALUES (NEW."email_refused_at", NEW."guardian_email_refused_at", NEW."guardian_has_email", NEW."guardian_has_telephone", NEW."guardian_telephone_refused_at", NEW."has_email", NEW."has_telephone", NEW."number_kind", NEW."patient_id", _pgh_attach_context(), NOW(), \'update\', NEW."patient_id", NEW."sealed", NEW."telephone_refused_at"); RETURN NULL;',
                    hash="72a2ebc753056e364c4448e3116e719ee7216c28",
                    operation="UPDATE",
                    pgid="pgtrigger_update_update_615b0",
                    table="patients_patientidentity",
                    when="AFTER",
                ),
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="patientidentity",
            trigger=pgtrigger.compiler.Trigger(
                name="delete_delete",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func='INSERT INTO "patients_patientidentityevent" ("email_refused_at", "guardian_email_refused_at", "guardian_has_email", "guardian_has_telephone", "guardian_telephone_refused_at", "has_email", "has_telephone", "number_kind", "patient_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "sealed", "telephone_refused_at") VALUES (OLD."email_refused_at", OLD."guardian_email_refused_at", OLD."guardian_has_email", OLD."guardian_has_telephone", OLD."guardian_telephone_refused_at", OLD."has_email", OLD."has_telephone", OLD."number_kind", OLD."patient_id", _pgh_attach_context(), NOW(), \'delete\', OLD."patient_id", OLD."sealed", OLD."telephone_refused_at"); RETURN NULL;',
                    hash="0fa104b23a09be9d777b63f45e606bd0bd9f124d",
                    operation="DELETE",
                    pgid="pgtrigger_delete_delete_75f98",
                    table="patients_patientidentity",
                    when="AFTER",
                ),
            ),
        ),
        AddConstraintNotValid(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("preferred_channel__in", ["", "email", "sms", "letter", "telephone"])
                ),
                name="patient_preferred_channel_known",
            ),
        ),
        AddConstraintNotValid(
            model_name="patient",
            constraint=models.CheckConstraint(
                condition=models.Q(("guardian_language__in", ["", "nb", "da", "sv", "en"])),
                name="patient_guardian_language_known",
            ),
        ),
    ]
