"""The life of an invitation in any order: who is mailed, which forms open, what becomes of answers.

Everything is real, the mail server too. The machine keeps its own small account of what it did (who
died, declined, answered what) and holds the registry to it.
"""

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
import time_machine
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from demo.identities import synthetic_number
from patients import actions as patients
from procedures.actions import (
    cancel_operation,
    perform_operation,
    plan_operation,
    reschedule_operation,
    withdraw_operation,
)
from procedures.models import Operation
from proms import actions
from proms.instruments import instrument
from proms.models import FollowUp, Invitation, Response, StartedForm
from proms.questionnaire import Form, Row, fingerprint, form_for
from proms.scoring import score_one
from registry.accounts.permissions import Grant, Viewer
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.messaging.sending import send_due
from registry.registers.selectors import definition_for, units_of
from tests.processes import Inbox

pytestmark = pytest.mark.django_db
START = datetime(2026, 3, 2, 9, tzinfo=UTC)
BIRTH_DATE = date(1961, 4, 12)
DAYS_TO_FINISH = 30
# Two groups with short questionnaires: one is asked six weeks after, the other for ten years.
DIAGNOSES = {"metastasis": "C79.5", "spondylodiscitis": "M46.4"}
_patients = count(1)

pick = st.integers(min_value=0, max_value=11)
some = st.integers(min_value=0, max_value=6)


@dataclass
class Held:
    """What the machine knows about one invitation."""

    links: list[str] = field(default_factory=list)
    answers: dict[str, float | None] = field(default_factory=dict)
    opened: bool = False
    """With the birth date, before the form closed."""
    begun: bool = False
    submitted: bool = False
    declined: bool = False
    asked_new_link: list[datetime] = field(default_factory=list)


@dataclass
class Tab:
    """A question page that was opened in a browser and is still on its screen."""

    browser: int
    invitation: int
    number: int
    form: str


