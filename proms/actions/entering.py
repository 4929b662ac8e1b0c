"""Entering what a patient answered on paper or on the telephone.

It ends in the same response as an answer on the web, with the same rules: the first one submitted
counts. Where the register asks for double entry, a form on paper is entered by two people, the
second without seeing what the first has typed; where they differ, the paper decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.utils.translation import gettext as _

from proms.actions.answering import LockedForm, likely_answerer, locked_form, respond
from proms.models import AnsweredBy, Entry, EntryMethod, Invitation, Response
from proms.paper.typed import Reading, differences, read_entry
from proms.policies import last_day_to_answer, why_not_answered_on
from proms.questionnaire import Form, form_for
from proms.status import DAYS_TO_FINISH
from registry.accounts.permissions import Viewer
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.registers.selectors import definition_for

LONGEST = 20
"""Characters of one typed answer; more than any allowed one has."""


class AnsweredMeanwhile(RuleBroken):
    """The patient's answers came in by another way, and count. Nothing was changed."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of an entry: a response, or it waits: for a second person, or to be compared."""

    response: Response | None = None
    differs: bool = False


@transaction.atomic
def enter_answers(
    *,
    invitation_id: int,
    typed: Mapping[str, str],
    answered_on: date,
    language: str,
    method: str,
    by: Viewer,
    now: datetime,
    answered_by: str = "",
) -> Entered:
    """Take what was typed of a form (see `proms.paper.typed`), and submit it when it may be.

    ``answered_by``: of a child, who gave the answers; where nobody says it, who most likely did.
    Whoever is of age answers alone.

    With double entry the first entry is kept, and corrected by its author until a second person
    has entered the form. Raises RuleBroken beside the question or the date, AnsweredMeanwhile when
    there is a response already.
    """
    held = locked_form(invitation_id)
    form = form_for(held.plan, language)
    _check(held, answered_on=answered_on, now=now)
    reading = _reading(form, typed)
    told = _who_answered(held.pk, answered_by, on=answered_on)
    definition = definition_for(held.register_code, held.definition_version)
    entries = list(Entry.objects.filter(invitation_id=held.pk).order_by("position"))
    twice = definition.proms.double_entry and method == EntryMethod.PAPER
    if entries and not twice:
        raise RuleBroken(_("A form on paper is being entered. Finish that one, or discard it."))
    mine = next((one for one in entries if one.entered_by_id == by.user_id), None)
    if mine is None and len(entries) == 2:
        raise RuleBroken(_("Two people have entered this form already. Compare their entries."))
    if mine is not None and len(entries) == 2 and mine.position == 1:
        raise RuleBroken(_("A second person has entered this form. Compare the two entries."))
    entry = mine or Entry(
        invitation_id=held.pk, position=len(entries) + 1, entered_by_id=by.user_id
    )
    entry.method, entry.language, entry.answered_on = method, language, answered_on
    entry.answers, entry.answered_by = _kept(form, typed), told
    entry.entered_at = now
    if not twice:
        return Entered(_submit(held, form, reading, [entry], answered_on, now, answered_by=told))
    entry.save()
    if entry.position == 1:
        return Entered()
    first = entries[0]
    if _differ(form, first, entry):
        return Entered(differs=True)
    both = [first, entry]
    return Entered(_submit(held, form, reading, both, answered_on, now, answered_by=told))


