"""The keys of follow-ups and invitations, which are checked once a statement and not once a row.

What a foreign key would refuse must be refused; see proms.migrations.0007_many_rows_at_once (from a
follow-up to its operation) and 0011_more_keys_checked_once (from a follow-up to its invitation, and
from an invitation to its member).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
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
from proms.models import FollowUp, Invitation
from tests.unit.proms.factories import make_member, make_operation

pytestmark = pytest.mark.django_db
DAY = date(2026, 1, 15)
NOW = datetime(2027, 1, 15, 6, tzinfo=UTC)
NOWHERE = 987_654_321


def execute(statement: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.fixture
def neighbour() -> Iterator[BaseDatabaseWrapper]:
    """Another connection to the same database, that does not wait long for a lock."""
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SET lock_timeout = '300ms'")
    yield other
    other.close()


# --- From a follow-up to its operation -----------------------------------------------------------


def follow_up(operation_id: int) -> FollowUp:
    return FollowUp(
        operation_id=operation_id, time_point="y1", opens_on=DAY, due_on=DAY, closes_on=DAY
    )


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


# --- From a follow-up to its invitation, and from an invitation to its member ---------------------


def invitation() -> Invitation:
    laid()
    (pk,) = actions.invite_due(now=NOW).invitation_ids
    return Invitation.objects.get(pk=pk)


def asked(invitation: Invitation) -> FollowUp:
    return FollowUp.objects.get(invitation=invitation)


def no_invitation() -> None:
    FollowUp.objects.filter(invitation=invitation()).update(invitation_id=NOWHERE)


def no_invitation_of_one_among_many() -> None:
    invitation()
    execute(
        "UPDATE proms_followup SET invitation_id = CASE time_point WHEN 'y2' THEN %s"
        " ELSE (SELECT min(id) FROM proms_invitation) END",
        NOWHERE,
    )


def new_without_invitation_to_point_to() -> None:
    one = follow_up(make_operation(make_member(), performed_on=DAY).pk)
    one.invitation_id = NOWHERE
    one.save()


def no_member() -> None:
    Invitation.objects.filter(pk=invitation().pk).update(membership_id=NOWHERE)


def new_without_member() -> None:
    Invitation.objects.create(
        membership_id=NOWHERE, time_point="y1", plan=[], opens_on=DAY, due_on=DAY, closes_on=DAY
    )


def invitation_deleted() -> None:
    execute("DELETE FROM proms_invitation WHERE id = %s", invitation().pk)


def member_deleted() -> None:
    execute("DELETE FROM patients_membership WHERE id = %s", invitation().membership_id)


@pytest.mark.parametrize(
    "break_it",
    [
        no_invitation,
        no_invitation_of_one_among_many,
        new_without_invitation_to_point_to,
        no_member,
        new_without_member,
        invitation_deleted,
        member_deleted,
    ],
)
def test_nothing_points_to_nothing(break_it):
    with pytest.raises(IntegrityError), transaction.atomic():
        break_it()


@pytest.mark.parametrize("table", ["proms_invitation", "patients_membership"])
def test_what_is_pointed_to_keeps_its_id(table):
    invitation()
    with pytest.raises(NotSupportedError), transaction.atomic():
        execute(f"UPDATE {table} SET id = id + %s", NOWHERE)


def test_what_points_to_something_may_point_to_something_else_or_to_nothing():
    first, second = invitation(), invitation()
    FollowUp.objects.filter(invitation=first).update(invitation=second)
    FollowUp.objects.filter(invitation=second).update(invitation=None)
    execute("DELETE FROM proms_invitation")
    assert FollowUp.objects.count() == 10


def test_deleting_an_invitation_through_the_models_lets_go_of_its_follow_ups_first():
    held = invitation()
    follow_up = asked(held)
    held.delete()
    follow_up.refresh_from_db()
    assert follow_up.invitation_id is None


@pytest.mark.django_db(transaction=True)
def test_an_invitation_is_not_deleted_beside_a_follow_up_being_linked_to_it(neighbour):
    held = invitation()
    FollowUp.objects.filter(invitation=held).update(invitation=None)
    delete = "DELETE FROM proms_invitation WHERE id = %s"
    with neighbour.cursor() as cursor:
        with transaction.atomic():
            FollowUp.objects.filter(time_point="y1").update(invitation=held)
            with pytest.raises(OperationalError, match="lock timeout"):
                cursor.execute(delete, [held.pk])
        with pytest.raises(IntegrityError):
            cursor.execute(delete, [held.pk])


@pytest.mark.django_db(transaction=True)
def test_no_follow_up_is_linked_to_an_invitation_being_deleted(neighbour):
    held = invitation()
    FollowUp.objects.filter(invitation=held).update(invitation=None)
    with transaction.atomic():
        execute("DELETE FROM proms_invitation WHERE id = %s", held.pk)
        with neighbour.cursor() as cursor, pytest.raises(OperationalError, match="lock timeout"):
            cursor.execute(
                "UPDATE proms_followup SET invitation_id = %s WHERE time_point = 'y1'", [held.pk]
            )


@pytest.mark.django_db(transaction=True)
def test_nobody_is_asked_beside_a_membership_being_deleted(neighbour):
    held = invitation()
    FollowUp.objects.filter(invitation=held).update(invitation=None)
    with transaction.atomic():
        execute("DELETE FROM proms_invitation WHERE id = %s", held.pk)
        execute("DELETE FROM proms_followup")
        execute("DELETE FROM procedures_operation")
        execute("DELETE FROM patients_membership WHERE id = %s", held.membership_id)
        with neighbour.cursor() as cursor, pytest.raises(OperationalError, match="lock timeout"):
            cursor.execute(
                "INSERT INTO proms_invitation (membership_id, time_point, plan, opens_on, due_on,"
                " closes_on, generation, failed_attempts)"
                " VALUES (%s, 'y1', '[]', now(), now(), now(), 1, 0)",
                [held.membership_id],
            )


@pytest.mark.parametrize("function", ["operation", "invitation", "other_invitation"])
def test_what_is_pointed_to_is_looked_up_by_its_key_and_never_read_through(function):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(proconfig, '{}') FROM pg_proc WHERE proname = %s",
            [f"proms_followup_has_{function}"],
        )
        assert "enable_seqscan=off" in cursor.fetchone()[0]