class InvitationLife(RuleBasedStateMachine):
    """One patient with operations, two browsers, staff, the night's runs, and time."""

    inbox: Inbox

    def __init__(self) -> None:
        super().__init__()
        self.point = transaction.savepoint()
        self.now = START
        self.gone: set[str] = set()
        self.address = "karen@patient.example"
        self.held: dict[int, Held] = {}
        self.operations: list[int] = []
        self.tabs: list[Tab] = []
        self.responses: dict[int, dict] = {}
        self.scored = 0

    @initialize(stage=st.sampled_from([4, 4, 3, 3, 2, 0]))
    def begin(self, stage: int) -> None:
        """Register the patient and walk the ordinary way up to some stage: most then have a form
        open, which a random walk alone would seldom reach."""
        self.clock = time_machine.travel(self.now, tick=False)
        self.clock.start()
        self.unit = units_of("danespine")[0]
        self.by = Viewer(None, (Grant("administrator", "danespine", None),), "machine")
        self.member = patients.register_patient(
            by=self.by,
            register_code="danespine",
            unit=self.unit,
            number=synthetic_number("DK", BIRTH_DATE, "female", next(_patients)),
            country="DK",
            given_name="Karen",
            surname="Kjærgaard",
            email=self.address,
            language="da",
            on=self.today,
        )
        self.browsers = [Client(), Client()]
        self.plan(20, 0)
        ordinary = (
            self.night_and_send,
            lambda: self.open_link(0, 0, 1),
            lambda: self.look(0, 0),
            lambda: self.answer_all_and_send(0, 1, 0),
        )
        for step in ordinary[:stage]:
            step()

    @property
    def today(self) -> date:
        return clock.civil_date(self.now)

    def attempt(self, act: object) -> bool:
        """Do it; a refusal by a rule is fine, and must change nothing (the invariants look)."""
        try:
            with transaction.atomic():
                act()
        except RuleBroken:
            return False
        return True

    # --- Operations ---------------------------------------------------------------------------

    @rule(ahead=st.integers(min_value=0, max_value=100), group=pick)
    def plan(self, ahead: int, group: int) -> None:
        if len(self.operations) >= 4:
            return
        self.attempt(
            lambda: self.operations.append(
                plan_operation(
                    by=self.by,
                    membership=self.member,
                    unit=self.unit,
                    group=tuple(DIAGNOSES)[group % 2],
                    planned_on=self.today + timedelta(days=ahead),
                    on=self.today,
                ).pk
            )
        )

    def operation(self, which: int) -> Operation:
        return Operation.objects.get(pk=self.operations[which % len(self.operations)])

    @precondition(lambda self: self.operations)
    @rule(which=pick, ago=st.integers(min_value=0, max_value=3))
    def perform(self, which: int, ago: int) -> None:
        self.attempt(
            lambda: perform_operation(
                by=self.by,
                operation=self.operation(which),
                performed_on=self.today - timedelta(days=ago),
                procedures=[("decompression", "ABC36")],
                diagnosis=DIAGNOSES[self.operation(which).group],
                levels=["L4"],
                details={"asa_class": "2", "previous_surgery_level": False},
                on=self.today,
            )
        )

    @precondition(lambda self: self.operations)
    @rule(which=pick, ahead=st.integers(min_value=0, max_value=120))
    def reschedule(self, which: int, ahead: int) -> None:
        self.attempt(
            lambda: reschedule_operation(
                by=self.by,
                operation=self.operation(which),
                planned_on=self.today + timedelta(days=ahead),
                on=self.today,
            )
        )

    @precondition(lambda self: self.operations)
    @rule(which=pick)
    def cancel(self, which: int) -> None:
        self.attempt(
            lambda: cancel_operation(
                by=self.by, operation=self.operation(which), reason="Recovered", on=self.today
            )
        )

    @precondition(lambda self: self.operations)
    @rule(which=pick)
    def withdraw(self, which: int) -> None:
        self.attempt(
            lambda: withdraw_operation(
                by=self.by,
                operation=self.operation(which),
                reason="Wrong patient",
                answers_confirmed=True,
                on=self.today,
            )
        )

    # --- The patient's life -------------------------------------------------------------------

    @rule(what=st.sampled_from(["died", "emigrated", "opted_out"]), seldom=some)
    def leave(self, what: str, seldom: int) -> None:
        if seldom != 1:
            return  # or most walks would be about somebody who has left
        ways = {
            "died": lambda: patients.record_death(
                by=self.by, membership=self.member, died_on=self.today, on=self.today
            ),
            "emigrated": lambda: patients.record_emigration(
                by=self.by, membership=self.member, emigrated_on=self.today, on=self.today
            ),
            "opted_out": lambda: patients.opt_out(
                by=self.by, membership=self.member, opted_out_on=self.today, on=self.today
            ),
        }
        if self.attempt(ways[what]):
            self.gone.add(what)

    @precondition(lambda self: self.gone)
    @rule()
    def it_was_a_mistake(self) -> None:
        ways = {
            "died": patients.revoke_death,
            "emigrated": patients.revoke_emigration,
            "opted_out": patients.revoke_opt_out,
        }
        for what in sorted(self.gone):
            assert self.attempt(lambda what=what: ways[what](by=self.by, membership=self.member))
        self.gone.clear()

    @rule(which=some)
    def change_address(self, which: int) -> None:
        self.address = "" if which == 0 else f"karen{which}@patient.example"
        patients.change_contact(
            by=self.by,
            membership=self.member,
            address="",
            email=self.address,
            telephone="",
            language=("da", "sv")[which % 2],
        )

    # --- Time, the night's runs, sending ------------------------------------------------------

    @rule(hours=st.sampled_from([1, 5, 24, 24, 72, 168, 336, 1000, 8000]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.clock.stop()
        self.clock = time_machine.travel(self.now, tick=False)
        self.clock.start()

    @rule()
    def night(self) -> None:
        """Select and remind, as beat has it done."""
        actions.invite_due(now=self.now)
        actions.queue_reminders(now=self.now)

    @rule()
    def send(self) -> None:
        already = len(self.inbox.messages)
        send_due(now=self.now)
        got = Counter()
        for message in self.inbox.messages[already:]:
            text = message.get_body(("plain",)).get_content()
            address = re.search(r"/q/([\w-]{43})/", text)
            assert address, text
            invitation = actions.invitation_of(address.group(1))
            assert invitation is not None, "a mail carries a link that opens nothing"
            held = self.known(invitation.pk)
            held.links.append(address.group(1))
            got[invitation.pk] += 1
            assert message["To"] == self.address
            assert not self.gone, f"mail to somebody who {self.gone}"
            assert not held.submitted, "mail after the answer"
            assert not held.declined, "mail after declining"
            assert self.is_open(invitation), "mail about a form that is closed"
        assert all(n == 1 for n in got.values()), "two mails about the same at once"

    @rule()
    def night_and_send(self) -> None:
        self.night()
        self.send()

    @rule()
    def until_the_next_window(self) -> None:
        """Go to the day on which the next follow-up opens, and let the night run."""
        ahead = FollowUp.objects.filter(opens_on__gt=self.today).order_by("opens_on").first()
        if ahead is not None:
            self.time_passes(24 * (ahead.opens_on - self.today).days)
            self.night_and_send()

    # --- The patient --------------------------------------------------------------------------

    def known(self, pk: int) -> Held:
        return self.held.setdefault(pk, Held())

    def is_open(self, invitation: Invitation) -> bool:
        """Say by the machine's own account whether a form may be answered now."""
        held = self.known(invitation.pk)
        going_on = Operation.objects.filter(
            follow_ups__invitation=invitation, cancelled_on__isnull=True
        ).exists()
        last = invitation.closes_on + timedelta(days=DAYS_TO_FINISH if held.begun else held.opened)
        return (
            going_on
            and not self.gone
            and not held.submitted
            and not held.declined
            and self.today <= last
        )

    def links(self) -> list[tuple[int, str]]:
        return [(pk, link) for pk, held in sorted(self.held.items()) for link in held.links]

    @precondition(lambda self: self.links())
    @rule(which=pick, browser=some, right=some)
    def open_link(self, which: int, browser: int, right: int) -> None:
        links = self.links()
        pk, link = links[-1 - which % len(links)]
        invitation = Invitation.objects.get(pk=pk)
        current = actions.invitation_of(link) is not None
        locked = invitation.locked_at is not None
        day = BIRTH_DATE.day if right else 1
        answer = self.browsers[browser % 2].post(
            f"/q/{link}/", {"day": day, "month": BIRTH_DATE.month, "year": BIRTH_DATE.year}
        )
        opened = answer.status_code == 302
        assert answer.status_code in {302, 404, 422}
        if opened:
            assert right, "opened with a wrong birth date"
            assert current, "opened by a revoked link"
            assert not locked, "opened though locked"
            assert self.is_open(invitation), "a closed form opens"
            self.known(pk).opened |= self.today <= invitation.closes_on
            self.look(browser, 0)

    @rule(browser=some, jump=pick)
    def look(self, browser: int, jump: int) -> None:
        """Open the next question, or any, and leave it on the screen."""
        client = self.browsers[browser % 2]
        page = client.get(f"/q/form/{jump}/" if jump else "/q/form/", follow=True)
        onward = re.search(r'class="btn btn-primary" href="(/q/form/\d+/)"', page.content.decode())
        if onward:
            page = client.get(onward.group(1))
        assert page.status_code in {200, 403, 404, 409}
        form = re.search(r'name="form" value="(\w+)"', page.content.decode())
        at = re.fullmatch(r"/q/form/(\d+)/", page.request["PATH_INFO"])
        if page.status_code == 200 and form and at:
            invitation = self.invitations()[form.group(1)]
            assert self.is_open(invitation), "a closed form shows a question"
            self.tabs.append(Tab(browser % 2, invitation.pk, int(at.group(1)), form.group(1)))

    def invitations(self) -> dict[str, Invitation]:
        """The patient's invitations by what tells their forms apart."""
        found = Invitation.objects.filter(membership=self.member)
        return {fingerprint(one.pk, one.plan): one for one in found}

    def form_of(self, pk: int) -> Form:
        return form_for(Invitation.objects.get(pk=pk).plan, "da")

    @precondition(lambda self: self.tabs)
    @rule(which=pick, choice=pick, how=st.sampled_from(["next", "back", "skip"]), born=some)
    def answer(self, which: int, choice: int, how: str, born: int) -> None:
        """Answer on a page left on some screen, however old it is."""
        tab = self.tabs[-1 - which % len(self.tabs)]
        page = self.form_of(tab.invitation).page(tab.number)
        values = {row.code: self.choose(row, choice) for row in page.rows}
        if how == "skip":
            values = dict.fromkeys(values)
        self.post(tab, values, how, born=bool(born))

    def choose(self, row: Row, choice: int) -> int:
        values = row.item.values
        return values[choice % len(values)] if values else int(row.item.minimum) + choice

    def post(self, tab: Tab, values: dict, how: str, *, born: bool = False) -> int:
        """Post answers; note them as kept when the page says so, and only then."""
        held = self.known(tab.invitation)
        was_open = self.is_open(Invitation.objects.get(pk=tab.invitation))
        posted = {"form": tab.form, "go": how} | {
            code: value for code, value in values.items() if value is not None
        }
        client, address = self.browsers[tab.browser], f"/q/form/{tab.number}/"
        before = self.kept(tab.invitation)
        reply = client.post(address, posted)
        if reply.status_code == 403 and born:
            # The page asks for the birth date and carries what was typed.
            day, month, year = BIRTH_DATE.day, BIRTH_DATE.month, BIRTH_DATE.year
            reply = client.post(address, posted | {"day": day, "month": month, "year": year})
        assert reply.status_code in {302, 403, 404, 409, 422}
        if reply.status_code == 302 and reply.url != "/q/form/":
            assert was_open, "a closed form took an answer"
            held.answers |= values
            held.begun = True
        elif self.kept(tab.invitation) != before:
            # Hidden by a changed mind and led to the start, or back from the first page.
            assert reply.status_code == 302
            assert how == "back"
            assert was_open
            held.answers |= values
            held.begun = True
        return reply.status_code

    def kept(self, pk: int) -> dict | None:
        return StartedForm.objects.filter(pk=pk).values_list("answers", flat=True).first()

    @precondition(lambda self: self.tabs)
    @rule(which=pick, choice=pick, twice=some)
    def answer_all_and_send(self, which: int, choice: int, twice: int) -> None:
        tab = self.tabs[-1 - which % len(self.tabs)]
        form = self.form_of(tab.invitation)
        for page in form.pages:
            held = self.known(tab.invitation)
            if page not in form.visible(held.answers) or page.is_seen(held.answers):
                continue
            one = Tab(tab.browser, tab.invitation, page.number, tab.form)
            values = {row.code: self.choose(row, choice) for row in page.rows}
            if self.post(one, values, "next") != 302:
                break
        self.submit(tab)
        if twice % 2:
            self.submit(tab)

    @precondition(lambda self: self.links())
    @rule(browser=some, choice=pick)
    def open_the_newest_and_answer(self, browser: int, choice: int) -> None:
        already = len(self.tabs)
        self.open_link(0, browser, 1)
        if len(self.tabs) > already:
            self.answer_all_and_send(0, choice, choice)

    @precondition(lambda self: self.tabs)
    @rule(which=pick)
    def send_answers(self, which: int) -> None:
        """Press send on a review that is on some screen."""
        self.submit(self.tabs[-1 - which % len(self.tabs)])

    def submit(self, tab: Tab) -> None:
        held = self.known(tab.invitation)
        invitation = Invitation.objects.get(pk=tab.invitation)
        was_open = self.is_open(invitation)
        answered = Response.objects.filter(invitation=invitation).count()
        reply = self.browsers[tab.browser].post("/q/form/send/", {"form": tab.form})
        assert reply.status_code in {302, 403, 404, 409}
        now_answered = Response.objects.filter(invitation=invitation).count()
        if now_answered > answered:
            assert was_open, "a closed form was sent"
            assert reply.status_code == 302
            form = self.form_of(tab.invitation)
            assert form.first_unseen(held.answers) is None, "sent with a question left"
            sent = Response.objects.get(invitation=invitation, current=True).answers
            assert sent == form.complete(held.answers), "an answer was lost"
            held.submitted = True
            held.answers = sent

    @precondition(lambda self: self.links())
    @rule(which=pick)
    def ask_for_new_link(self, which: int) -> None:
        links = self.links()
        pk, link = links[-1 - which % len(links)]
        generation = Invitation.objects.get(pk=pk).generation
        was_open = self.is_open(Invitation.objects.get(pk=pk))
        assert self.browsers[0].post(f"/q/{link}/new/").status_code == 302
        if Invitation.objects.get(pk=pk).generation > generation:
            assert was_open, "a new link to a closed form"
            asked = self.known(pk).asked_new_link
            asked.append(self.now)
            recent = [at for at in asked if at > self.now - timedelta(days=1)]
            assert len(recent) <= 3, "a mail bomb"

    # --- Staff --------------------------------------------------------------------------------

    @precondition(lambda self: self.held)
    @rule(which=pick, what=st.sampled_from(["again", "new link", "unreachable", "decline"]))
    def staff_act(self, which: int, what: str) -> None:
        """What the coordinator does about one invitation."""
        pk = sorted(self.held)[-1 - which % len(self.held)]
        invitation = Invitation.objects.get(pk=pk)
        ways = {
            "again": actions.send_again,
            "new link": actions.send_new_link,
            "unreachable": actions.mark_unreachable,
            "decline": actions.decline,
        }
        was_open = self.is_open(invitation)
        done = self.attempt(lambda: ways[what](invitation=invitation, now=self.now))
        if done:
            assert was_open, f"{what} about a closed form"
        if done and what == "decline":
            self.known(pk).declined = True

    @precondition(lambda self: self.held)
    @rule(which=pick, then=st.sampled_from(["decline", "unreachable", "new link"]))
    def staff_send_and_think_again(self, which: int, then: str) -> None:
        """A message is on its way when something else is noted about the same invitation."""
        self.staff_act(which, "again")
        self.staff_act(which, then)
        self.send()

    @precondition(lambda self: any(held.submitted for held in self.held.values()))
    @rule(which=pick, choice=pick, old=some)
    def correct(self, which: int, choice: int, old: int) -> None:
        """Correct a response; one that was corrected already is refused."""
        found = list(Response.objects.filter(invitation__membership=self.member).order_by("pk"))
        response = found[which % len(found)] if old == 0 else found[-1]
        form = form_for(response.invitation.plan, response.language)
        row = list(form.items.values())[choice % len(form.items)]
        answers = {row.code: self.choose(row, choice)}
        asked = answers | {code: v for code, v in response.answers.items() if code != row.code}
        hidden = row.code not in form.complete(asked)
        done = self.attempt(
            lambda: actions.correct_response(
                response=response, answers=answers, reason="Misread", now=self.now
            )
        )
        assert done == (response.current and not hidden)
        if done:
            corrected = form.complete({**response.answers, **answers})
            self.known(response.invitation_id).answers = corrected

    # --- What must hold at every moment -------------------------------------------------------

    @invariant()
    def no_answer_is_lost_and_every_response_counts_once(self) -> None:
        started = dict(StartedForm.objects.values_list("pk", "answers"))
        responses = list(Response.objects.prefetch_related("scores").order_by("pk"))
        for response in responses:
            earlier = self.responses.setdefault(response.pk, response.answers)
            assert response.answers == earlier, "a response was rewritten"
        current = {one.invitation_id: one for one in responses if one.current}
        assert len(current) == sum(one.current for one in responses)
        for pk, held in self.held.items():
            if held.submitted:
                assert current[pk].answers == held.answers, "a sent answer was lost"
                assert pk not in started
            else:
                assert pk not in current, "a response that nobody sent"
                assert started.get(pk, {}) == held.answers, "a kept answer was lost"

    @invariant()
    def scores_are_those_of_the_answers(self) -> None:
        for response in Response.objects.filter(pk__gt=self.scored).prefetch_related("scores"):
            held = {score.scale: score.value for score in response.scores.all()}
            assert held == expected_scores(response)
            self.scored = response.pk

    @invariant()
    def a_follow_up_is_completed_when_its_response_was_sent(self) -> None:
        for one in FollowUp.objects.select_related("invitation"):
            sent = one.invitation is not None and one.invitation.submitted_at is not None
            if one.completed_on is not None:
                assert sent, "completed without a response"
            elif sent:
                begun = clock.civil_date(one.invitation.started_at)
                assert one.censored_on is not None or one.closes_on < begun

    def teardown(self) -> None:
        self.clock.stop()
        transaction.savepoint_rollback(self.point)


def expected_scores(response: Response) -> dict[str, float | None]:
    """Score a response's answers anew, an instrument at a time."""
    about = definition_for("danespine").about
    scores: dict[str, float | None] = {}
    for code, held in response.instruments.items():
        codes = {item.code for item in instrument(code, held["version"]).items}
        answers = {item: value for item, value in response.answers.items() if item in codes}
        scored = score_one(code, answers, value_set=about.eq5d_value_set, version=held["version"])
        scores |= {
            name: one.value for name, one in scored.items() if not isinstance(one.value, str)
        }
    return scores


def test_no_order_of_events_mails_wrongly_loses_an_answer_or_opens_a_closed_form(
    settings: object,
) -> None:
    """1,000 steps here; INVITATION_LIFE_STEPS=10000 walks so many."""
    steps = int(os.environ.get("INVITATION_LIFE_STEPS", "1000"))
    walk = 100
    with Inbox() as InvitationLife.inbox:
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", InvitationLife.inbox.port
        run_state_machine_as_test(
            InvitationLife,
            settings=hypothesis_settings(
                max_examples=max(1, steps // walk),
                stateful_step_count=walk,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
