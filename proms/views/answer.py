"""What a patient sees: link, questions, review, receipt. Looking at a page changes nothing."""

from collections.abc import Callable
from datetime import date
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from proms import actions
from proms.asked import language_of
from proms.links import token_for
from proms.models import AnsweredBy, Invitation, Response
from proms.plans import answerer_of
from proms.questionnaire import Form, Page, Row, WrongAnswer, fingerprint, form_for
from proms.views.own_course import courses_shown
from proms.views.question_page import QuestionPage, language_choices, who_asks
from proms.views.session import (
    Pass,
    Session,
    chosen_language,
    keep_language,
    let_in,
    session_for,
    session_of,
    timed_out,
)
from registry.audit.middleware import changes_nothing_on_get
from registry.core import clock
from registry.core.choices import Language
from registry.core.errors import RuleBroken
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for

View = Callable[..., HttpResponse]
BIRTH_DATE = ("day", "month", "year")
"""The fields of the birth date, in the order of these languages."""
LEFT = "left"
"""In the address of a page: it was left without an answer, and says what to do."""


def page_for_patients(view: View) -> View:
    """Keep pages out of caches and the address out of other servers' logs."""

    @changes_nothing_on_get
    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        response = never_cache(view)(request, *args, **kwargs)
        # Only the origin is told: a link in the Referer would end in logs. "no-referrer" would
        # send the form with an empty Origin, which the protection against forgery refuses.
        response["Referrer-Policy"] = "strict-origin"
        return response

    return answer


def for_answering(view: View) -> View:
    """Let in only who has exchanged a link; hand the view the session."""

    @page_for_patients
    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        session = session_of(request)
        if session is not None:
            return go_on(request, session, *args, **kwargs)
        return _let_in_again(request, lambda again: go_on(request, again, *args, **kwargs))

    def go_on(
        request: HttpRequest, session: Session, *args: object, **kwargs: object
    ) -> HttpResponse:
        translation.activate(session.language)
        request.LANGUAGE_CODE = session.language
        if session.invitation.submitted_at is None:
            reason = session.invitation.why_not_open(clock.today())
            if reason:
                return _ended(request, session, reason)
        return view(request, session, *args, **kwargs)

    return answer


def _let_in_again(request: HttpRequest, go_on: Callable[[Session], HttpResponse]) -> HttpResponse:
    """Ask for the birth date once more when the form was left too long, then go on with the page.

    What was posted too late travels through the page that asks, so that nothing typed is lost.
    """
    allowed = timed_out(request)
    session = session_for(request, allowed) if allowed is not None else None
    if allowed is None or session is None:
        return _show(request, "closed", chosen_language(request), status=404)
    token = token_for(allowed.invitation_id, allowed.generation)
    invitation, today = actions.invitation_of(token), clock.today()
    if invitation is None or _is_closed(invitation, today):
        return _closed(request, token)
    error = ""
    if "year" in request.POST:
        opened, error = _open(request, token, session.language)
        if opened is not None:
            answered = "form" in request.POST
            response = go_on(session) if answered else redirect(request.get_full_path())
            let_in(response, allowed)
            return response
        if not error:
            return _closed(request, token)
    return _show(
        request,
        "timed_out",
        session.language,
        status=422 if error else 403,
        definition=session.definition,
        about_child=session.answerer != "patient",
        languages=(),
        carried=[
            (name, value)
            for name, value in request.POST.items()
            if name not in ("csrfmiddlewaretoken", *BIRTH_DATE)
        ],
        typed={name: request.POST.get(name, "") for name in BIRTH_DATE},
        error=error,
    )


# --- The link ---------------------------------------------------------------------------------


