"""The reference from a follow-up to its operation, which is checked once a statement.

What a foreign key would refuse must be refused; see proms.migrations.0007_many_rows_at_once.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from threading import Barrier

import pytest
from django.db import (
    IntegrityError,
    NotSupportedError,
    OperationalError,
    connection,
    transaction,
)
from django.db.backends.base.base import BaseDatabaseWrapper

from procedures.models import Operation
from proms import actions
from proms.models import FollowUp
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 15)
NOWHERE = 987_654_321


def follow_up(operation_id: int) -> FollowUp:
    return FollowUp(
        operation_id=operation_id, time_point="y1", opens_on=DAY, due_on=DAY, closes_on=DAY
    )


def execute(statement: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def laid() -> Operation:
    operation = make_operation(make_member(), performed_on=DAY)
    actions.create_schedule(operation_id=operation.pk)
    return operation


def test_no_follow_up_of_an_operation_that_does_not_exist():
    with pytest.raises(IntegrityError), transaction.atomic():
        follow_up(NOWHERE).save()


def test_nor_one_among_many():
    operation = make_operation(make_member(), performed_on=DAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        FollowUp.objects.bulk_create([follow_up(operation.pk), follow_up(NOWHERE)])
    FollowUp.objects.bulk_create([follow_up(operation.pk)])


def test_no_follow_up_moves_to_an_operation_that_does_not_exist():
    operation, other = laid(), make_operation(make_member(), performed_on=DAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        FollowUp.objects.filter(operation=operation).update(operation_id=NOWHERE)
    FollowUp.objects.filter(operation=operation).update(operation=other)
    assert other.follow_ups.count() == 5


def test_no_operation_goes_while_follow_ups_point_to_it():
    operation = laid()
    with pytest.raises(IntegrityError), transaction.atomic():
        execute("DELETE FROM procedures_operation WHERE id = %s", operation.pk)
    operation.follow_ups.all().delete()
    execute("DELETE FROM procedures_operation WHERE id = %s", operation.pk)


def test_an_operation_keeps_its_id():
    operation = laid()
    with pytest.raises(NotSupportedError), transaction.atomic():
        execute("UPDATE procedures_operation SET id = %s WHERE id = %s", NOWHERE, operation.pk)


def test_deleting_through_the_models_takes_follow_ups_first():
    operation = laid()
    pk = operation.pk
    operation.delete()
    assert not FollowUp.objects.filter(operation_id=pk).exists()


@pytest.fixture
def neighbour() -> Iterator[BaseDatabaseWrapper]:
    """Another connection to the same database, that does not wait long for a lock."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    yield other
    other.close()


@pytest.mark.django_db(transaction=True)
def test_an_operation_is_not_deleted_beside_a_follow_up_being_written(neighbour):
    operation = make_operation(make_member(), performed_on=DAY)
    delete = "DELETE FROM procedures_operation WHERE id = %s"
    with neighbour.cursor() as cursor:
        with transaction.atomic():
            follow_up(operation.pk).save()
            with pytest.raises(OperationalError, match="lock timeout"):
                cursor.execute(delete, [operation.pk])
        with pytest.raises(IntegrityError):
            cursor.execute(delete, [operation.pk])


@pytest.mark.django_db(transaction=True)
def test_no_follow_up_is_written_beside_an_operation_being_deleted(neighbour):
    operation = make_operation(make_member(), performed_on=DAY)
    with transaction.atomic():
        execute("DELETE FROM procedures_operation WHERE id = %s", operation.pk)
        with neighbour.cursor() as cursor, pytest.raises(OperationalError, match="lock timeout"):
            cursor.execute(
                "INSERT INTO proms_followup (operation_id, time_point, opens_on, due_on,"
                " closes_on, old_at_surgery, censor_reason)"
                " VALUES (%s, 'y1', now(), now(), now(), false, '')",
                [operation.pk],
            )


@pytest.mark.django_db(transaction=True)
def test_two_who_lay_the_same_schedule_at_once_lay_it_once():
    operation = make_operation(make_member(), performed_on=DAY)
    ready = Barrier(2)

    def lay() -> None:
        ready.wait()
        try:
            actions.create_schedule(operation_id=operation.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        for one in [pool.submit(lay), pool.submit(lay)]:
            one.result()
    assert operation.follow_ups.count() == 5
