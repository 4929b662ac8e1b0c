"""What a patient does with a link: open it, answer, send. And what staff correct afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

import pghistory
from django.db import connection, transaction
from django.db.transaction import TransactionManagementError
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from patients.reach import is_under_age
from proms.actions.inviting import NEW_LINK_RULE, PURPOSE, send_new_link
from proms.instruments import instrument
from proms.links import TOKEN_LENGTH, digest
from proms.models import AnsweredBy, EntryMethod, Invitation, Response, RevokedLink
from proms.plans import answerer_of
from proms.policies import NEW_LINKS_A_DAY
from proms.questionnaire import Form, form_for
from proms.scoring import score_one
from proms.scoring.registers import scoring_options
from proms.selectors.answering import FormInProgress, form_in_progress
from registry.accounts.permissions import NOBODY
from registry.audit.actions import record_access
from registry.audit.history import TELL_HISTORY, history_told
from registry.audit.models import AccessOutcome
from registry.core import clock
from registry.core.errors import RuleBroken
from registry.messaging.actions import WITHHOLD, withheld
from registry.messaging.models import Message
from registry.registers.actions import MARK_STALE, mark_slices_stale
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
class LockedForm(FormInProgress):
    """A form whose row is locked until the commit. Only ``locked_form`` makes one."""


_LOCK = f"{TELL_HISTORY}; SELECT FROM proms_invitation WHERE id = %(invitation)s FOR UPDATE"


def locked_form(invitation_id: int) -> LockedForm:
    """Return the state of an invitation's form, which nobody else changes before the commit.

    Raises Invitation.DoesNotExist, and TransactionManagementError outside a transaction, where
    the lock would be gone at once.
    """
    if not connection.in_atomic_block:
        raise TransactionManagementError("A form is locked within a transaction.")
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, {"invitation": invitation_id, **history_told()})
    # In a statement of its own, whose snapshot is taken when the lock is held: read together with
    # the lock, answers that another tab saves meanwhile would be overlooked.
    found = form_in_progress(invitation_id)
    if found is None:
        raise Invitation.DoesNotExist(f"There is no invitation {invitation_id}.")
    return LockedForm(*(getattr(found, name) for name in FormInProgress.__slots__))


def _locked(invitation_id: int, held: FormInProgress | None) -> LockedForm:
    """Return the form that the caller has locked, or lock it.

    Raises TypeError for one that was only read: what was looked at before the lock may have changed
    since, and would be written over. ValueError for another invitation's form.
    """
    if held is None:
        return locked_form(invitation_id)
    if not isinstance(held, LockedForm):
        raise TypeError("A form handed over must come from locked_form.")
    if held.pk != invitation_id:
        raise ValueError(f"This is the form of invitation {held.pk}, not of {invitation_id}.")
    return held


def why_not_open(invitation: Invitation | FormInProgress, on: date) -> str:
    """Return why an invitation may not be answered on a day, "" when it may. One query."""
    form = form_in_progress(invitation.pk)
    assert form is not None  # an invitation is never deleted while somebody holds it
    return form.why_not_open(on)


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


def save_answers(
    *,
    invitation_id: int,
    answers: Mapping[str, float | None],
    language: str,
    now: datetime,
    held: LockedForm | None = None,
) -> None:
    """Keep answers of a form begun; the first ones start it. Raises RuleBroken when it is closed.

    The caller has validated them against the form, and hands it over as ``held`` where it has
    locked it already: only what ``locked_form`` returned is taken.
    """
    # Nothing is written before the form is found open, so the caller's transaction serves as it is:
    # a refusal is raised outside the block and leaves that transaction usable.
    with transaction.atomic(savepoint=False):
        held = _locked(invitation_id, held)
        reason = held.why_not_open(clock.civil_date(now))
        if not reason:
            _save(held, answers, language=language, now=now)
    if reason:
        raise RuleBroken(reason)


def _save(
    held: LockedForm,
    answers: Mapping[str, float | None],
    *,
    language: str,
    now: datetime,
) -> None:
    with connection.planned_once() as cursor:
        cursor.execute(
            """
            INSERT INTO proms_startedform AS held (invitation_id, answers, language)
            VALUES (%s, %s, %s)
            ON CONFLICT (invitation_id) DO UPDATE
            SET answers = held.answers || excluded.answers, language = excluded.language,
                updated_at = now()
            """,
            [held.pk, Jsonb(dict(answers)), language],
        )
        if held.started_at is None:
            cursor.execute(
                "UPDATE proms_invitation SET started_at = %s, updated_at = now() WHERE id = %s",
                [held.opened_at if held.begun_when_opened(clock.civil_date(now)) else now, held.pk],
            )


@transaction.atomic
def note_who_answers(*, invitation_id: int, answered_by: str, language: str, now: datetime) -> None:
    """Keep who says to be answering, the patient or a guardian; it may be corrected until sending.

    Nothing is started by it. Raises RuleBroken for another word, or when the form is closed.
    """
    if answered_by not in AnsweredBy.values:
        raise RuleBroken({"answered_by": _("Choose who is answering.")})
    reason = locked_form(invitation_id).why_not_open(clock.civil_date(now))
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
    held: LockedForm | None = None,
) -> Response:
    """Turn the form begun into a response with scores; a second call returns the first response.

    Locks the invitation, so that of two submits at once one waits and then finds the response.
    ``held`` is the form where the caller has locked it already. In the same transaction: scores,
    the follow-ups answered, the slices to be recomputed.
    Raises RuleBroken when a question was neither answered nor skipped, or the form is closed.
    """
    # Everything is looked at before the first write; see save_answers.
    with transaction.atomic(savepoint=False):
        held = _locked(invitation_id, held)
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


def _what_is_left(held: LockedForm, language: str | None) -> str:
    if not held.answers:
        return _("Nothing has been answered yet.")
    unseen = form_for(held.plan, language or held.started_language).first_unseen(held.answers)
    if unseen is not None:
        return _("One question is left: %(question)s") % {"question": unseen.heading}
    return ""


def _answered_by(held: LockedForm, *, on: date) -> str:
    """Who gives the answers; "" when either may and nobody has said who it is."""
    answerer = answerer_of(
        definition_for(held.register_code, held.definition_version),
        held.plan,
        time_point=held.time_point,
        birth_date=held.birth_date,
        on=on,
    )
    return held.answered_by if answerer == "both" else answerer


def likely_answerer(held: Invitation, *, on: date) -> AnsweredBy | None:
    """Return who most likely answers for a child; None for who is of age and answers alone."""
    patient, code = held.membership.patient, held.membership.register_id
    definition = definition_for(code)
    if not is_under_age(
        patient.birth_date, on=on, guardian_until=definition.patients.guardian_until
    ):
        return None
    answerer = answerer_of(
        definition,
        held.plan,
        time_point=held.time_point,
        birth_date=patient.birth_date,
        on=on,
    )
    return AnsweredBy.GUARDIAN if answerer == "guardian" else AnsweredBy.PATIENT


def _submit(held: LockedForm, *, now: datetime, language: str | None, method: str) -> Response:
    form = form_for(held.plan, language or held.started_language)
    return respond(
        held,
        form,
        form.complete(held.answers),
        answered_on=clock.civil_date(now),
        now=now,
        method=method,
    )


def respond(
    held: LockedForm,
    form: Form,
    answers: dict[str, float | None],
    *,
    answered_on: date,
    now: datetime,
    method: str,
    answered_by: str = "",
) -> Response:
    """Make answers the response of a form that was locked and found open.

    ``answered_by``: who gave them, where that was asked; otherwise it follows from the plan.
    ``answers`` are complete and allowed. A form begun on the web is overtaken by them and goes.
    A form begun before ``answered_on`` counts for the follow-ups that were open then.
    """
    definition = definition_for(held.register_code, held.definition_version)
    answered_by = answered_by or _answered_by(held, on=answered_on)
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
    started_on = clock.civil_date(held.started_at) if held.started_at else answered_on
    with connection.planned_once() as cursor:
        cursor.execute(
            _RESPOND,
            {
                **_stored(response, form, definition),
                **withheld(purpose=PURPOSE, subject_ids=[held.pk], reason="answered", now=now),
                "started_on": min(started_on, answered_on),
                "graces": Jsonb(definition.grace_days),
            },
        )
        _has_key(response, cursor.fetchone()[0])
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
    told = pghistory.context(reason=reason.strip()[:LONGEST_REASON])
    with told, connection.cursor() as cursor:
        cursor.execute(_CORRECT, _stored(corrected, form, definition))
        _has_key(corrected, cursor.fetchone()[0])
    _mark_stale(invitation.pk)
    return corrected


_STORED = """
    stored AS (
        INSERT INTO proms_response
            (invitation_id, submitted_at, answered_on, answers, instruments, language,
             method, answered_by, current, supersedes_id)
        VALUES (%(invitation)s, %(submitted_at)s, %(answered_on)s, %(answers)s, %(instruments)s,
                %(language)s, %(method)s, %(answered_by)s, true, %(supersedes)s::bigint)
        RETURNING id
    ), scored AS (
        INSERT INTO proms_score
            (response_id, scale, value, reason, answered, instrument, instrument_version, variant)
        SELECT stored.id, one.*
        FROM stored, jsonb_to_recordset(%(scores)s) AS one (
            scale text, value float8, reason text, answered int, instrument text,
            instrument_version text, variant text)
    )
