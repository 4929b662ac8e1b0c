"""A patient's browser without scripts: opens a link, reads pages, answers."""

import re
from datetime import UTC, date, datetime

from django.test import Client

from proms import actions
from proms.links import token_for
from proms.models import Invitation
from proms.questionnaire import form_for
from tests.unit.proms.factories import make_member, make_operation

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
BORN = {"day": "9", "month": "3", "year": "1950"}


def make_invitation(**member) -> Invitation:
    operation = make_operation(make_member(**member), planned_on=date(2026, 12, 20))
    actions.create_schedule(operation_id=operation.pk)
    actions.invite_due(now=NOW)
    return Invitation.objects.get(follow_ups__operation=operation)


def link(invitation: Invitation) -> str:
    return f"/q/{token_for(invitation.pk, invitation.generation)}/"


def let_in(client: Client, invitation: Invitation) -> None:
    assert client.post(link(invitation), BORN).url == "/q/form/"


def form_code(client: Client, page: str) -> str:
    return re.search(r'name="form" value="(\w+)"', client.get(page).content.decode()).group(1)


def text(response) -> str:
    return response.content.decode()


def answer_all(client: Client, invitation: Invitation) -> None:
    for page in form_for(invitation.plan, "da").pages:
        address = f"/q/form/{page.number}/"
        values = {
            row.code: row.item.values[1] if row.item.values else int(row.item.minimum)
            for row in page.rows
        }
        response = client.get(address)
        if response.status_code == 302:
            continue  # hidden by an earlier answer
        posted = client.post(address, {"form": form_code(client, address), **values})
        assert posted.status_code == 302, (address, text(posted))


def number_of(invitation: Invitation, code: str) -> int:
    pages = form_for(invitation.plan, "da").pages
    return next(page.number for page in pages if code in page.codes)
