"""Write a night's 500,000 rows without paying for each what can be paid once.

History is found by the row it is about, so its other indexes go. And the reference from a
follow-up to its operation is checked once for all rows of a statement: the check of a foreign key
runs a query for each row, and took as long as writing the rows. The key stays declared, NOT
ENFORCED, so that it is seen, dumped and heeded by TRUNCATE; two triggers do what it would do:

- rows that are inserted (or moved to another operation) lock their operations against deletion, as
  the key does, wait for a deletion under way, and are refused when an operation is missing;
- an operation that is deleted (or gets another id) is refused while follow-ups point to it. That
  sees follow-ups committed a moment ago only at READ COMMITTED, the level that the registry uses;
  at the others a deletion is refused.
"""

import django.db.models.deletion
from django.db import migrations, models

FOREIGN_KEY = "proms_followup_operation_id_ac6b5645_fk_procedures_operation_id"

CHECKED_ONCE = """
    CREATE FUNCTION proms_followup_has_operation() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
    DECLARE
        wanted bigint;
        held bigint;
    BEGIN
        WITH one AS MATERIALIZED (
            SELECT DISTINCT operation_id AS id FROM new_rows
        ), locked AS (
            SELECT FROM one JOIN procedures_operation AS operation USING (id)
            FOR KEY SHARE OF operation
        )
        SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM locked) INTO wanted, held;
        IF held <> wanted THEN
            RAISE foreign_key_violation USING MESSAGE =
                'follow-ups of an operation that does not exist', TABLE = 'proms_followup';
        END IF;
        RETURN NULL;
    END $$;

    CREATE FUNCTION proms_followup_has_this_operation() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM procedures_operation WHERE id = NEW.operation_id FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE foreign_key_violation USING MESSAGE =
                'follow-up of an operation that does not exist', TABLE = 'proms_followup';
        END IF;
        RETURN NULL;
    END $$;

    CREATE FUNCTION proms_operation_without_followup() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
    BEGIN
        IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted')
        THEN
            RAISE feature_not_supported USING MESSAGE =
                'operations are deleted in READ COMMITTED transactions only';
        END IF;
        IF EXISTS (SELECT FROM proms_followup WHERE operation_id IN (SELECT id FROM old_rows)) THEN
            RAISE foreign_key_violation USING MESSAGE =
                'an operation has follow-ups', TABLE = 'procedures_operation';
        END IF;
        RETURN NULL;
    END $$;

    CREATE FUNCTION proms_operation_keeps_id() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE feature_not_supported USING MESSAGE = 'an operation keeps its id';
    END $$;

    CREATE TRIGGER has_operation AFTER INSERT ON proms_followup
        REFERENCING NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION proms_followup_has_operation();
    CREATE TRIGGER has_this_operation AFTER UPDATE OF operation_id ON proms_followup
        FOR EACH ROW WHEN (OLD.operation_id IS DISTINCT FROM NEW.operation_id)
        EXECUTE FUNCTION proms_followup_has_this_operation();
    CREATE TRIGGER without_followup AFTER DELETE ON procedures_operation
        REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION proms_operation_without_followup();
    CREATE TRIGGER keeps_id BEFORE UPDATE OF id ON procedures_operation
        FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id)
        EXECUTE FUNCTION proms_operation_keeps_id();

    ALTER TABLE proms_followup ALTER CONSTRAINT {key} NOT ENFORCED;
"""

CHECKED_FOR_EACH = """
    ALTER TABLE proms_followup ALTER CONSTRAINT {key} ENFORCED;
    DROP TRIGGER keeps_id ON procedures_operation;
    DROP TRIGGER without_followup ON procedures_operation;
    DROP TRIGGER has_this_operation ON proms_followup;
    DROP TRIGGER has_operation ON proms_followup;
    DROP FUNCTION proms_operation_keeps_id, proms_operation_without_followup,
        proms_followup_has_this_operation, proms_followup_has_operation;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0004_contact_checked"),
        ("pghistory", "0007_auto_20250421_0444"),
        ("procedures", "0003_withdrawn"),
        ("proms", "0006_call_attempts"),
    ]

    operations = [
        migrations.AlterField(
            model_name="followupevent",
            name="invitation",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                related_query_name="+",
                to="proms.invitation",
            ),
        ),
        migrations.AlterField(
            model_name="followupevent",
            name="operation",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                related_query_name="+",
                to="procedures.operation",
            ),
        ),
        migrations.AlterField(
            model_name="followupevent",
            name="pgh_context",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="pghistory.context",
            ),
        ),
        migrations.AlterField(
            model_name="invitationevent",
            name="membership",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                related_query_name="+",
                to="patients.membership",
            ),
        ),
        migrations.AlterField(
            model_name="invitationevent",
            name="pgh_context",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="pghistory.context",
            ),
        ),
        migrations.AlterField(
            model_name="responseevent",
            name="pgh_context",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="pghistory.context",
            ),
        ),
        migrations.RunSQL(
            sql=CHECKED_ONCE.format(key=FOREIGN_KEY),
            reverse_sql=CHECKED_FOR_EACH.format(key=FOREIGN_KEY),
        ),
    ]
