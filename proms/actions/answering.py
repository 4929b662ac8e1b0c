"""What a patient does with a link: open it, answer, send. And what staff correct afterwards."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pghistory
from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from proms.actions.inviting import NEW_LINK_RULE, PURPOSE, send_new_link
from proms.instruments import instrument
from proms.links import TOKEN_LENGTH, digest
from proms.models import AnsweredBy, EntryMethod, Invitation, Response, RevokedLink
from proms.plans import answerer_of
from proms.policies import NEW_LINKS_A_DAY, why_not_answerable
from proms.questionnaire import Form, form_for
from proms.scoring import score_one
from proms.scoring.registers import scoring_options
from proms.selectors.answering import STILL_ASKED, VERSION, FormInProgress
from proms.status import DAYS_TO_FINISH
from registry.accounts.permissions import NOBODY
from registry.audit.actions import record_access
from registry.audit.models import AccessOutcome
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.messaging.actions import withhold
from registry.messaging.models import Message
from registry.registers.actions import mark_slices_stale
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

LONGEST_REASON = 200
"""Characters of the reason for a correction."""
MAX_FAILURES = 5
"""So many wrong birth dates lock a link."""


def invitation_of(token: str) -> Invitation | None:
    """Return the invitation that a link opens, whatever its state; None for an unknown token."""
    if len(token) != TOKEN_LENGTH:
        return None
    return (
        Invitation.objects.select_related("membership__patient", "started_form")
        .filter(token_digest=digest(token))
        .first()
    )


@transaction.atomic
def confirm_birth_date(*, token: str, birth_date: date, now: datetime) -> Invitation | None:
    """Open a link with the patient's birth date; None when it does not open.

    Every wrong date is counted, and the fifth locks the link. The counting is part of an ordinary
    answer to the patient, so it is committed. The caller tells the patient how to go on.
    """
    found = invitation_of(token)
    if found is None:
        return None
    held = Invitation.objects.select_for_update().get(pk=found.pk)
    patient = found.membership.patient
    if held.locked_at is not None or why_not_open(held, clock.civil_date(now)):
        return None
    right = patient.birth_date == birth_date
    record_access(
        NOBODY,
        "open_link",
        "invitation",
        held.pk,
        patient_id=patient.pk,
        register_code=found.membership.register_id,
        outcome=AccessOutcome.GRANTED if right else AccessOutcome.DENIED,
    )
    if not right:
        held.failed_attempts += 1
        if held.failed_attempts >= MAX_FAILURES:
            held.locked_at = now
        held.save(update_fields=["failed_attempts", "locked_at", "updated_at"])
        return None
    held.failed_attempts = 0
    held.opened_at = held.opened_at or now
    held.save(update_fields=["failed_attempts", "opened_at", "updated_at"])
    return held


@dataclass(frozen=True, slots=True)
class FormState:
    """All that decides whether a form may be answered and sent, and what has been answered."""

    pk: int
    plan: list[dict[str, str]]
    submitted_at: datetime | None
    started_at: datetime | None
    declined_at: datetime | None
    closes_on: date
    register_code: str
    definition_version: str
    time_point: str
    birth_date: date
    answered_by: str | None
    answers: dict[str, float | None] | None
    language: str | None
    asks_something: bool

    def why_not_open(self, on: date) -> str:
        """Return why the form may not be answered on a day, "" when it may."""
        return why_not_answerable(
            submitted=self.submitted_at is not None,
            declined=self.declined_at is not None,
            started=self.started_at is not None,
            closes_on=self.closes_on,
            asks_something=self.asks_something,
            on=on,
            days_to_finish=DAYS_TO_FINISH,
        )


_STATE = f"""
    SELECT i.id, i.plan, i.submitted_at, i.started_at, i.declined_at, i.closes_on,
           m.register_id, {VERSION}, i.time_point, p.birth_date, s.answered_by,
           s.answers, s.language, {STILL_ASKED}
    FROM proms_invitation i
    JOIN patients_membership m ON m.id = i.membership_id
    JOIN patients_patient p ON p.id = m.patient_id
    LEFT JOIN proms_startedform s ON s.invitation_id = i.id
    WHERE i.id = %(invitation)s
