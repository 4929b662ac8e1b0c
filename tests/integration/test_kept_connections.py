"""A connection that is kept between requests is dropped when the server has ended it."""

import time

import pytest
from django.db import connection

from tests.conftest import owner_connection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kept():
    """A connection as a request finds it that is not the first."""
    connection.ensure_connection()
    connection.health_check_enabled, connection.health_check_done = True, False
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    connection.health_check_enabled, connection.health_check_done = True, False
    return pid


def pid_now() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return cursor.fetchone()[0]


def test_a_living_connection_is_used_again(kept: int):
    assert pid_now() == kept


def test_a_connection_that_the_server_has_ended_is_opened_anew(kept: int):
    with owner_connection() as owner:
        assert owner.execute("SELECT pg_terminate_backend(%s)", [kept]).fetchone()[0]
        for _ in range(100):
            row = owner.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [kept]).fetchone()
            if row is None:
                break
            time.sleep(0.02)
    assert pid_now() != kept
