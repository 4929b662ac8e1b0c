"""An operation's register is that of its membership: a foreign key over both columns."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("procedures", "0001_operations")]
    operations = [
        migrations.RunSQL(
            sql="""
                ALTER TABLE procedures_operation
                ADD CONSTRAINT operation_register_is_its_members
                FOREIGN KEY (membership_id, register_id)
                REFERENCES patients_membership (id, register_id)
                DEFERRABLE INITIALLY DEFERRED
            """,
            reverse_sql="""
                ALTER TABLE procedures_operation
                DROP CONSTRAINT operation_register_is_its_members
            """,
        )
    ]
