"""Follow-ups, invitations, calls, responses and scores."""

from collections.abc import Callable
from typing import TypeVar

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from patients.models import Membership
from procedures.models import Operation
from registry.accounts.models import User
from registry.audit.history import history as history_by_row
from registry.core.choices import Language, TimePoint
from registry.core.models import BaseModel

Model = TypeVar("Model", bound=type[models.Model])


def _unindexed(to: type[models.Model], *, null: bool = False) -> models.ForeignKey:
    """Return the column of a history table that says what a row belonged to."""
    return models.ForeignKey(
        to,
        null=null,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
        related_query_name="+",
    )


def history(*, inserts: bool = True, **owners: models.ForeignKey) -> Callable[[Model], Model]:
    """Track changes as registry.audit.history does, once a statement instead of once a row.

    A nightly selection writes a hundred thousand rows in one statement; a trigger for each of
    them would take ten times as long as the rows. ``inserts`` False: what is derived by rule from
    a tracked row (the follow-ups of an operation) is tracked from its first change.

    History is found by the row that it is about, with which its primary key begins in the database
    (proms.migrations.0015). ``owners``: its columns that get no index, which would have to be
    written a hundred thousand times in the same night and be read by nobody.
    """
    events = (pghistory.InsertEvent,) * inserts + (pghistory.UpdateEvent, pghistory.DeleteEvent)
    return pghistory.track(
        *(event(level=pgtrigger.Statement) for event in events),
        exclude=["created_at", "updated_at"],
        attrs=dict(owners),
        obj_field=pghistory.ObjForeignKey(related_name="events", db_index=False),
        context_field=pghistory.ContextForeignKey(null=True, db_index=False),
    )


class CensorReason(models.TextChoices):
    """Why a follow-up no longer counts. Labels for staff are in proms.status."""

    DEATH = "death"
    EMIGRATION = "emigration"
    OPT_OUT = "opt_out"
    REVISION = "revision"
    CANCELLED = "cancelled"
    NO_FORM = "no_form"


@history(membership=_unindexed(Membership))
class Invitation(BaseModel):
    """Asks one patient the follow-ups that belong together; carries the capability of its link.

    Stores events, no status: proms.status computes it from these for any day.
    """

    membership = models.ForeignKey(Membership, on_delete=models.PROTECT, related_name="invitations")
    time_point = models.CharField(max_length=6, choices=TimePoint)
    plan = models.JSONField(help_text="Instruments with versions, in the order asked.")
    opens_on = models.DateField()
    due_on = models.DateField()
    closes_on = models.DateField()
    generation = models.PositiveSmallIntegerField(default=1, help_text="Raised to revoke a link.")
    token_digest = models.BinaryField(max_length=32, unique=True, null=True)
    failed_attempts = models.PositiveSmallIntegerField(default=0)
    locked_at = models.DateTimeField(null=True)
    invited_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    letter_printed_at = models.DateTimeField(
        null=True, help_text="When the questions were last printed to be sent by post."
    )
    opened_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(null=True)
    declined_at = models.DateTimeField(null=True)
    unreachable_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="invitation_window_in_order",
                condition=Q(opens_on__lte=F("due_on")) & Q(due_on__lte=F("closes_on")),
            ),
        ]

    def __str__(self) -> str:
        return f"Invitation {self.pk} {self.time_point}"


