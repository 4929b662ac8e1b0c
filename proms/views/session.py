"""The cookie into which a link is exchanged: it says which invitation may be answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from patients.reach import Answerer
from proms import actions
from proms.asked import language_of
from proms.models import AnsweredBy, Invitation
from proms.plans import answerer_of, languages_for
from proms.selectors import FormInProgress, form_in_progress
from registry.core import clock
from registry.core.choices import Language
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

COOKIE = "answering"
LANGUAGE_COOKIE = "answering_language"
HOURS = 4
"""So long a browser that was let in may be used without asking for the birth date again."""
DAYS_REMEMBERED = 7
"""So long the browser keeps the cookie. Past HOURS it opens nothing, but says which form it was
for: the birth date is then enough to go on, and what is being typed is not lost."""
PATH = "/q/"
_SALT = "proms.answering"


@dataclass(frozen=True, slots=True)
class Pass:
    """What the cookie says. ``generation`` makes it worthless when the link is revoked."""

    invitation_id: int
    generation: int


@dataclass(frozen=True, slots=True)
class Session:
    """One patient's form as a page needs it."""

    invitation: FormInProgress
    definition: RegisterDefinition
    language: str
    languages: tuple[str, ...]
    answerer: Answerer = "patient"

    @property
    def by_guardian(self) -> bool:
        """Whether a guardian answers on the child's behalf."""
        return self.answerer == "guardian" or (
            self.answerer == "both" and self.invitation.answered_by == AnsweredBy.GUARDIAN
        )

    @property
    def must_say_who(self) -> bool:
        """Whether it is still to be said who is answering, the patient or a guardian."""
        return self.answerer == "both" and not self.invitation.answered_by

    @property
    def answers(self) -> Mapping[str, float | None]:
        """What has been answered so far."""
        return self.invitation.answers


def let_in(response: HttpResponse, allowed: Pass) -> None:
    """Give the browser a signed cookie that scripts cannot read."""
    value = signing.dumps([allowed.invitation_id, allowed.generation], salt=_SALT, compress=True)
    response.set_cookie(
        COOKIE,
        value,
        max_age=DAYS_REMEMBERED * 86400,
        path=PATH,
        httponly=True,
        secure=settings.SESSION_COOKIE_SECURE,
        samesite="Lax",
    )


def let_out(response: HttpResponse) -> None:
    """Take the cookie away, for the next person at the same screen."""
    response.delete_cookie(COOKIE, path=PATH)


def session_of(request: HttpRequest) -> Session | None:
    """Return the form the browser was let in to; None without a valid cookie. One query."""
    allowed = _read(request, timedelta(hours=HOURS))
    return None if allowed is None else session_for(request, allowed)


def timed_out(request: HttpRequest) -> Pass | None:
    """Return the pass of a browser that was left too long; None without one that still is good."""
    return _read(request, timedelta(days=DAYS_REMEMBERED))


def session_for(request: HttpRequest, allowed: Pass) -> Session | None:
    """Return the form that a pass is for; None when its link was revoked. One query."""
    invitation = _form_of(request, allowed.invitation_id)
    if invitation is None or invitation.generation != allowed.generation:
        return None
    definition = definition_for(invitation.register_code, invitation.definition_version)
    languages = languages_for(invitation.plan, definition.about.languages)
    answerer = answerer_of(
        definition,
        invitation.plan,
        time_point=invitation.time_point,
        birth_date=invitation.birth_date,
        on=clock.today(),
    )
    return Session(
        invitation,
        definition,
        _language(request, invitation, languages, answerer),
        languages,
        answerer,
    )


def _form_of(request: HttpRequest, invitation_id: int) -> FormInProgress | None:
    if request.method != "POST":
        return form_in_progress(invitation_id)
    # Who posts is about to change the form: it is locked at once, and need not be read again.
    try:
        return actions.locked_form(invitation_id)
    except Invitation.DoesNotExist:
        return None


def chosen_language(request: HttpRequest) -> str:
    """Return the language chosen on these pages; "" when none was."""
    chosen = request.COOKIES.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in Language.values else ""


def keep_language(response: HttpResponse, language: str) -> None:
    """Remember the language of these pages in this browser."""
    if language in Language.values:
        response.set_cookie(
            LANGUAGE_COOKIE,
            language,
            max_age=DAYS_REMEMBERED * 86400,
            path=PATH,
            httponly=True,
            secure=settings.SESSION_COOKIE_SECURE,
            samesite="Lax",
        )


def _language(
    request: HttpRequest,
    invitation: FormInProgress,
    languages: tuple[str, ...],
    answerer: Answerer,
) -> str:
    said = (chosen_language(request), invitation.started_language or "")
    known = next((wish for wish in said if wish in languages), "")
    if known or not languages:
        return known or "en"
    wishes = [invitation.patient_language]
    if answerer != "patient" and invitation.guardian_language:
        wishes.insert(0, language_of(invitation.pk, clock.today()))
    return next((wish for wish in wishes if wish in languages), languages[0])


def _read(request: HttpRequest, not_older: timedelta) -> Pass | None:
    try:
        # Cookies of an earlier version said more.
        pk, generation, *_more = signing.loads(
            request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=not_older
        )
        return Pass(int(pk), int(generation))
    except (signing.BadSignature, ValueError, TypeError):
        return None
