"""Loading definitions and marking slices, on the real database with the application's rights."""

from datetime import UTC, datetime

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from registry.core import events
from registry.registers.actions import (
    assign_units,
    load_register,
    mark_slices_stale,
    mark_stale,
    take_stale_slices,
)
from registry.registers.events import DefinitionChanged
from registry.registers.loader import DefinitionError, canonical, parse_definition
from registry.registers.models import DefinitionVersion, Register, StaleSlice
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import (
    Slice,
    UnknownRegister,
    current_version,
    definition_for,
    definition_of,
    registers,
    stale_slices,
    units_of,
)
from tests.conftest import owner_connection
from tests.unit.registers.example import data, definition

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)


def changed(**register):
    """The example with other values in [register]."""
    content = data()
    content["register"].update(register)
    return parse_definition(content, file="example.toml")


@pytest.mark.django_db
def test_a_changed_definition_gets_a_new_version_and_the_old_stays():
    first = load_register(definition=definition(), now=NOW)
    second = load_register(definition=changed(owner="Somebody"), now=NOW)

    assert (first.sequence, second.sequence) == (1, 2)
    assert first.version != second.version
    assert current_version("example") == second
    assert definition_for("example").about.owner == "Somebody"
    assert definition_for("example", first.version).about.owner == "Nobody"
    assert definition_of(first) == definition()


@pytest.mark.django_db
def test_the_same_content_is_the_same_version():
    first = load_register(definition=definition(), now=NOW)
    assert load_register(definition=definition(), now=NOW) == first
    assert DefinitionVersion.objects.filter(register="example").count() == 1


@pytest.mark.django_db
def test_going_back_to_an_earlier_content_moves_the_current_version_back():
    first = load_register(definition=definition(), now=NOW)
    load_register(definition=changed(owner="Somebody"), now=NOW)
    assert load_register(definition=definition(), now=NOW) == first
    assert current_version("example") == first
    assert DefinitionVersion.objects.filter(register="example").count() == 2


@pytest.mark.django_db
def test_the_register_takes_its_name_from_the_current_definition():
    load_register(definition=definition(), now=NOW)
    names = {"nb": "Nytt", "da": "Nyt", "sv": "Nytt", "en": "New"}
    load_register(definition=changed(names=names), now=NOW)
    assert Register.objects.get(pk="example").names == names
    assert "example" in [register.code for register in registers()]


@pytest.mark.django_db
def test_a_change_is_announced_with_what_held_before(monkeypatch):
    heard = []
    monkeypatch.setattr(events, "_subscribers", {DefinitionChanged: [heard.append]})
    first = load_register(definition=definition(), now=NOW)
    load_register(definition=definition(), now=NOW)
    second = load_register(definition=changed(owner="Somebody"), now=NOW)
    assert heard == [
        DefinitionChanged("example", first.version, None),
        DefinitionChanged("example", second.version, first.version),
    ]


@pytest.mark.django_db
def test_a_faulty_definition_changes_nothing():
    content = canonical(definition())
    content["procedures"]["groups"][0]["cohort"] = "thoracic"
    with pytest.raises(DefinitionError, match="thoracic"):
        load_register(definition=RegisterDefinition.model_validate(content), now=NOW)
    assert not Register.objects.filter(pk="example").exists()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "write",
    [lambda rows: rows.update(definition={}), lambda rows: rows._raw_delete("default")],
    ids=["update", "delete"],
)
def test_a_version_can_be_neither_changed_nor_deleted(write):
    version = load_register(definition=definition(), now=NOW)
    with pytest.raises(DatabaseError), transaction.atomic():
        write(DefinitionVersion.objects.filter(pk=version.pk))


@pytest.mark.django_db
def test_an_unknown_register_or_version_says_so():
    with pytest.raises(UnknownRegister, match="not loaded"):
        definition_for("nothing")
    with pytest.raises(UnknownRegister, match="not loaded"):
        current_version("nothing")
    with pytest.raises(UnknownRegister, match="no version"):
        definition_for("limb_no", "0" * 16)