"""
"""Writes a response and its scores."""
_ANSWERED = """
    submitted AS (
        UPDATE proms_invitation SET submitted_at = %(submitted_at)s, updated_at = now()
        WHERE id = %(invitation)s
    ), finished AS (
        DELETE FROM proms_startedform WHERE invitation_id = %(invitation)s
    ), answered AS (
        UPDATE proms_followup held
        SET completed_on = %(answered_on)s, updated_at = now(),
            old_at_surgery = COALESCE(held.time_point = 'before'
                AND o.performed_on - %(answered_on)s
                    > (%(graces)s ->> o."group")::int, false)
        FROM procedures_operation o
        WHERE o.id = held.operation_id AND held.invitation_id = %(invitation)s
          AND held.completed_on IS NULL AND held.censored_on IS NULL
          AND held.closes_on >= %(started_on)s
        RETURNING o.register_id, o.unit_id, o.year
    )
"""
"""Notes the answer on the invitation and on every follow-up whose window the form was begun in.

The form begun is now the response, and goes.
"""
_RESPOND = f"""
    WITH {_STORED}, {_ANSWERED},
         marked AS ({MARK_STALE.format(changed="answered")}),
         withheld AS ({WITHHOLD})
    SELECT id FROM stored
"""
_CORRECT = f"WITH {_STORED} SELECT id FROM stored"


def _stored(response: Response, form: Form, definition: RegisterDefinition) -> dict[str, object]:
    """Return the parameters of _STORED: a response and its scores."""
    scores = _scores(response, form, definition)
    return {
        "invitation": response.invitation_id,
        "submitted_at": response.submitted_at,
        "answered_on": response.answered_on,
        "answers": Jsonb(response.answers),
        "instruments": Jsonb(response.instruments),
        "language": response.language,
        "method": response.method,
        "answered_by": response.answered_by,
        "supersedes": response.supersedes_id,
        "scores": Jsonb([one._asdict() for one in scores]),
    }


def _has_key(response: Response, key: int) -> None:
    response.pk = key
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


def _mark_stale(invitation_id: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT o.register_id, o.unit_id, o.year FROM proms_followup f"
            " JOIN procedures_operation o ON o.id = f.operation_id WHERE f.invitation_id = %s",
            [invitation_id],
        )
        mark_slices_stale(cursor.fetchall())
