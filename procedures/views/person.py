"""The patient in the head of a page: name, age, registry number."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from django.urls import reverse
from django.utils.translation import gettext as _

from patients.models import Membership
from patients.policies import age_on
from patients.selectors import identities_of, identity_of
from patients.vault import IdentityErased
from registry.accounts.permissions import Viewer


@dataclass(frozen=True, slots=True)
class Person:
    """Who a page is about; ``url`` leads to the patient's page."""

    name: str
    age: int
    registry_number: int
    url: str


def person_of(viewer: Viewer, membership: Membership, *, on: date) -> Person:
    """The member in the head of a page. The access was noted when the member was fetched."""
    try:
        name = identity_of(viewer, membership).name
    except IdentityErased:
        name = _("Erased")
    return _person(membership, name, on)


def persons_of(viewer: Viewer, memberships: Iterable[Membership], *, on: date) -> dict[int, Person]:
    """The members of a list by membership id; each access is noted."""
    held = {membership.pk: membership for membership in memberships}
    names = identities_of(viewer, held.values())
    return {
        pk: _person(membership, names[pk].name if pk in names else "", on)
        for pk, membership in held.items()
    }


def _person(membership: Membership, name: str, on: date) -> Person:
    return Person(
        name=name or _("Patient %(number)d") % {"number": membership.registry_number},
        age=age_on(membership.patient.birth_date, on),
        registry_number=membership.registry_number,
        url=_url(membership),
    )


def _url(membership: Membership) -> str:
    return reverse(
        "patients:detail",
        kwargs={"register": membership.register_id, "membership": membership.pk},
    )