@pytest.mark.django_db
def test_the_current_definition_is_parsed_once(django_assert_num_queries):
    definition_for("limb_no")
    with django_assert_num_queries(1):
        again = definition_for("limb_no")
    assert again is definition_for("limb_no")


@pytest.mark.django_db
def test_units_named_by_a_definition_report_to_it(unit):
    load_register(definition=changed(units=["capio", "gildhoej", "not-there-yet"]), now=NOW)
    assert [u.code for u in units_of("example")] == ["capio", "gildhoej"]
    # A unit added in the program stays when the definition is loaded again.
    assert assign_units(register_code="example", unit_ids=[unit("kollund").pk]) == 1
    assert assign_units(register_code="example", unit_ids=[unit("kollund").pk]) == 0
    load_register(definition=changed(units=["capio"]), now=NOW)
    assert [u.code for u in units_of("example")] == ["capio", "gildhoej", "kollund"]


@pytest.mark.django_db
def test_slices_are_marked_taken_and_marked_again(unit):
    capio, kollund = unit("capio").pk, unit("kollund").pk
    mark_stale(register_code="danespine", unit_id=capio, years=[2022, 2021, 2022])
    mark_slices_stale([("danespine", capio, 2022), ("limb_no", kollund, 2022)])

    assert StaleSlice.objects.count() == 4
    assert stale_slices("danespine") == [
        Slice("danespine", capio, 2021),
        Slice("danespine", capio, 2022),
    ]
    taken = take_stale_slices([("danespine", capio, 2022), ("danespine", capio, 2019)])
    assert taken == [Slice("danespine", capio, 2022)]
    assert take_stale_slices([("danespine", capio, 2022)]) == []
    assert stale_slices() == [Slice("danespine", capio, 2021), Slice("limb_no", kollund, 2022)]
    mark_stale(register_code="danespine", unit_id=capio, years=[2022])
    assert Slice("danespine", capio, 2022) in stale_slices()


@pytest.mark.django_db
def test_marking_many_slices_is_one_statement(unit, django_assert_num_queries):
    capio = unit("capio").pk
    with django_assert_num_queries(1):
        mark_slices_stale(("danespine", capio, year) for year in range(2009, 2023))
    with django_assert_num_queries(1):
        assert len(take_stale_slices(stale_slices_of_test(capio))) == 14


def stale_slices_of_test(unit_id):
    return [("danespine", unit_id, year) for year in range(2000, 2030)]


@pytest.mark.django_db(transaction=True)
def test_a_mark_that_is_not_committed_yet_is_never_swallowed(unit):
    capio = unit("capio").pk
    slices = [("danespine", capio, 2022)]
    with owner_connection() as editor:
        editor.autocommit = False
        editor.execute(
            "INSERT INTO registers_staleslice (register_id, unit_id, year)"
            " VALUES ('danespine', %s, 2022)",
            [capio],
        )
        mark_slices_stale(slices)
        with transaction.atomic():
            # The sweeper sees its own mark, waits for nobody, and leaves the editor's.
            connection.cursor().execute("SET LOCAL lock_timeout = '2s'")
            assert take_stale_slices(slices) == [Slice("danespine", capio, 2022)]
        assert stale_slices() == []
        editor.commit()
    assert stale_slices() == [Slice("danespine", capio, 2022)]


@pytest.mark.django_db(transaction=True)
def test_two_editors_of_a_slice_do_not_wait_for_each_other(unit):
    capio = unit("capio").pk
    insert = (
        "INSERT INTO registers_staleslice (register_id, unit_id, year)"
        " VALUES ('danespine', %s, 2022)"
    )
    with owner_connection() as one, owner_connection() as other:
        for editor in (one, other):
            editor.autocommit = False
            editor.execute("SET LOCAL lock_timeout = '1s'")
        one.execute(insert, [capio])
        try:
            other.execute(insert, [capio])
        except psycopg.errors.LockNotAvailable:
            pytest.fail("the second editor waited for the first")
        other.commit()
        one.commit()
    assert StaleSlice.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_marks_are_taken_only_in_a_transaction(unit):
    from registry.core.errors import RuleBroken

    with pytest.raises(RuleBroken):
        take_stale_slices([("danespine", unit("capio").pk, 2022)])
