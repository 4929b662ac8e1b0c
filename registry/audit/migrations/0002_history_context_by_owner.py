"""History's context rows are written with the owner's rights, not those of the application.

The application role may then be refused every change of ``pghistory_context``.
"""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0001_access_log"),
        ("pghistory", "0007_auto_20250421_0444"),
    ]
    operations = [
        migrations.RunSQL(
            sql="""
                ALTER FUNCTION _pgh_attach_context()
                SECURITY DEFINER SET search_path = public, pg_temp
            """,
            reverse_sql="""
                ALTER FUNCTION _pgh_attach_context() SECURITY INVOKER RESET search_path
            """,
        )
    ]