"""
# Two statements in one round trip. The second has a snapshot of its own, taken when the lock is
# held: read together with the lock, answers that another tab saves meanwhile would be overlooked.
_LOCKED_STATE = f"SELECT FROM proms_invitation WHERE id = %(invitation)s FOR UPDATE; {_STATE}"


def form_state(invitation_id: int, *, lock: bool = False) -> FormState:
    """Return the state of an invitation's form; with ``lock`` nobody else changes it meanwhile.

    One query. Raises Invitation.DoesNotExist.
    """
    with connection.cursor() as cursor:
        cursor.execute(_LOCKED_STATE if lock else _STATE, {"invitation": invitation_id})
        while cursor.nextset():
            pass
        row = cursor.fetchone()
    if row is None:
        raise Invitation.DoesNotExist(f"There is no invitation {invitation_id}.")
    pk, plan, *rest, answers, language, asks = row
    begun = None if answers is None else json.loads(answers)
    return FormState(pk, json.loads(plan), *rest, begun, language, asks)


def why_not_open(invitation: Invitation | FormInProgress, on: date) -> str:
    """Return why an invitation may not be answered on a day, "" when it may. One query."""
    return form_state(invitation.pk).why_not_open(on)


@transaction.atomic
def ask_for_new_link(*, token: str, now: datetime) -> None:
    """Send a new link to the address on file if this one belongs to something still open.

    A link that was revoked counts too. At most NEW_LINKS_A_DAY within 24 hours, so that nobody's
    mailbox can be filled with it. Tells nobody whether anything was sent.
    """
    known = _invitation_behind(token)
    if known is None:
        return
    found = Invitation.objects.select_for_update().get(pk=known)
    if why_not_open(found, clock.civil_date(now)):
        return
    sent = Message.objects.filter(
        purpose=PURPOSE,
        subject_id=found.pk,
        rule=NEW_LINK_RULE,
        due_at__gt=now - timedelta(days=1),
    ).count()
    if sent < NEW_LINKS_A_DAY:
        send_new_link(invitation=found, now=now)


def _invitation_behind(token: str) -> int | None:
    found = invitation_of(token)
    if found is not None:
        return found.pk
    revoked = RevokedLink.objects.filter(token_digest=digest(token)).first()
    return revoked.invitation_id if revoked else None


@transaction.atomic
def save_answers(
    *,
    invitation_id: int,
    answers: Mapping[str, float | None],
    language: str,
    now: datetime,
) -> None:
    """Keep answers of a form begun; the first ones start it. Raises RuleBroken when it is closed.

    The caller has validated them against the form.
    """
    held = form_state(invitation_id, lock=True)
    reason = held.why_not_open(clock.civil_date(now))
    if reason:
        raise RuleBroken(reason)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO proms_startedform AS held (invitation_id, answers, language)
            VALUES (%s, %s, %s)
            ON CONFLICT (invitation_id) DO UPDATE
            SET answers = held.answers || excluded.answers, language = excluded.language,
                updated_at = now()
            """,
            [invitation_id, Jsonb(dict(answers)), language],
        )
        if held.started_at is None:
            cursor.execute(
                "UPDATE proms_invitation SET started_at = %s, updated_at = now() WHERE id = %s",
                [now, invitation_id],
            )


