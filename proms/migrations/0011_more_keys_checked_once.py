"""Check the keys of a night's invitations once a statement, as 0007 does for the operation.

The foreign keys from a follow-up to its invitation and from an invitation to its member ran a
query for each row at the end of the transaction, for each of the 500,000 follow-ups that have no
invitation yet as well. They stay declared, NOT ENFORCED, and triggers do the same once a
statement: what is pointed to is locked against deletion and must be there; it cannot be deleted
while it is pointed to, and keeps its id.

A session keeps the plans of these functions. They are the same for a row and for a hundred thousand:
what is pointed to is looked up in the index, by all keys in one go. So does the function of 0007
from now on, which could keep a plan for many rows and read all operations for one.

Follow-ups get room in their two unique indexes: each row is written anew when it is asked and when
it is answered, and full pages would be split for that. It holds for pages written from now on.
Their ids are drawn by fifties, so that two sessions that write many do not wait for each other.

Takes no time on a large table: nothing is read or written anew.
"""

from django.db import migrations

# Locks what rows point to, in the order of the keys, and counts it.
CHECK = """
    DECLARE
        wanted bigint;
        held bigint;
    BEGIN
        WITH one AS MATERIALIZED (
            SELECT ARRAY({ids}) AS ids
        ), locked AS (
            SELECT FROM {target} WHERE id = ANY((SELECT ids FROM one)::bigint[]) FOR KEY SHARE
        )
        SELECT (SELECT cardinality(ids) FROM one), (SELECT count(*) FROM locked) INTO wanted, held;
        IF held <> wanted THEN
            RAISE foreign_key_violation USING MESSAGE =
                '{table}.{column} points to nothing', TABLE = '{table}';
        END IF;
        RETURN NULL;
    END
"""
NEW = "SELECT DISTINCT {column} FROM new_rows WHERE {column} IS NOT NULL"
# What rows pointed to before the statement is there: while they did, it could not be deleted.
OTHER = NEW + " EXCEPT SELECT {column} FROM old_rows"

EXISTS = f"""
    CREATE OR REPLACE FUNCTION {{table}}_has_{{what}}() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan = off AS $${CHECK.replace("{ids}", NEW)}$$;
"""

IS_NEW = """
    CREATE TRIGGER has_{what} AFTER INSERT ON {table}
        REFERENCING NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION {table}_has_{what}();
"""

CHANGED = f"""
    CREATE FUNCTION {{table}}_has_other_{{what}}() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan = off AS $${CHECK.replace("{ids}", OTHER)}$$;

    CREATE TRIGGER has_other_{{what}} AFTER UPDATE ON {{table}}
        REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
        FOR EACH STATEMENT EXECUTE FUNCTION {{table}}_has_other_{{what}}();
"""

# For a column that no statement changes in many rows: other updates pay nothing.
CHANGED_SELDOM = """
    CREATE FUNCTION {table}_has_other_{what}() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM {target} WHERE id = NEW.{column} FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE foreign_key_violation USING MESSAGE =
                '{table}.{column} points to nothing', TABLE = '{table}';
        END IF;
        RETURN NULL;
    END $$;

    CREATE TRIGGER has_other_{what} AFTER UPDATE OF {column} ON {table}
        FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column})
        EXECUTE FUNCTION {table}_has_other_{what}();
"""

STAYS = """
    CREATE FUNCTION {target}_without_{table}() RETURNS trigger
    LANGUAGE plpgsql SET enable_seqscan = off AS $$
    BEGIN
        IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted')
        THEN
            RAISE feature_not_supported USING MESSAGE =
                'rows of {target} are deleted in READ COMMITTED transactions only';
        END IF;
        IF EXISTS (SELECT FROM {table} WHERE {column} IN (SELECT id FROM old_rows)) THEN
            RAISE foreign_key_violation USING MESSAGE =
                'rows of {table} point to it', TABLE = '{target}';
        END IF;
        RETURN NULL;
    END $$;

    CREATE FUNCTION {target}_keeps_id() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE feature_not_supported USING MESSAGE = 'a row of {target} keeps its id';
    END $$;

    CREATE TRIGGER without_{table} AFTER DELETE ON {target}
        REFERENCING OLD TABLE AS old_rows
        FOR EACH STATEMENT EXECUTE FUNCTION {target}_without_{table}();
    CREATE TRIGGER keeps_id BEFORE UPDATE OF id ON {target}
        FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id)
        EXECUTE FUNCTION {target}_keeps_id();

    ALTER TABLE {table} ALTER CONSTRAINT {key} NOT ENFORCED;
"""

CHECKED_FOR_EACH = """
    ALTER TABLE {table} ALTER CONSTRAINT {key} ENFORCED;
    DROP TRIGGER keeps_id ON {target};
    DROP TRIGGER without_{table} ON {target};
    DROP TRIGGER has_other_{what} ON {table};
    DROP TRIGGER has_{what} ON {table};
    DROP FUNCTION {target}_keeps_id, {target}_without_{table},
        {table}_has_other_{what}, {table}_has_{what};
"""

KEYS = (
    {
        "table": "proms_followup",
        "column": "invitation_id",
        "what": "invitation",
        "target": "proms_invitation",
        "key": "proms_followup_invitation_id_764ad009_fk_proms_invitation_id",
        "changed": CHANGED,
    },
    {
        "table": "proms_invitation",
        "column": "membership_id",
        "what": "member",
        "target": "patients_membership",
        "key": "proms_invitation_membership_id_2ca6f78d_fk_patients_",
        "changed": CHANGED_SELDOM,
    },
)

OPERATION = {
    "table": "proms_followup",
    "column": "operation_id",
    "what": "operation",
    "target": "procedures_operation",
}

ROOM = """
    ALTER INDEX proms_followup_pkey SET (fillfactor = 75);
    ALTER INDEX follow_up_once_a_time_point SET (fillfactor = 75);
    ALTER TABLE proms_followup ALTER COLUMN id SET CACHE 50;
"""
NO_ROOM = """
    ALTER INDEX proms_followup_pkey RESET (fillfactor);
    ALTER INDEX follow_up_once_a_time_point RESET (fillfactor);
    ALTER TABLE proms_followup ALTER COLUMN id SET CACHE 1;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("patients", "0004_contact_checked"),
        ("proms", "0010_answered_by"),
    ]

    operations = [
        # Does what the function of 0007 does, so it stays when this is taken back.
        migrations.RunSQL(sql=EXISTS.format(**OPERATION), reverse_sql=migrations.RunSQL.noop),
        *(
            migrations.RunSQL(
                sql="".join(part.format(**key) for part in (EXISTS, IS_NEW, key["changed"], STAYS)),
                reverse_sql=CHECKED_FOR_EACH.format(**key),
            )
            for key in KEYS
        ),
        migrations.RunSQL(sql=ROOM, reverse_sql=NO_ROOM),
    ]
