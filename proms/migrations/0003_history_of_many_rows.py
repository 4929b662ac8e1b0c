"""Plan the history of an update for many rows.

A statement's trigger joins the rows before with the rows after. A session keeps the plan it made
at the first update, which is often one of a single row or none, and would walk the rows after for
each row before: a night's selection of 100,000 patients would take hours instead of seconds.
"""

from django.db import migrations

FUNCTIONS = """
    DO $$
    DECLARE
        one regprocedure;
    BEGIN
        FOR one IN
            SELECT DISTINCT tgfoid::regprocedure FROM pg_trigger
            WHERE tgrelid IN ('proms_invitation'::regclass, 'proms_followup'::regclass,
                              'proms_response'::regclass)
              AND tgoldtable IS NOT NULL AND tgnewtable IS NOT NULL
        LOOP
            EXECUTE format('ALTER FUNCTION %s {change}', one);
        END LOOP;
    END $$
"""


class Migration(migrations.Migration):
    dependencies = [("proms", "0002_set_based_history_and_indexes")]
    operations = [
        migrations.RunSQL(
            sql=FUNCTIONS.format(change="SET enable_nestloop = off"),
            reverse_sql=FUNCTIONS.format(change="RESET enable_nestloop"),
        )
    ]
