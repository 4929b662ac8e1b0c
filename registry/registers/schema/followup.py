"""[proms] When patients are asked, what, and how they are reminded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from registry.core.choices import TimePoint as TimePointVocabulary
from registry.registers.schema.base import Key, Part, Text

TIME_POINTS: tuple[str, ...] = tuple(TimePointVocabulary.values)
"""The one vocabulary of time points, in order of time."""


def _known_time_point(key: str) -> str:
    if key not in TIME_POINTS:
        raise ValueError(f"unknown time point “{key}”; known are {', '.join(TIME_POINTS)}")
    return key


TimePointKey = Annotated[str, AfterValidator(_known_time_point)]

Channel = Literal["email", "sms", "letter"]
InstrumentStatus = Literal["planned", "active"]
Answerer = Literal["patient", "guardian", "both"]
"""Who answers for a child; those of age answer themselves. Of both, one says who it is."""

InstrumentCode = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]


class ReminderRule(Part):
    """A message beside the invitation, sent at most once for each.

    `days` after the invitation went out, or after the answer is due. Negative `days` after
    `opening` are a pre-notice: that questions will come. It goes before there is an invitation, and
    not at all where the window is open already, as when an operation is planned for next week.
    """

    key: Key
    after: Literal["opening", "invitation", "due"]
    days: Annotated[int, Field(ge=-60, le=400)]
    channel: Channel | None = None
    """Goes this way where it reaches the patient. Left out: as patients are reached otherwise."""
    text: Key = "reminder"
    """Which message template is used; a pre-notice has one of its own."""

    @property
    def is_notice(self) -> bool:
        """Whether it tells that questions will come."""
        return self.after == "opening"


DEFAULT_REMINDERS = (
    ReminderRule(key="first", after="invitation", days=7),
    ReminderRule(key="second", after="invitation", days=14),
)
"""Where a time point names no reminders: published effects are largest in the first two weeks.
`reminders = []` sends none."""


class TimePointOverride(Part):
    """What is different for some groups at a time point; what is left out stays as it is."""

    groups: Annotated[tuple[Key, ...], Field(min_length=1)]
    opens: int = 0
    due: int = 0
    closes: int = 0
    grace_days: Annotated[int, Field(ge=0)] | None = None
    channel: Channel = "email"
    reminders: tuple[ReminderRule, ...] = ()


class TimePoint(Part):
    """A time point with its window; offsets are days from the anchor, the operation's date.

    `opens` is when the invitation goes out, `due` when the answer is wanted, `closes` the last
    day on which a form may be started. `overrides` say what is different for some groups.
    """

    key: TimePointKey
    labels: Text
    opens: int
    due: int
    closes: int
    grace_days: Annotated[int, Field(ge=0)] | None = None
    """Only for `before`: a form older than this at surgery counts, and is marked as old."""
    channel: Channel = "email"
    text: Key = "invitation"
    reminders: tuple[ReminderRule, ...] = DEFAULT_REMINDERS
    overrides: tuple[TimePointOverride, ...] = ()

    def for_group(self, group: str) -> TimePoint:
        """The time point as it is for a group."""
        for one in self.overrides:
            if group in one.groups:
                changed = one.model_fields_set - {"groups"}
                return self.model_copy(update={name: getattr(one, name) for name in changed})
        return self


STANDARD_TEXTS = ("invitation", "invitation_before", "reminder", "reminder_before", "new_link")
"""Messages that the program has a text for. A register may write its own under these names."""

PLACEHOLDERS = frozenset(
    {
        "register",
        "sender",
        "minutes",
        "questions",
        "address",
        "last_day",
        "reply_to",
        "stop_address",
    }
)
"""What a register's own text may name in braces, as in ``{address}``."""

SUBJECT_PLACEHOLDERS = frozenset({"register", "sender"})
"""A subject is read on locked screens: nothing in it says whom or what it is about."""


class MessageText(Part):
    """A register's own text of a message, in place of the program's.

    Paragraphs are separated by an empty line; the HTML is made from them. `sms` is what goes out
    as a text message.
    """

    key: Key
    subject: Text
    body: Text
    sms: Text | None = None


OLDEST = 150
"""Years. No patient is older: stands for an age range that is open above."""


def _in_order(ages: str) -> str:
    youngest, _dash, oldest = ages.partition("-")
    if oldest and int(oldest) < int(youngest):
        raise ValueError(f"the range ends at {oldest}, before it begins at {youngest}")
    return ages


Ages = Annotated[str, Field(pattern=r"^[0-9]{1,3}-([0-9]{1,3})?$"), AfterValidator(_in_order)]
"""Ages in whole years, both ends included: `8-15`, or `16-` for 16 and older."""


class InstrumentUse(Part):
    """An instrument as asked here; `planned` means known to the register but not sent.

    `ages` limits it to patients of those ages on the day they are asked, so that children get
    the form made for them: eq5dy3l for `8-15` beside eq5d3l for `16-`.
    """

    code: InstrumentCode
    status: InstrumentStatus = "active"
    answerer: Answerer = "patient"
    ages: Ages | None = None

    @property
    def age_range(self) -> tuple[int, int]:
        """The youngest and the oldest age asked, in whole years."""
        youngest, _dash, oldest = (self.ages or "0-").partition("-")
        return int(youngest), int(oldest or OLDEST)

    def is_for(self, age: int) -> bool:
        """Whether patients of an age in whole years are asked."""
        youngest, oldest = self.age_range
        return youngest <= age <= oldest

    def overlaps(self, other: InstrumentUse) -> bool:
        """Whether some patient is of an age for both."""
        (youngest, oldest), (first, last) = self.age_range, other.age_range
        return youngest <= last and first <= oldest


class Questionnaire(Part):
    """Which instruments some groups are asked at some time points, in asking order."""

    groups: Annotated[tuple[Key, ...], Field(min_length=1)]
    time_points: Annotated[tuple[TimePointKey, ...], Field(min_length=1)]
    instruments: Annotated[tuple[InstrumentUse, ...], Field(min_length=1)]


PatientQuestionKey = Literal[
    "height_cm",
    "weight_kg",
    "smoking",
    "symptom_duration_axial",
    "symptom_duration_limb",
    "painkillers",
    "work",
    "sick_leave_days",
    "walking_distance",
    "satisfaction",
]


class PatientQuestion(Part):
    """Which item of which instruments holds an answer that reports filter or describe by."""

    key: PatientQuestionKey
    instruments: Annotated[tuple[InstrumentCode, ...], Field(min_length=1)]
    item: Key


class CourseScale(Part):
    """A scale whose course patients are shown once they have sent, and its name in plain words.

    ``words`` begins a sentence: “Your pain in the leg” was 62 before the operation and is 20 now.
    """

    scale: Key
    words: Text


class PromsSection(Part):
    """[proms] Schedule, questionnaires and reminders."""

    double_entry: bool = False
    """Whether two people enter each form that comes back on paper, the second without seeing what
    the first typed."""
    time_points: tuple[TimePoint, ...] = ()
    call_after_days: Annotated[int, Field(ge=1, le=90)] = 7
    """How long after the last reminder a patient who has not answered is to be called."""
    messages: tuple[MessageText, ...] = ()
    questionnaires: tuple[Questionnaire, ...] = ()
    patient_questions: tuple[PatientQuestion, ...] = ()
    own_course: tuple[CourseScale, ...] = ()
    """What patients may see of their own results; none where the register does not allow it."""
