"""The day on which patients answer, and the invitation of one of them."""

import pytest
import time_machine

from proms.models import Invitation
from tests.integration.answering.pages import NOW, make_invitation


@pytest.fixture(autouse=True)
def today():
    with time_machine.travel(NOW, tick=True):
        yield


@pytest.fixture
def invitation(db) -> Invitation:
    return make_invitation()