@history(
    inserts=False,
    operation=_unindexed(Operation),
    invitation=_unindexed(Invitation, null=True),
)
class FollowUp(BaseModel):
    """One operation at one time point: its window, and when it was answered or stopped counting."""

    operation = models.ForeignKey(
        Operation,
        on_delete=models.CASCADE,
        related_name="follow_ups",
        db_index=False,  # follow_up_once_a_time_point begins with it
    )
    time_point = models.CharField(max_length=6, choices=TimePoint)
    opens_on = models.DateField()
    due_on = models.DateField()
    closes_on = models.DateField()
    invitation = models.ForeignKey(
        Invitation,
        on_delete=models.SET_NULL,
        null=True,
        related_name="follow_ups",
        db_index=False,  # follow_up_by_invitation holds only those that have one
    )
    completed_on = models.DateField(null=True, help_text="Date of the first submitted response.")
    old_at_surgery = models.BooleanField(
        default=False, help_text="A preoperative form answered more than the grace before surgery."
    )
    censored_on = models.DateField(null=True)
    censor_reason = models.CharField(max_length=12, choices=CensorReason, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["operation", "time_point"], name="follow_up_once_a_time_point"
            ),
            models.CheckConstraint(
                name="follow_up_time_point_known",
                condition=Q(time_point__in=TimePoint.values),
            ),
            models.CheckConstraint(
                name="follow_up_window_in_order",
                condition=Q(opens_on__lte=F("due_on")) & Q(due_on__lte=F("closes_on")),
            ),
            models.CheckConstraint(
                name="follow_up_censored_with_reason",
                condition=(Q(censored_on__isnull=True) & Q(censor_reason=""))
                | (Q(censored_on__isnull=False) & ~Q(censor_reason="")),
            ),
        ]
        indexes = [
            models.Index(
                fields=["invitation"],
                name="follow_up_by_invitation",
                condition=Q(invitation__isnull=False),
            ),
            models.Index(
                fields=["opens_on"],
                name="follow_up_to_invite",
                condition=Q(
                    invitation__isnull=True, completed_on__isnull=True, censored_on__isnull=True
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation_id} {self.time_point}"


class RevokedLink(models.Model):
    """A link that a newer one has replaced. It opens nothing; it can ask for another new link."""

    token_digest = models.BinaryField(max_length=32, primary_key=True)
    invitation = models.ForeignKey(
        Invitation, on_delete=models.CASCADE, related_name="revoked_links"
    )

    def __str__(self) -> str:
        return f"Revoked link of {self.invitation_id}"


class StoppedReminders(models.Model):
    """Somebody with the mail has said: no more reminders of this invitation. Rows are only added.

    The member gets no more pre-notices either; later invitations and their reminders still go out.
    Kept apart from the invitation: it is a wish about mail and no event of the follow-up.
    """

    invitation = models.OneToOneField(
        Invitation, on_delete=models.CASCADE, primary_key=True, related_name="stopped_reminders"
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"No reminders of {self.invitation_id}"


class AnsweredBy(models.TextChoices):
    """Who gave the answers: the patient, or a guardian on a child's behalf."""

    PATIENT = "patient", _("the patient")
    GUARDIAN = "guardian", _("a parent or guardian")


class StartedForm(BaseModel):
    """What a patient has answered so far; never scored before it is submitted."""

    invitation = models.OneToOneField(
        Invitation, on_delete=models.CASCADE, primary_key=True, related_name="started_form"
    )
    answers = models.JSONField(default=dict)
    language = models.CharField(max_length=2, choices=Language)
    answered_by = models.CharField(
        max_length=8,
        choices=AnsweredBy,
        blank=True,
        default="",
        db_default="",
        help_text="Who says to be answering, where either may.",
    )

    def __str__(self) -> str:
        return f"Started form of {self.invitation_id}"


class EntryMethod(models.TextChoices):
    """How answers came in."""

    WEB = "web"
    PAPER = "paper"
    TELEPHONE = "telephone"
    PROXY = "proxy"


@history()
class Response(BaseModel):
    """A submitted questionnaire, as answered. A correction supersedes it and keeps it."""

    invitation = models.ForeignKey(Invitation, on_delete=models.PROTECT, related_name="responses")
    submitted_at = models.DateTimeField()
    answered_on = models.DateField(help_text="Civil date of the answer.")
    answers = models.JSONField()
    instruments = models.JSONField(help_text="Instrument code to version and wording version.")
    language = models.CharField(max_length=2, choices=Language)
    method = models.CharField(max_length=10, choices=EntryMethod)
    answered_by = models.CharField(
        max_length=8,
        choices=AnsweredBy,
        blank=True,
        default=AnsweredBy.PATIENT,
        db_default=AnsweredBy.PATIENT.value,
        help_text="Empty: not said, as on paper.",
    )
    current = models.BooleanField(default=True)
    supersedes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="corrections"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invitation"],
                condition=Q(current=True),
                name="one_current_response_an_invitation",
            )
        ]

    def __str__(self) -> str:
        return f"Response {self.pk}"


@history_by_row()
class PaperForm(BaseModel):
    """The questions of an invitation as printed in a language, found again by its return code."""

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="paper_forms")
    language = models.CharField(max_length=2, choices=Language)
    code = models.CharField(max_length=10, unique=True, help_text="See proms.paper.codes.")
    printed_at = models.DateTimeField(help_text="When it was last printed.")
    printed_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invitation", "language"], name="paper_form_once_a_language"
            ),
            models.CheckConstraint(
                name="paper_form_code_well_formed",
                condition=Q(code__regex="^[0-9A-HJKMNPRSTV-Z]{10}$"),
            ),
        ]

    def __str__(self) -> str:
        return f"Paper form {self.code}"


