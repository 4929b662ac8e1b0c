"""History of statements that change many rows; see proms.migrations.0003_history_of_many_rows."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db


def test_history_of_an_update_is_never_planned_for_the_few_rows_of_the_one_before():
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT tgrelid::regclass::text, coalesce(function.proconfig, '{}')
            FROM pg_trigger JOIN pg_proc AS function ON function.oid = tgfoid
            WHERE tgoldtable IS NOT NULL AND tgnewtable IS NOT NULL
              AND tgname LIKE 'pgtrigger%'
            """
        )
        found = dict(cursor.fetchall())
    assert found.keys() == {"proms_invitation", "proms_followup", "proms_response", "proms_score"}
    for table, settings in found.items():
        assert "enable_nestloop=off" in settings, table
