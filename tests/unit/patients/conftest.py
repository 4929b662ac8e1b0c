"""People to register: units, viewers and synthetic identities."""

from collections.abc import Callable
from datetime import date

import pytest

from demo.identities import synthetic_number
from patients.actions import register_patient
from patients.models import Membership
from registry.accounts.permissions import Viewer
from registry.registers.selectors import units_of
from registry.units.models import Unit
from tests.conftest import TODAY

BORN = date(1961, 4, 12)


@pytest.fixture
def units(db: None) -> list[Unit]:
    """The units that report to danespine."""
    return units_of("danespine")


@pytest.fixture
def clinician(viewer_of: Callable[..., Viewer], units: list[Unit]) -> Viewer:
    """A clinician at the first unit of danespine."""
    return viewer_of("clinician", "danespine", units[0])


@pytest.fixture
def administrator(viewer_of: Callable[..., Viewer]) -> Viewer:
    """The administrator of danespine."""
    return viewer_of("administrator", "danespine")


@pytest.fixture
def register(clinician: Viewer, units: list[Unit]) -> Callable[..., Membership]:
    """``register(sequence=3, surname="Møller")``: a new Danish member at the first unit."""

    def make(sequence: int = 0, **changes: object) -> Membership:
        told = {
            "by": clinician,
            "register_code": "danespine",
            "unit": units[0],
            "number": synthetic_number("DK", BORN, "female", sequence),
            "country": "DK",
            "given_name": "Karen",
            "surname": "Kjærgaard",
            "on": TODAY,
        }
        return register_patient(**(told | changes))

    return make
