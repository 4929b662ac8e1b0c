"""Statements that a connection plans once."""

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

pytestmark = pytest.mark.django_db


def _prepared() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement FROM pg_prepared_statements")
        return [statement for (statement,) in cursor.fetchall()]


def test_a_statement_is_prepared_at_its_first_use_and_then_kept():
    for number in (3, 4, 5):
        with connection.planned_once() as cursor:
            cursor.execute("SELECT %(number)s::int + 1 AS planned_once", {"number": number})
            assert cursor.fetchone() == (number + 1,)
    assert len([one for one in _prepared() if "planned_once" in one]) == 1


def test_statements_of_the_orm_are_not_prepared():
    for _ in range(8):
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s AS not_prepared", [1])
    assert not [one for one in _prepared() if "not_prepared" in one]


def test_errors_are_django_s_and_statements_can_be_read():
    with pytest.raises(IntegrityError), transaction.atomic(), connection.planned_once() as cursor:
        cursor.execute("INSERT INTO auth_group (name) VALUES (%s), (%s)", ["one", "one"])
    with CaptureQueriesContext(connection) as captured, connection.planned_once() as cursor:
        cursor.execute("SELECT %s::text", ["said"])
    assert captured.captured_queries[0]["sql"] == "SELECT 'said'::text"
