"""Patients to operate on, in both registers, with the people who register them."""

from collections.abc import Callable, Iterator
from datetime import date

import pytest
from django.utils import translation

from demo.identities import synthetic_number
from patients.actions import register_patient
from patients.models import Membership
from procedures.actions import plan_operation, register_performed_operation
from procedures.models import Operation
from registry.accounts.permissions import Viewer
from registry.registers.selectors import units_of
from registry.units.models import Unit
from tests.conftest import TODAY

GROWN_UP = date(1961, 4, 12)
CHILD = date(2014, 6, 3)

STENOSIS = {
    "group": "lumbar_stenosis",
    "diagnosis": "M48.0",
    "levels": ("L4-L5",),
    "procedures": (("decompression", "ABC36"),),
    "details": {"asa_class": "2", "previous_surgery_level": False},
}
LENGTHENING = {
    "group": "limb_shortening",
    "diagnosis": "Q72.4",
    "side": "left",
    "procedures": (("lengthening_nail", ""),),
    "details": {"planned_lengthening_mm": 50},
}


@pytest.fixture
def units(db: None) -> list[Unit]:
    """The units that report to danespine."""
    return units_of("danespine")


@pytest.fixture
def clinician(viewer_of: Callable[..., Viewer], units: list[Unit]) -> Viewer:
    """A clinician at the first unit of danespine."""
    return viewer_of("clinician", "danespine", units[0])


@pytest.fixture
def elsewhere(viewer_of: Callable[..., Viewer], units: list[Unit]) -> Viewer:
    """A clinician at the second unit of danespine."""
    return viewer_of("clinician", "danespine", units[1])


@pytest.fixture
def administrator(viewer_of: Callable[..., Viewer]) -> Viewer:
    """The administrator of danespine."""
    return viewer_of("administrator", "danespine")


@pytest.fixture
def member(clinician: Viewer, units: list[Unit]) -> Membership:
    """A grown-up patient of the first unit of danespine."""
    return register_patient(
        by=clinician,
        register_code="danespine",
        unit=units[0],
        number=synthetic_number("DK", GROWN_UP, "female", 7),
        country="DK",
        given_name="Karen",
        surname="Kjærgaard",
        on=TODAY,
    )


@pytest.fixture
def limb_unit(db: None) -> Unit:
    """The unit of limb_no."""
    return units_of("limb_no")[0]


@pytest.fixture
def surgeon(viewer_of: Callable[..., Viewer], limb_unit: Unit) -> Viewer:
    """A clinician of limb_no."""
    return viewer_of("clinician", "limb_no", limb_unit)


@pytest.fixture
def child(surgeon: Viewer, limb_unit: Unit) -> Membership:
    """A child of limb_no."""
    return register_patient(
        by=surgeon,
        register_code="limb_no",
        unit=limb_unit,
        number=synthetic_number("NO", CHILD, "male", 7),
        country="NO",
        given_name="Ola",
        surname="Nordmann",
        on=TODAY,
    )


@pytest.fixture
def plan(clinician: Viewer, member: Membership, units: list[Unit]) -> Callable[..., Operation]:
    """``plan(planned_on=…)``: a planned stenosis operation at the first unit of danespine."""

    def make(**changes: object) -> Operation:
        told = {
            "by": clinician,
            "membership": member,
            "unit": units[0],
            "group": "lumbar_stenosis",
            "planned_on": date(2026, 12, 1),
            "on": TODAY,
        }
        return plan_operation(**(told | changes))

    return make


@pytest.fixture
def perform_at_once(
    clinician: Viewer, member: Membership, units: list[Unit]
) -> Callable[..., Operation]:
    """``perform_at_once(performed_on=…)``: a stenosis operation registered after the fact."""

    def make(**changes: object) -> Operation:
        told = {
            "by": clinician,
            "membership": member,
            "unit": units[0],
            "performed_on": date(2026, 11, 2),
            "on": TODAY,
        }
        return register_performed_operation(**(told | STENOSIS | changes))

    return make


@pytest.fixture(autouse=True)
def in_english() -> Iterator[None]:
    """Messages are read in English, whatever language an earlier request spoke."""
    with translation.override("en"):
        yield