@transaction.atomic
def resolve_entries(
    *,
    invitation_id: int,
    typed: Mapping[str, str],
    answered_on: date | None,
    by: Viewer,
    now: datetime,
    answered_by: str = "",
) -> Response:
    """Submit two entries with what the paper says where they differ.

    ``typed`` holds the answers to the questions that differ, ``answered_on`` the date and
    ``answered_by`` who answered when the two say it differently. Raises RuleBroken,
    AnsweredMeanwhile.
    """
    held = locked_form(invitation_id)
    entries = list(Entry.objects.filter(invitation_id=held.pk).order_by("position"))
    if held.submitted_at is None and len(entries) < 2:
        raise RuleBroken(_("There are not two entries to compare."))
    first, second = entries[0], entries[-1]
    if first.answered_on == second.answered_on:
        answered_on = first.answered_on
    elif answered_on is None:
        raise RuleBroken({"answered_on": _("Type the date that stands on the form.")})
    _check(held, answered_on=answered_on, now=now)
    form = form_for(held.plan, first.language)
    decided = {
        code: typed.get(code, "") for code in differences(form, first.answers, second.answers)
    }
    undecided = {
        code: _("Type what the form says.") for code, text in decided.items() if not text.strip()
    }
    who = first.answered_by
    if who != second.answered_by:
        who = _who_answered(held.pk, answered_by, on=answered_on)
        if who and not answered_by:
            undecided["answered_by"] = _("Choose who has answered.")
    if undecided:
        raise RuleBroken(undecided)
    reading = _reading(form, {**first.answers, **second.answers, **decided})
    return _submit(held, form, reading, entries, answered_on, now, answered_by=who)


@transaction.atomic
def discard_entries(*, invitation_id: int) -> None:
    """Throw away what was entered of a form and is no response yet; history keeps it.

    Raises RuleBroken when there is a response.
    """
    held = locked_form(invitation_id)
    if Entry.objects.filter(invitation_id=held.pk, response__isnull=False).exists():
        raise RuleBroken(_("These entries have become the patient's answers. Correct those."))
    Entry.objects.filter(invitation_id=held.pk).delete()


def _check(held: LockedForm, *, answered_on: date, now: datetime) -> None:
    if held.submitted_at is not None:
        raise AnsweredMeanwhile(_("The patient has answered already."))
    if held.declined_at is not None:
        raise RuleBroken(_("The patient has declined to answer."))
    if not held.asks_something:
        raise RuleBroken(_("The patient is no longer asked: the follow-up has ended."))
    wrong = why_not_answered_on(
        answered_on,
        opens_on=Invitation.objects.values_list("opens_on", flat=True).get(pk=held.pk),
        last_day=last_day_to_answer(
            closes_on=held.closes_on,
            started=held.started_at is not None,
            days_to_finish=DAYS_TO_FINISH,
        ),
        on=clock.civil_date(now),
    )
    if wrong:
        raise RuleBroken({"answered_on": wrong})


def _who_answered(invitation_id: int, told: str, *, on: date) -> str:
    """Return who gave the answers, "" for who is of age. Raises RuleBroken for who is neither."""
    held = Invitation.objects.select_related("membership__patient").get(pk=invitation_id)
    likely = likely_answerer(held, on=on)
    if likely is None:
        return ""
    if told and told not in AnsweredBy.values:
        raise RuleBroken({"answered_by": _("Choose who has answered.")})
    return told or likely.value


def _reading(form: Form, typed: Mapping[str, str]) -> Reading:
    reading = read_entry(form, typed)
    if reading.wrong:
        raise RuleBroken(reading.wrong)
    if not reading.given:
        raise RuleBroken(_("Not one question is answered. An empty form is not entered."))
    return reading


def _kept(form: Form, typed: Mapping[str, str]) -> dict[str, str]:
    return {code: typed.get(code, "").strip()[:LONGEST] for code in form.items}


def _differ(form: Form, first: Entry, second: Entry) -> bool:
    return (first.answered_on, first.answered_by) != (
        second.answered_on,
        second.answered_by,
    ) or bool(differences(form, first.answers, second.answers))


def _submit(
    held: LockedForm,
    form: Form,
    reading: Reading,
    entries: list[Entry],
    answered_on: date,
    now: datetime,
    *,
    answered_by: str,
) -> Response:
    response = respond(
        held,
        form,
        reading.answers,
        answered_on=answered_on,
        now=now,
        method=entries[0].method,
        answered_by=answered_by,
    )
    for entry in entries:
        entry.response = response
        entry.save()
    return response