@transaction.atomic
def note_who_answers(*, invitation_id: int, answered_by: str, language: str, now: datetime) -> None:
    """Keep who says to be answering, the patient or a guardian; it may be corrected until sending.

    Nothing is started by it. Raises RuleBroken for another word, or when the form is closed.
    """
    if answered_by not in AnsweredBy.values:
        raise RuleBroken({"answered_by": _("Choose who is answering.")})
    reason = form_state(invitation_id, lock=True).why_not_open(clock.civil_date(now))
    if reason:
        raise RuleBroken(reason)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO proms_startedform (invitation_id, answers, language, answered_by)
            VALUES (%s, '{}', %s, %s)
            ON CONFLICT (invitation_id) DO UPDATE
            SET answered_by = excluded.answered_by, updated_at = now()
            """,
            [invitation_id, language, answered_by],
        )


def submit(
    *,
    invitation_id: int,
    now: datetime,
    language: str | None = None,
    method: str = EntryMethod.WEB,
) -> Response:
    """Turn the form begun into a response with scores; a second call returns the first response.

    Locks the invitation, so that of two submits at once one waits and then finds the response.
    In the same transaction: scores, the follow-ups answered, the slices to be recomputed.
    Raises RuleBroken when a question was neither answered nor skipped, or the form is closed.
    """
    # Everything is looked at before the first write, so the caller's transaction serves as it is:
    # a refusal is raised outside the block and leaves that transaction usable.
    with transaction.atomic(savepoint=False):
        held = form_state(invitation_id, lock=True)
        if held.submitted_at is not None:
            return Response.objects.get(invitation_id=invitation_id, current=True)
        on = clock.civil_date(now)
        reason = held.why_not_open(on) or _what_is_left(held, language)
        # A form on paper may not say who has filled it in.
        if not reason and method != EntryMethod.PAPER and not _answered_by(held, on=on):
            reason = _("Say first who is answering.")
        if not reason:
            return _submit(held, now=now, language=language, method=method)
    raise RuleBroken(reason)


def _what_is_left(held: FormState, language: str | None) -> str:
    if held.answers is None:
        return _("Nothing has been answered yet.")
    unseen = form_for(held.plan, language or held.language).first_unseen(held.answers)
    if unseen is not None:
        return _("One question is left: %(question)s") % {"question": unseen.heading}
    return ""


def _answered_by(held: FormState, *, on: date) -> str:
    """Who gives the answers; "" when either may and nobody has said who it is."""
    answerer = answerer_of(
        definition_for(held.register_code, held.definition_version),
        held.plan,
        time_point=held.time_point,
        birth_date=held.birth_date,
        on=on,
    )
    return (held.answered_by or "") if answerer == "both" else answerer


def _submit(held: FormState, *, now: datetime, language: str | None, method: str) -> Response:
    form = form_for(held.plan, language or held.language)
    return respond(
        held,
        form,
        form.complete(held.answers),
        answered_on=clock.civil_date(now),
        now=now,
        method=method,
    )


def respond(
    held: FormState,
    form: Form,
    answers: dict[str, float | None],
    *,
    answered_on: date,
    now: datetime,
    method: str,
) -> Response:
    """Make answers the response of a form that the caller has locked and found open.

    ``answers`` are complete and allowed. A form begun on the web is overtaken by them and goes.
    A form begun before ``answered_on`` counts for the follow-ups that were open then.
    """
    definition = definition_for(held.register_code, held.definition_version)
    answered_by = _answered_by(held, on=answered_on)
    if answered_by == AnsweredBy.GUARDIAN and method == EntryMethod.WEB:
        method = EntryMethod.PROXY
    response = Response(
        invitation_id=held.pk,
        submitted_at=now,
        answered_on=answered_on,
        answers=answers,
        instruments={code: dict(versions) for code, versions in form.instruments.items()},
        language=form.language,
        method=method,
        answered_by=answered_by,
    )
    _store(response, form, definition)
    started_on = clock.civil_date(held.started_at) if held.started_at else answered_on
    _complete_follow_ups(response, definition, started_on=min(started_on, answered_on))
    withhold(purpose=PURPOSE, subject_ids=[held.pk], reason="answered", now=now)
    return response


@transaction.atomic
def correct_response(
    *, response: Response, answers: Mapping[str, float | None], reason: str, now: datetime
) -> Response:
    """Replace a response by a corrected one; the earlier one is kept and no longer counts.

    ``answers`` holds the changed items only; None takes an answer away. The date of the answer
    stays. ``reason`` is typed by who corrects, and kept in history. Raises RuleBroken beside the
    item for an unknown item, an answer it does not allow, or a question that is not asked beside
    the other answers; under ``reason`` when none is given.
    """
    if not reason.strip():
        raise RuleBroken({"reason": _("Say why, in words.")})
    invitation = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("membership__register__current")
        .defer("membership__register__current__definition")
        .get(pk=response.invitation_id)
    )
    held = Response.objects.select_for_update().get(pk=response.pk)
    if not held.current:
        raise RuleBroken(_("This response has been corrected already. Correct the newest one."))
    form = form_for(invitation.plan, held.language)
    items = form.items
    wrong = {
        code: _("This is not an answer to the question.")
        for code, value in answers.items()
        if code not in items or (value is not None and not items[code].item.accepts(value))
    }
    kept = form.complete({**held.answers, **answers})
    wrong |= {
        code: _("This question is not asked beside the other answers.")
        for code, value in answers.items()
        if code not in wrong and value is not None and code not in kept
    }
    if wrong:
        raise RuleBroken(wrong)
    definition = definition_for(
        invitation.membership.register_id, invitation.membership.register.current.version
    )
    held.current = False
    held.save(update_fields=["current", "updated_at"])
    corrected = Response(
        invitation=invitation,
        submitted_at=now,
        answered_on=held.answered_on,
        answers=kept,
        instruments={code: dict(versions) for code, versions in form.instruments.items()},
        language=held.language,
        method=held.method,
        answered_by=held.answered_by,
        supersedes=held,
    )
    with pghistory.context(reason=reason.strip()[:LONGEST_REASON]):
        _store(corrected, form, definition)
    _mark_stale(invitation.pk)
    return corrected


def _store(response: Response, form: Form, definition: RegisterDefinition) -> None:
    """Write a response and its scores in one statement; gives the response its key."""
    scores = _scores(response, form, definition)
    columns = list(zip(*scores, strict=True)) or [()] * len(ScoreRow._fields)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH stored AS (
                INSERT INTO proms_response
                    (invitation_id, submitted_at, answered_on, answers, instruments, language,
                     method, answered_by, current, supersedes_id)
                VALUES (%s, %s, %s, %s, %s, %s, %s, %s, true, %s)
                RETURNING id
            ), scored AS (
                INSERT INTO proms_score
                    (response_id, scale, value, reason, answered, instrument,
                     instrument_version, variant)
                SELECT stored.id, one.*
                FROM stored, unnest(%s::text[], %s::float8[], %s::text[], %s::int[], %s::text[],
                                    %s::text[], %s::text[]) AS one
            )
            SELECT id FROM stored
            """,
            [
                response.invitation_id,
                response.submitted_at,
                response.answered_on,
                Jsonb(response.answers),
                Jsonb(response.instruments),
                response.language,
                response.method,
                response.answered_by,
                response.supersedes_id,
                *map(list, columns),
            ],
        )
        response.pk = cursor.fetchone()[0]
    response._state.adding = False
    response._state.db = connection.alias