@page_for_patients
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def link(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for the birth date; exchange the link for a cookie. A link that does not open looks
    the same whether it is unknown, used, expired or locked."""
    today = clock.today()
    invitation = actions.invitation_of(token)
    if invitation is None or _is_closed(invitation, today):
        return _closed(request, token)
    language = chosen_language(request) or _first_language(invitation)
    if request.method == "GET":
        return _link_page(request, invitation, language)
    opened, error = _open(request, token, language)
    if error:
        return _link_page(request, invitation, language, error=error)
    if opened is None:
        return _closed(request, token)
    response = redirect("answer:start")
    let_in(response, Pass(opened.pk, opened.generation))
    keep_language(response, language)
    return response


@page_for_patients
@require_POST
def new_link(request: HttpRequest, token: str) -> HttpResponse:
    """Send a new link to the address on file, and say the same whether there was one to send."""
    actions.ask_for_new_link(token=token, now=clock.now())
    return redirect("answer:new_link_sent")


@page_for_patients
@require_GET
def new_link_sent(request: HttpRequest) -> HttpResponse:
    """Say where to look for the new link. A page of its own, so that reloading sends nothing."""
    return _show(request, "new_link", chosen_language(request))


@page_for_patients
@require_POST
def change_language(request: HttpRequest) -> HttpResponse:
    """Show these pages in another language, beginning with the one the patient was on."""
    return _in_language(request.POST.get("language", ""), request.POST.get("next", ""))


def _in_language(language: str, address: str) -> HttpResponseRedirect:
    start = reverse("answer:start")
    inside = address.startswith("/q/") and url_has_allowed_host_and_scheme(address, None)
    response = HttpResponseRedirect(address if inside else start)
    keep_language(response, language)
    return response


def _link_page(
    request: HttpRequest, invitation: Invitation, language: str, *, error: str = ""
) -> HttpResponse:
    definition = definition_for(invitation.membership.register_id)
    form = form_for(invitation.plan, language)
    return _show(
        request,
        "link",
        language,
        status=422 if error else 200,
        definition=definition,
        languages=language_choices(definition.about.languages),
        form=form,
        is_before=invitation.time_point == "before",
        about_child=_about_child(invitation, definition),
        typed={name: request.POST.get(name, "") for name in BIRTH_DATE},
        error=error,
    )


def _about_child(invitation: Invitation, definition: RegisterDefinition) -> bool:
    """Whether a guardian reads the page: its words are then about the child."""
    answerer = answerer_of(
        definition,
        invitation.plan,
        time_point=invitation.time_point,
        birth_date=invitation.membership.patient.birth_date,
        on=clock.today(),
    )
    return answerer != "patient"


def _is_closed(invitation: Invitation, today: date) -> bool:
    return invitation.locked_at is not None or bool(actions.why_not_open(invitation, today))


def _first_language(invitation: Invitation) -> str:
    """The language of whoever got the link, until another one is chosen."""
    patient = invitation.membership.patient
    if not patient.guardian_language:
        return patient.language
    return language_of(invitation.pk, clock.today())


def _open(request: HttpRequest, token: str, language: str) -> tuple[Invitation | None, str]:
    """Open a link with the birth date typed. Neither an invitation nor an error: it is closed."""
    with translation.override(language):
        birth_date, error = _birth_date(request.POST, clock.today())
        if error:
            return None, error
        opened = actions.confirm_birth_date(token=token, birth_date=birth_date, now=clock.now())
        if opened is not None:
            return opened, ""
        held = actions.invitation_of(token)
        if held is None or _is_closed(held, clock.today()):
            return None, ""
        return None, _(
            "This is not the date of birth we know. Check day, month and year and try again."
        )


def _closed(request: HttpRequest, token: str) -> HttpResponse:
    return _show(request, "closed", chosen_language(request), status=404, token=token)


def _birth_date(posted: QueryDict, today: date) -> tuple[date, str]:
    """Return the date typed, or what is wrong with it."""
    texts = [posted.get(name, "").strip() for name in BIRTH_DATE]
    if not all(texts):
        return today, _("Fill in day, month and year.")
    try:
        day, month, year = (int(text) for text in texts)
        typed = date(year, month, day)
    except ValueError:
        return today, _("This date does not exist. Write it as in 9 3 1950.")
    if not date(1890, 1, 1) <= typed <= today:
        return today, _("Write the year with four digits, as in 1950.")
    return typed, ""


# --- The questions ----------------------------------------------------------------------------


@for_answering
@require_GET
def start(request: HttpRequest, session: Session) -> HttpResponse:
    """Say how it works; go on where the patient left."""
    if session.invitation.submitted_at is not None:
        return redirect("answer:thanks")
    form = _form(session)
    answers = session.answers
    target = reverse("answer:who") if session.must_say_who else _go_on_address(session)
    return _page(
        request,
        session,
        "start",
        form=form,
        resumed=bool(answers),
        questions=len(form.visible(answers)),
        target=target,
    )


def _go_on_address(session: Session) -> str:
    unseen = _form(session).first_unseen(session.answers)
    return _address(unseen) if unseen else reverse("answer:review")


@for_answering
@require_http_methods(["GET", "POST"])
def who(request: HttpRequest, session: Session) -> HttpResponse:
    """Ask whether the patient or a guardian is answering, where either may."""
    if session.invitation.submitted_at is not None and request.method == "GET":
        return redirect("answer:thanks")
    if session.answerer != "both":
        return redirect("answer:start")
    wrong = False
    if request.method == "POST":
        answered_by = request.POST.get("answered_by", "")
        wrong = answered_by not in AnsweredBy.values
        if not wrong:
            try:
                actions.note_who_answers(
                    invitation_id=session.invitation.pk,
                    answered_by=answered_by,
                    language=session.language,
                    now=clock.now(),
                )
            except RuleBroken as error:
                return _ended(request, session, " ".join(error.messages))
            return redirect(_go_on_address(session))
    return _page(
        request,
        session,
        "who",
        status=422 if wrong else 200,
        answered_by=session.invitation.answered_by,
        wrong=wrong,
    )


@for_answering
@require_http_methods(["GET", "POST"])
def question(request: HttpRequest, session: Session, number: int) -> HttpResponse:
    """Show one page of the form, or keep its answers and go on."""
    if session.invitation.submitted_at is not None and request.method == "GET":
        return redirect("answer:thanks")
    form = _form(session)
    page = form.page(number)
    if request.method == "POST" and request.POST.get("form") != _fingerprint(session):
        return _page(request, session, "stale", status=409)
    if session.invitation.submitted_at is not None:
        return _ended(request, session, _("The answers have been sent already."))
    if page is None or page not in form.visible(session.answers):
        return redirect("answer:start")
    if request.method == "GET":
        left = _not_answered(page, session) if LEFT in request.GET else {}
        return _question(request, session, form, page, typed=None, wrong=left)
    return _answered(request, session, form, page)


def _answered(request: HttpRequest, session: Session, form: Form, page: Page) -> HttpResponse:
    typed = {code: request.POST.get(code, "") for code in page.codes}
    values: dict[str, float | None] = {}
    wrong: dict[str, str] = {}
    for row in page.rows:
        try:
            values[row.code] = row.read(typed[row.code])
        except WrongAnswer:
            wrong[row.code] = _what_is_allowed(row)
    given = {code: value for code, value in values.items() if value is not None}
    go = request.POST.get("go", "next")
    language = request.POST.get("language", "")
    if go == "skip":
        keep: dict[str, float | None] = values
    elif go == "back" or language:
        keep, wrong = given, {}
    else:
        keep = values if page.optional else given
        for row in page.rows:
            if row.code not in wrong and values[row.code] is None and not row.item.optional:
                wrong[row.code] = ""
            elif row.code not in wrong:
                keep[row.code] = values[row.code]
    if any(wrong.values()) or wrong.keys() & session.answers.keys():
        return _question(request, session, form, page, typed=typed, wrong=wrong, status=422)
    changed = {code: value for code, value in keep.items() if _differs(session, code, value)}
    if changed:
        try:
            actions.save_answers(
                invitation_id=session.invitation.pk,
                answers=changed,
                language=language if language in session.languages else session.language,
                now=clock.now(),
                held=session.invitation,
            )
        except RuleBroken as error:
            return _ended(request, session, " ".join(error.messages))
    if language:
        return _in_language(language, request.get_full_path())
    if wrong:
        # Nothing typed waits to be corrected, so the page is asked for anew: a browser that goes
        # back to a page that was posted shows a warning instead of it.
        return redirect(f"{request.path}?{_with_left(request.GET)}")
    return redirect(_next(request, form, page, {**session.answers, **changed}, go))


def _ended(request: HttpRequest, session: Session, reason: str) -> HttpResponse:
    """Say why nothing more can be answered; what was posted is not kept."""
    return _page(
        request,
        session,
        "ended",
        status=409,
        reason=reason,
        sent=session.invitation.submitted_at is not None,
        posted=request.method == "POST",
    )


def _not_answered(page: Page, session: Session) -> dict[str, str]:
    return {
        row.code: ""
        for row in page.rows
        if row.code not in session.answers and not row.item.optional
    }


def _with_left(query: QueryDict) -> str:
    changed = query.copy()
    changed[LEFT] = "1"
    return changed.urlencode()


def _differs(session: Session, code: str, value: float | None) -> bool:
    return code not in session.answers or session.answers[code] != value


def _next(
    request: HttpRequest,
    form: Form,
    page: Page,
    answers: dict[str, float | None],
    go: str,
) -> str:
    shown = form.visible(answers)
    place = shown.index(page)
    from_review = request.GET.get("from") == "review"
    if go == "back" and not from_review:
        return _address(shown[place - 1]) if place else reverse("answer:start")
    if from_review:
        unseen = form.first_unseen(answers)
        return f"{_address(unseen)}?from=review" if unseen else reverse("answer:review")
    return _address(shown[place + 1]) if place + 1 < len(shown) else reverse("answer:review")


def _question(
    request: HttpRequest,
    session: Session,
    form: Form,
    page: Page,
    *,
    typed: dict[str, str] | None,
    wrong: dict[str, str] | None = None,
    status: int = 200,
) -> HttpResponse:
    values = typed if typed is not None else session.answers
    position, count = form.progress(page, session.answers)
    shown = QuestionPage(
        form=form,
        page=page,
        values=tuple(_as_typed(values.get(code)) for code in page.codes),
        position=position,
        count=count,
        register_code=session.invitation.register_code,
        definition_version=session.invitation.definition_version,
        languages=session.languages,
        by_guardian=session.by_guardian,
    )
    html = shown.html(
        forgery_token=get_token(request), fingerprint=_fingerprint(session), wrong=wrong
    )
    return _in(session.language, html, status=status)


def _as_typed(value: object) -> str:
    return "" if value is None else str(value)


def _what_is_allowed(row: Row) -> str:
    if row.item.options:
        return _("Choose one of the answers.")
    limits = {
        "low": f"{row.item.lowest:g}",
        "high": f"{row.item.highest:g} {row.words.unit}".strip(),
    }
    if row.item.integer:
        return _("Write a whole number from %(low)s to %(high)s.") % limits
    return _("Write a number from %(low)s to %(high)s.") % limits


# --- Review, sending, receipt -----------------------------------------------------------------


@for_answering
@require_GET
def review(request: HttpRequest, session: Session) -> HttpResponse:
    """Show every answer with a way to change it."""
    if session.invitation.submitted_at is not None:
        return redirect("answer:thanks")
    if session.must_say_who:
        return redirect("answer:who")
    return _review(request, session)


def _review(request: HttpRequest, session: Session, *, error: str = "") -> HttpResponse:
    form = _form(session)
    answers = session.answers
    unseen = form.first_unseen(answers)
    entries = [
        {
            "address": f"{_address(page)}?from=review",
            "question": row.words.text,
            "stem": row.words.stem,
            "seen": row.code in answers,
            "answer": row.words.label(answers.get(row.code)),
        }
        for page in form.visible(answers)
        for row in page.rows
    ]
    return _page(
        request,
        session,
        "review",
        status=409 if error else 200,
        entries=entries,
        unseen=f"{_address(unseen)}?from=review" if unseen else "",
        error=error,
    )


@for_answering
@require_http_methods(["GET", "POST"])
def send(request: HttpRequest, session: Session) -> HttpResponse:
    """Send the answers. Sending again shows the same receipt; looking here leads to the review."""
    if request.method == "GET":
        return redirect("answer:review")
    if session.invitation.submitted_at is None:
        if request.POST.get("form") != _fingerprint(session):
            return _page(request, session, "stale", status=409)
        try:
            actions.submit(
                invitation_id=session.invitation.pk,
                now=clock.now(),
                language=session.language,
                held=session.invitation,
            )
        except RuleBroken as error:
            reason = actions.why_not_open(session.invitation, clock.today())
            if reason:
                return _ended(request, session, reason)
            return _review(request, session, error=" ".join(error.messages))
    return redirect("answer:thanks")


@for_answering
@require_GET
def thanks(request: HttpRequest, session: Session) -> HttpResponse:
    """The receipt: when the answers came in, and what happens now."""
    if session.invitation.submitted_at is None:
        return redirect("answer:start")
    first = Response.objects.filter(invitation_id=session.invitation.pk).earliest("pk")
    return _page(
        request,
        session,
        "thanks",
        received_at=first.submitted_at,
        is_before=session.invitation.time_point == "before",
        courses=courses_shown(session),
    )


# --- Showing ----------------------------------------------------------------------------------


def _form(session: Session) -> Form:
    return form_for(session.invitation.plan, session.language)


def _fingerprint(session: Session) -> str:
    return fingerprint(session.invitation.pk, session.invitation.plan)


def _address(page: Page) -> str:
    return reverse("answer:question", kwargs={"number": page.number})


def _page(
    request: HttpRequest, session: Session, name: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    return _show(
        request,
        name,
        session.language,
        status=status,
        definition=session.definition,
        languages=language_choices(session.languages),
        fingerprint=_fingerprint(session),
        **context,
    )


def _show(
    request: HttpRequest, name: str, language: str, *, status: int = 200, **context: Any
) -> HttpResponse:
    language = language or translation.get_language() or Language.ENGLISH
    with translation.override(language):
        context.setdefault("languages", Language.choices)
        definition = context.get("definition")
        if definition is not None:
            context |= who_asks(definition, language)
        context["language"] = language
        html = render_to_string(f"proms/answer/{name}.html", context, request)
    return _in(language, html, status=status)


def _in(language: str, html: str, *, status: int) -> HttpResponse:
    response = HttpResponse(html, status=status)
    response["Content-Language"] = language
    return response
