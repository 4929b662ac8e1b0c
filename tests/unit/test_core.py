"""Events, sealing, the clock."""

from dataclasses import dataclass
from datetime import date, timedelta

import pytest
from django.utils import timezone

from registry.accounts.second_factor import SealedSecretsAdapter
from registry.audit.logs import scrub
from registry.core import clock, events
from registry.core.crypto import SealBroken, blind_index, key_from_text, new_key, seal, unseal


@dataclass(frozen=True)
class SomethingHappened:
    number: int


def test_an_event_reaches_its_subscribers_in_order_and_once():
    heard: list[tuple[str, int]] = []

    def first(event: SomethingHappened) -> None:
        heard.append(("first", event.number))

    def second(event: SomethingHappened) -> None:
        heard.append(("second", event.number))

    try:
        for handler in (first, second, first):
            events.subscribe(SomethingHappened, handler)
        events.announce(SomethingHappened(3))
    finally:
        events._subscribers.pop(SomethingHappened)
    assert heard == [("first", 3), ("second", 3)]


def test_what_is_sealed_opens_only_with_its_key_for_its_row():
    key = new_key()
    sealed = seal(key, "Blåbær".encode(), bound_to="patient:1")
    assert unseal(key, sealed, bound_to="patient:1").decode() == "Blåbær"
    for wrong_key, bound_to, value in [
        (new_key(), "patient:1", sealed),
        (key, "patient:2", sealed),
        (key, "patient:1", sealed[:-1] + bytes([sealed[-1] ^ 1])),
        (key, "patient:1", b"short"),
    ]:
        with pytest.raises(SealBroken):
            unseal(wrong_key, value, bound_to=bound_to)


def test_parts_of_a_blind_index_do_not_run_together():
    key = new_key()
    assert blind_index(key, "ab", "c") != blind_index(key, "a", "bc")
    assert blind_index(key, "ab", "c") == blind_index(key, "ab", "c")
    assert blind_index(new_key(), "ab", "c") != blind_index(key, "ab", "c")


@pytest.mark.parametrize("text", ["", "zz" * 32, "ab" * 16, "not base64!"])
def test_a_key_that_is_none_names_its_setting(text: str):
    with pytest.raises(ValueError, match="LINK_KEY"):
        key_from_text(text, name="LINK_KEY")


def test_the_clock_moves_where_a_file_says_so(settings, tmp_path):
    settings.CLOCK_FILE = str(tmp_path / "clock")
    before = timezone.localdate()
    assert clock.today() == before
    clock.move_clock(366)
    assert clock.today() - before in {timedelta(days=366), timedelta(days=367)}


def test_the_clock_of_production_cannot_be_moved(settings):
    settings.CLOCK_FILE = ""
    with pytest.raises(RuntimeError):
        clock.move_clock(1)
    assert clock.civil_date(timezone.now()) >= date(2026, 1, 1)


def test_links_are_scrubbed_from_text():
    token = "A" * 43
    assert scrub(f"GET /q/{token}/ 404") == "GET /q/…/ 404"
    assert scrub("GET /q/form/3 200") == "GET /q/form/3 200"


def test_the_secret_of_a_second_factor_is_sealed(settings):
    adapter = SealedSecretsAdapter()
    sealed = adapter.encrypt("JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in sealed
    assert adapter.decrypt(sealed) == "JBSWY3DPEHPK3PXP"
    settings.SECRET_KEY = "another"
    with pytest.raises(SealBroken):
        adapter.decrypt(sealed)
