"""What patients' pages cost: requests a second under gunicorn, two workers with threads.

The page with one question is compared with a view that answers "ok", and sending a form (scores,
history, follow-ups answered, the slice marked stale) with a view that does one INSERT and COMMIT.
Both of these are bare: Django without middleware, on the same server and the same database, asked
by the same client over as many connections, by turns. Since the registry's own middleware costs
several times what a bare view does, each is also compared with the same view behind it. Each
sending is another patient's, and goes the whole way: cookie, protection against forgery, and the
transaction of the request. Why sending has two budgets says docs/adr/0010.
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from itertools import islice

from django.http import HttpResponse
from psycopg.types.json import Jsonb

from bench import people
from bench.data import execute
from bench.database import owner, use, working_copy
from bench.framework import Budget, Measured, medians, scale
from bench.server import rate, request, serving
from proms import actions
from proms.models import Invitation, Response
from proms.questionnaire import fingerprint, form_for
from proms.views.session import COOKIE, Pass, let_in
from registry.core import clock

FORGERY = "a" * 32
BARE_PER_PAGE = 4  # bare views are asked so many times as often, or they would be over at once


def measurements() -> Iterator[Measured]:
    """Measure both pages on one server."""
    sizes = scale()
    now = clock.now()
    runs = 3 * sizes.runs  # short ones, of which a shared machine may slow down any
    with working_copy() as name:
        use(name, "owner")
        people.add_members(sizes.requests // 2 * (runs + 1))  # one turn to warm up
        people.give_addresses(sealed=False)
        operations = people.operate(clock.civil_date(now) - timedelta(days=360))
        with owner(name) as server:
            server.execute("CREATE TABLE bench_note (id bigserial PRIMARY KEY, text text)")
            server.execute("GRANT SELECT, INSERT ON bench_note TO PUBLIC")
            server.execute("GRANT USAGE ON SEQUENCE bench_note_id_seq TO PUBLIC")
        use(name)
        actions.create_schedules(operation_ids=operations)
        actions.invite_due(now=now)
        invitations = list(Invitation.objects.order_by("pk"))
        _answer_all(invitations)
        execute("ANALYZE")
        senders = iter([_sending(invitation) for invitation in invitations])
        number = form_for(invitations[0].plan, "da").pages[-1].number
        page = request(f"/q/form/{number}/", cookies=_cookies(invitations[-1]))
        bare = [request("/bare/page")] * (sizes.requests * BARE_PER_PAGE)
        behind = [request("/bench/ok/")] * sizes.requests
        insert = [request("/bare/insert")] * sizes.requests
        insert_behind = [request("/bench/insert/")] * sizes.requests
        with serving(name) as port:
            asked = medians(
                runs,
                {
                    "page": partial(rate, port, [page] * sizes.requests),
                    "bare": partial(rate, port, bare),
                    "behind": partial(rate, port, behind),
                },
            )
            sent = medians(
                runs,
                {
                    "sending": lambda: rate(
                        port, list(islice(senders, sizes.requests // 2)), status=302
                    ),
                    "insert": partial(rate, port, insert),
                    "insert_behind": partial(rate, port, insert_behind),
                },
            )
        assert Response.objects.count() == len(invitations), "not every form was stored"
    yield Measured(
        "question_page",
        asked["page"],
        asked["bare"],
        Budget(0.2, at="least"),
        unit="req/s",
        against="a bare view",
    )
    yield Measured(
        "question_page_own_middleware",
        asked["page"],
        asked["behind"],
        None,
        unit="req/s",
        against="the bare view behind the registry's middleware",
    )
    yield Measured(
        "submit",
        sent["sending"],
        sent["insert"],
        Budget(0.15, at="least"),
        unit="req/s",
        against="a bare INSERT and COMMIT",
    )
    yield Measured(
        "submit_own_middleware",
        sent["sending"],
        sent["insert_behind"],
        Budget(0.3, at="least"),
        unit="req/s",
        against="the bare INSERT behind the registry's middleware",
    )


def _answer_all(invitations: list[Invitation]) -> None:
    """Begin every form and answer every question, so that it can be sent."""
    form = form_for(invitations[0].plan, "da")
    answers = {
        row.code: row.item.values[0] if row.item.values else row.item.minimum
        for shown in form.pages
        for row in shown.rows
    }
    execute(
        "INSERT INTO proms_startedform (invitation_id, answers, language)"
        " SELECT unnest(%s::bigint[]), %s, 'da'",
        [[one.pk for one in invitations], Jsonb(answers)],
    )
    execute("UPDATE proms_invitation SET opened_at = now(), started_at = now()")


def _cookies(invitation: Invitation) -> dict[str, str]:
    """Return the cookies of a browser whose link was exchanged."""
    response = HttpResponse()
    let_in(response, Pass(invitation.pk, invitation.generation))
    return {COOKIE: response.cookies[COOKIE].value, "csrftoken": FORGERY}


def _sending(invitation: Invitation) -> bytes:
    return request(
        "/q/form/send/",
        cookies=_cookies(invitation),
        form={
            "csrfmiddlewaretoken": FORGERY,
            "form": fingerprint(invitation.pk, invitation.plan),
        },
    )