@history_by_row()
class Entry(BaseModel):
    """What somebody of the staff typed of a patient's answers, from paper or on the telephone.

    Kept as typed. Where a register asks for double entry, the first one waits for a second by
    another person; the response made of them is noted on both.
    """

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="entries")
    position = models.PositiveSmallIntegerField(default=1, help_text="First or second entry.")
    method = models.CharField(max_length=10, choices=EntryMethod)
    language = models.CharField(max_length=2, choices=Language)
    answered_on = models.DateField(help_text="Day on which the patient answered.")
    answers = models.JSONField(help_text="By item code, as typed.")
    answered_by = models.CharField(
        max_length=8,
        choices=AnsweredBy,
        blank=True,
        default="",
        db_default="",
        help_text="Who gave a child's answers; empty for those of age.",
    )
    entered_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    entered_at = models.DateTimeField()
    response = models.ForeignKey(
        Response, on_delete=models.PROTECT, null=True, related_name="entries"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["invitation", "position"], name="entry_once_a_position"
            ),
            models.UniqueConstraint(
                fields=["invitation", "entered_by"], name="entry_second_by_another_person"
            ),
            models.CheckConstraint(name="entry_first_or_second", condition=Q(position__in=[1, 2])),
            models.CheckConstraint(
                name="entry_by_staff",
                condition=Q(method=EntryMethod.PAPER)
                | (Q(method=EntryMethod.TELEPHONE) & Q(position=1)),
            ),
        ]

    def __str__(self) -> str:
        return f"Entry {self.position} of {self.invitation_id}"


@pghistory.track(
    # The score as it was: what was computed first is in no other history.
    pghistory.UpdateEvent("rescored", row=pghistory.Old, level=pgtrigger.Statement),
    pghistory.DeleteEvent(level=pgtrigger.Statement),
)
class Score(models.Model):
    """A scale computed from a response, unrounded; without a value it says why.

    Only ``rescore`` changes one; history then keeps the score as it was before.
    """

    response = models.ForeignKey(Response, on_delete=models.CASCADE, related_name="scores")
    scale = models.CharField(max_length=40)
    value = models.FloatField(null=True)
    reason = models.CharField(max_length=40, blank=True)
    answered = models.PositiveSmallIntegerField()
    instrument = models.CharField(max_length=40)
    instrument_version = models.CharField(max_length=20)
    variant = models.CharField(max_length=20, blank=True, help_text="Value set or variant.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["response", "scale"], name="score_once_a_response"),
            models.CheckConstraint(
                name="score_has_value_or_reason",
                condition=Q(value__isnull=False) | ~Q(reason=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.scale} {self.value}"


class CallOutcome(models.TextChoices):
    """How a telephone call to a patient ended."""

    NO_ANSWER = "no_answer", _("No answer")
    MESSAGE_LEFT = "message_left", _("Message left")
    CALL_BACK = "call_back", _("Call back later")
    ANSWERED = "answered", _("Answers now")
    WRONG_NUMBER = "wrong_number", _("Wrong number")
    DECLINED = "declined", _("Does not want to answer")


@history_by_row()
class CallAttempt(BaseModel):
    """One call to a patient who has not answered an invitation, and how it ended.

    ``call_back_at`` is the moment agreed with the patient, for the outcome "call back" alone.
    """

    invitation = models.ForeignKey(
        Invitation,
        on_delete=models.PROTECT,
        related_name="calls",
        db_index=False,  # call_by_invitation begins with it
    )
    at = models.DateTimeField()
    by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=12, choices=CallOutcome)
    call_back_at = models.DateTimeField(null=True)
    note = models.CharField(max_length=200, blank=True)
    voided_at = models.DateTimeField(null=True, help_text="Noted by mistake: it counts no more.")
    voided_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    void_reason = models.CharField(max_length=200, blank=True, default="", db_default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="call_voided_with_reason",
                condition=Q(voided_at__isnull=True, void_reason="")
                | (Q(voided_at__isnull=False) & ~Q(void_reason="")),
            ),
            models.CheckConstraint(
                name="call_outcome_known", condition=Q(outcome__in=CallOutcome.values)
            ),
            models.CheckConstraint(
                name="call_back_has_a_moment",
                # An empty moment is not later than anything, nor is it not: it must be told apart.
                condition=Q(
                    outcome="call_back", call_back_at__isnull=False, call_back_at__gt=F("at")
                )
                | (~Q(outcome="call_back") & Q(call_back_at__isnull=True)),
            ),
        ]
        indexes = [models.Index(fields=["invitation", "at"], name="call_by_invitation")]

    def __str__(self) -> str:
        return f"Call {self.pk} {self.outcome}"