class ScoreRow(NamedTuple):
    """A score as its columns are written."""

    scale: str
    value: float | None
    reason: str
    answered: int
    instrument: str
    instrument_version: str
    variant: str


def _scores(response: Response, form: Form, definition: RegisterDefinition) -> list[ScoreRow]:
    scores: list[ScoreRow] = []
    options = scoring_options(definition)
    for code, held in form.instruments.items():
        codes = instrument(code, held["version"]).items_by_code
        scored = score_one(
            code,
            {item: value for item, value in response.answers.items() if item in codes},
            value_set=options.value_set,
            version=held["version"],
            minimum_answered=options.minimum_answered,
        )
        scores += [
            ScoreRow(
                scale,
                score.value,
                score.reason or "",
                score.answered,
                code,
                score.instrument_version,
                score.variant,
            )
            for scale, score in scored.items()
            # A text (the profile of EQ-5D-Y) says no more than the answers that are stored.
            if instrument(code, held["version"]).scale(scale).kind == "number"
        ]
    return scores


def _complete_follow_ups(
    response: Response, definition: RegisterDefinition, *, started_on: date
) -> None:
    """Note the answer on the invitation and on every follow-up whose window the form was begun in.

    The form begun is now the response, and goes.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH submitted AS (
                UPDATE proms_invitation SET submitted_at = %(submitted_at)s, updated_at = now()
                WHERE id = %(invitation)s
            ), finished AS (
                DELETE FROM proms_startedform WHERE invitation_id = %(invitation)s
            ), answered AS (
                UPDATE proms_followup held
                SET completed_on = %(answered_on)s, updated_at = now(),
                    old_at_surgery = COALESCE(held.time_point = 'before'
                        AND o.performed_on - %(answered_on)s
                            > (%(graces)s::jsonb ->> o."group")::int, false)
                FROM procedures_operation o
                WHERE o.id = held.operation_id AND held.invitation_id = %(invitation)s
                  AND held.completed_on IS NULL AND held.censored_on IS NULL
                  AND held.closes_on >= %(started_on)s
                RETURNING o.register_id, o.unit_id, o.year
            )
            SELECT register_id, unit_id, year FROM answered
            """,
            {
                "submitted_at": response.submitted_at,
                "answered_on": response.answered_on,
                "started_on": started_on,
                "graces": Jsonb(definition.grace_days),
                "invitation": response.invitation_id,
            },
        )
        mark_slices_stale(cursor.fetchall())


def _mark_stale(invitation_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT o.register_id, o.unit_id, o.year FROM proms_followup f"
            " JOIN procedures_operation o ON o.id = f.operation_id WHERE f.invitation_id = %s",
            [invitation_id],
        )
        mark_slices_stale(cursor.fetchall())
