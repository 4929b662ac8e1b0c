"""What a patient does with a link: open it, answer, send. And what staff correct afterwards."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta

from django.db import connection, transaction
from django.utils.translation import gettext as _
from psycopg.types.json import Jsonb

from proms.actions.inviting import NEW_LINK_RULE, PURPOSE, send_new_link
from proms.links import TOKEN_LENGTH, digest
from proms.models import EntryMethod, Invitation, Response, RevokedLink, Score
from proms.policies import NEW_LINKS_A_DAY, why_not_answerable
from proms.questionnaire import Form, form_for
from proms.scoring import score_one
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


def why_not_open(invitation: Invitation, on: date) -> str:
    """Return why an invitation may not be answered on a day, "" when it may.

    One query: whether any of its follow-ups is still asked, of a patient who still takes part.
    (Death, emigration and opt-out censor open follow-ups; those that had closed while a form was
    begun stay as they are, and yet nothing more is collected.)
    """
    asks = invitation.follow_ups.filter(
        completed_on__isnull=True,
        censored_on__isnull=True,
        operation__membership__opted_out_on__isnull=True,
        operation__membership__patient__died_on__isnull=True,
        operation__membership__patient__emigrated_on__isnull=True,
    ).exists()
    return why_not_answerable(
        submitted=invitation.submitted_at is not None,
        declined=invitation.declined_at is not None,
        started=invitation.started_at is not None,
        closes_on=invitation.closes_on,
        asks_something=asks,
        on=on,
        days_to_finish=DAYS_TO_FINISH,
    )


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
    held = Invitation.objects.select_for_update().get(pk=invitation_id)
    reason = why_not_open(held, clock.civil_date(now))
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
        held.started_at = now
        held.save(update_fields=["started_at", "updated_at"])


@transaction.atomic
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
    held = (
        Invitation.objects.select_for_update(of=("self",))
        .select_related("membership__register__current", "started_form")
        # Its version is enough: the definition itself is kept by the process.
        .defer("membership__register__current__definition")
        .get(pk=invitation_id)
    )
    if held.submitted_at is not None:
        return held.responses.get(current=True)
    today = clock.civil_date(now)
    reason = why_not_open(held, today)
    if reason:
        raise RuleBroken(reason)
    started = getattr(held, "started_form", None)
    if started is None:
        raise RuleBroken(_("Nothing has been answered yet."))
    definition = definition_for(
        held.membership.register_id, held.membership.register.current.version
    )
    form = form_for(held.plan, language or started.language)
    unseen = form.first_unseen(started.answers)
    if unseen is not None:
        raise RuleBroken(_("One question is left: %(question)s") % {"question": unseen.heading})
    response = _store(
        held, form, form.complete(started.answers), definition, now=now, method=method
    )
    started_on = clock.civil_date(held.started_at or now)
    _complete_follow_ups(held, definition, answered_on=today, started_on=started_on)
    held.submitted_at = now
    held.save(update_fields=["submitted_at", "updated_at"])
    started.delete()
    withhold(purpose=PURPOSE, subject_ids=[held.pk], reason="answered", now=now)
    return response


@transaction.atomic
def correct_response(
    *, response: Response, answers: Mapping[str, float | None], now: datetime
) -> Response:
    """Replace a response by a corrected one; the earlier one is kept and no longer counts.

    ``answers`` holds the changed items only; None takes an answer away. The date of the answer
    stays. Raises RuleBroken beside the item for an unknown item or an answer it does not allow.
    """
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
    if wrong:
        raise RuleBroken(wrong)
    definition = definition_for(
        invitation.membership.register_id, invitation.membership.register.current.version
    )
    held.current = False
    held.save(update_fields=["current", "updated_at"])
    corrected = _store(
        invitation,
        form,
        {**held.answers, **answers},
        definition,
        now=now,
        method=held.method,
        supersedes=held,
    )
    _mark_stale(invitation.pk)
    return corrected


def _store(
    invitation: Invitation,
    form: Form,
    answers: dict[str, float | None],
    definition: RegisterDefinition,
    *,
    now: datetime,
    method: str,
    supersedes: Response | None = None,
) -> Response:
    response = Response.objects.create(
        invitation=invitation,
        submitted_at=now,
        answered_on=supersedes.answered_on if supersedes else clock.civil_date(now),
        answers=answers,
        instruments={code: dict(held) for code, held in form.instruments.items()},
        language=form.language,
        method=method,
        supersedes=supersedes,
    )
    Score.objects.bulk_create(_scores(response, form, definition))
    return response


def _scores(response: Response, form: Form, definition: RegisterDefinition) -> list[Score]:
    scores: list[Score] = []
    for code, held in form.instruments.items():
        codes = {c for page in form.pages if page.instrument == code for c in page.codes}
        scored = score_one(
            code,
            {item: value for item, value in response.answers.items() if item in codes},
            value_set=definition.about.eq5d_value_set,
            version=held["version"],
            minimum_answered={
                "odi": definition.about.odi_minimum_answered,
                "ndi": definition.about.ndi_minimum_answered,
            },
        )
        scores += [
            Score(
                response=response,
                scale=scale,
                value=score.value,
                reason=score.reason or "",
                answered=score.answered,
                instrument=code,
                instrument_version=score.instrument_version,
                variant=score.variant,
            )
            for scale, score in scored.items()
            if not isinstance(score.value, str)
        ]
    return scores


def _complete_follow_ups(
    invitation: Invitation, definition: RegisterDefinition, *, answered_on: date, started_on: date
) -> None:
    """Note the answer on every follow-up whose window the form was begun in."""
    grace = (
        definition.time_points["before"].grace_days if "before" in definition.time_points else None
    )
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE proms_followup held
            SET completed_on = %(answered_on)s, updated_at = now(),
                old_at_surgery = COALESCE(held.time_point = 'before'
                    AND o.performed_on - %(answered_on)s > %(grace)s, false)
            FROM procedures_operation o
            WHERE o.id = held.operation_id AND held.invitation_id = %(invitation)s
              AND held.completed_on IS NULL AND held.censored_on IS NULL
              AND held.closes_on >= %(started_on)s
            RETURNING o.register_id, o.unit_id, o.year
            """,
            {
                "answered_on": answered_on,
                "started_on": started_on,
                "grace": grace,
                "invitation": invitation.pk,
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
