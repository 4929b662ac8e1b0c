"""Entering returned forms and answers by telephone: the whole questionnaire on one page.

A page is refused or kept whole: what was typed comes back beside what is wrong with it. Without
scripts everything works; with them Enter goes on to the next field. It never submits.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_date
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from patients.selectors import member_for
from proms import actions, selectors
from proms.models import AnsweredBy, Entry, EntryMethod, Invitation
from proms.paper import typed as typing
from proms.paper.codes import read_code, shown
from proms.paper.printing import when_asked
from proms.plans import languages_for
from proms.questionnaire import Form, Row, form_for
from registry.accounts.permissions import Permission
from registry.audit.actions import require
from registry.core import clock
from registry.core.choices import Language
from registry.core.errors import RuleBroken
from registry.registers.selectors import definition_for

LETTERS = "abcdefghijklmnopqrstuvwxyz"


@login_required
@require_http_methods(["GET", "POST"])
def find(request: HttpRequest, register: str) -> HttpResponse:
    """Take a return code, typed or scanned, and open its form; show the forms that wait."""
    viewer = request.viewer
    require(viewer, Permission.FOLLOW_UP, register)
    code = error = ""
    if request.method == "POST":
        code = request.POST.get("code", "")
        read = read_code(code)
        form = selectors.form_with_code(viewer, register, read) if read else None
        if form is None:
            error = _("There is no form with this code here. Check the ten characters.")
        elif form.invitation.submitted_at is not None:
            error = _("The patient answered on %(day)s. That answer counts.") % {
                "day": date_format(_answered_on(form.invitation), "SHORT_DATE_FORMAT")
            }
        else:
            return _to_entry(register, form.invitation_id, form.language)
    return render(
        request,
        "proms/entry/find.html",
        {
            "register_code": register,
            "code": code,
            "error": error,
            "waiting": [
                {
                    "code": shown(entries[0].invitation.paper_forms.all()[0].code),
                    "entries": entries,
                    "mine": entries[0].entered_by_id == viewer.user_id,
                }
                for entries in selectors.waiting_entries(viewer, register)
                if entries[0].invitation.paper_forms.all()
            ],
        },
        status=422 if error else 200,
    )


@login_required
@require_http_methods(["GET", "POST"])
def enter(request: HttpRequest, register: str, invitation: int, method: str) -> HttpResponse:
    """Show the whole questionnaire for typing, or take what was typed."""
    held = _invitation(request, register, invitation)
    definition = definition_for(register)
    entries = list(held.entries.all())
    if len(entries) == 2:
        return redirect("proms:compare", register, held.pk)
    languages = languages_for(held.plan, definition.about.languages)
    language = _language(request, held, languages)
    mine = next((one for one in entries if one.entered_by_id == request.viewer.user_id), None)
    context: dict[str, Any] = {
        "method": method,
        "by_telephone": method == EntryMethod.TELEPHONE,
        "invitation": held,
        "form_language": language,
        "languages": [(code, name) for code, name in Language.choices if code in languages],
        "is_second": bool(entries) and mine is None,
        "is_mine": mine is not None,
        "can_discard": bool(entries),
        "double_entry": definition.proms.double_entry and method == EntryMethod.PAPER,
        "closed": "" if held.submitted_at is None else _by_another_way(held),
        "who": _who(request, held, mine),
    }
    form = form_for(held.plan, language)
    if request.method == "GET":
        typed = mine.answers if mine else {}
        answered_on = (mine.answered_on if mine else clock.today()).isoformat()
        return _entry_page(request, register, form, typed, answered_on, {}, context)
    typed = {code: request.POST.get(code, "") for code in form.items}
    answered_on = request.POST.get("answered_on", "")
    wrong: dict[str, str] = {}
    day = _day(answered_on, wrong)
    if day is not None:
        try:
            entered = actions.enter_answers(
                invitation_id=held.pk,
                typed=typed,
                answered_on=day,
                language=language,
                method=method,
                by=request.viewer,
                now=clock.now(),
                answered_by=request.POST.get("answered_by", ""),
            )
        except actions.AnsweredMeanwhile:
            context["closed"] = _by_another_way(held)
        except RuleBroken as error:
            wrong = _beside(error)
        else:
            return _after(request, register, held, entered, method)
    return _entry_page(request, register, form, typed, answered_on, wrong, context)


@login_required
@require_http_methods(["GET", "POST"])
def compare(request: HttpRequest, register: str, invitation: int) -> HttpResponse:
    """Show where two entries differ, and submit what the paper says."""
    held = _invitation(request, register, invitation)
    entries = list(held.entries.order_by("position"))
    if len(entries) < 2 and held.submitted_at is None:
        return redirect("proms:find_form", register)
    if held.submitted_at is not None:
        messages.warning(request, _by_another_way(held))
        return redirect("proms:find_form", register)
    first, second = entries
    form = form_for(held.plan, first.language)
    codes = typing.differences(form, first.answers, second.answers)
    typed = {code: request.POST.get(code, "") for code in codes}
    answered_on = request.POST.get("answered_on", "")
    dates_differ = first.answered_on != second.answered_on
    who_differs = first.answered_by != second.answered_by
    answered_by = request.POST.get("answered_by", "") if who_differs else ""
    wrong: dict[str, str] = {}
    if request.method == "POST":
        day = _day(answered_on, wrong) if dates_differ else None
        if not wrong:
            try:
                response = actions.resolve_entries(
                    invitation_id=held.pk,
                    typed=typed,
                    answered_on=day,
                    answered_by=answered_by,
                    by=request.viewer,
                    now=clock.now(),
                )
            except actions.AnsweredMeanwhile:
                messages.warning(request, _by_another_way(held))
                return redirect("proms:find_form", register)
            except RuleBroken as error:
                wrong = _beside(error)
            else:
                return _after(request, register, held, actions.Entered(response), first.method)
    numbers = {code: page.number for page in form.pages for code in page.codes}
    items = form.items
    return render(
        request,
        "proms/entry/compare.html",
        {
            "register_code": register,
            "invitation": held,
            "code": _code_of(held, first.language),
            "first": first,
            "second": second,
            "form_language": first.language,
            "dates_differ": dates_differ,
            "answered_on": answered_on,
            "date_error": wrong.get("answered_on", ""),
            "who": [(value, label, value == answered_by) for value, label in AnsweredBy.choices]
            if who_differs
            else [],
            "who_error": wrong.get("answered_by", ""),
            "error": wrong.get("__all__", ""),
            "rows": [
                {
                    "number": numbers[code],
                    "row": items[code],
                    "options": _options(items[code]),
                    "first": typing.shown(items[code], first.answers.get(code, "")),
                    "second": typing.shown(items[code], second.answers.get(code, "")),
                    "value": typed[code],
                    "error": wrong.get(code, ""),
                }
                for code in codes
            ],
        },
        status=422 if wrong else 200,
    )


@login_required
@require_POST
def discard(request: HttpRequest, register: str, invitation: int) -> HttpResponse:
    """Throw away what was entered of a form and is no response yet."""
    held = _invitation(request, register, invitation)
    try:
        actions.discard_entries(invitation_id=held.pk)
    except RuleBroken as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, _("What was entered of this form has been discarded."))
    return redirect("proms:find_form", register)


# --- Showing ----------------------------------------------------------------------------------


def _entry_page(
    request: HttpRequest,
    register: str,
    form: Form,
    typed: Mapping[str, str],
    answered_on: str,
    wrong: Mapping[str, str],
    context: Mapping[str, Any],
) -> HttpResponse:
    held = context["invitation"]
    point = definition_for(register).time_points.get(held.time_point)
    faults = {code: text for code, text in wrong.items() if code in form.items}
    return render(
        request,
        "proms/entry/enter.html",
        {
            **context,
            "register_code": register,
            "code": "" if context["by_telephone"] else _code_of(held, form.language),
            "time_point": str(point.labels) if point else held.get_time_point_display(),
            "today": clock.today().isoformat(),
            "answered_on": answered_on,
            "date_error": wrong.get("answered_on", ""),
            "error": wrong.get("__all__", "") or wrong.get("answered_by", ""),
            "faults": [
                (code, page.number, letter)
                for page in form.pages
                for letter, code in zip(_letters(page.codes), page.codes, strict=False)
                if code in faults
            ],
            "parts": _parts(form, typed, faults),
        },
        status=422 if wrong else 409 if context["closed"] and request.method == "POST" else 200,
    )


def _parts(form: Form, typed: Mapping[str, str], wrong: Mapping[str, str]) -> list[dict[str, Any]]:
    """The questionnaire as the page shows it: by instrument, each question with its fields."""
    parts: list[dict[str, Any]] = []
    for page in form.pages:
        if not parts or parts[-1]["instrument"] != page.instrument:
            parts.append({"instrument": page.instrument, "title": page.title, "questions": []})
        condition = page.condition
        asked_of = form.items[condition.item] if condition else None
        parts[-1]["questions"].append(
            {
                "number": page.number,
                "stem": page.heading if page.in_rows else "",
                "hint": when_asked(page, form),
                "when": condition.item if condition else "",
                "values": " ".join(
                    str(position)
                    for position, (value, _label) in enumerate(
                        asked_of.words.options if asked_of else (), start=1
                    )
                    if value in condition.values
                )
                if condition
                else "",
                "shared": _options(page.rows[0]) if page.in_rows else [],
                "rows": [
                    {
                        "code": row.code,
                        "letter": letter,
                        "text": row.words.text,
                        "type": row.item.type,
                        "unit": row.words.unit,
                        "low": row.words.low,
                        "high": row.words.high,
                        "first": f"{row.item.minimum:g}" if row.item.minimum is not None else "",
                        "last": f"{row.item.maximum:g}" if row.item.maximum is not None else "",
                        "options": [] if page.in_rows else _options(row),
                        "value": typed.get(row.code, ""),
                        "error": wrong.get(row.code, ""),
                    }
                    for letter, row in zip(_letters(page.codes), page.rows, strict=False)
                ],
            }
        )
    return parts


def _letters(codes: tuple[str, ...]) -> str | list[str]:
    return LETTERS if len(codes) > 1 else [""]


def _options(row: Row) -> list[str]:
    return [label for _value, label in row.words.options]


# --- Reading the request ----------------------------------------------------------------------


def _invitation(request: HttpRequest, register: str, invitation: int) -> Invitation:
    held = selectors.invitation_for(request.viewer, register, invitation)
    member_for(
        request.viewer,
        register,
        held.membership_id,
        action="enter_answers",
        permission=Permission.FOLLOW_UP,
    )
    return held


def _who(request: HttpRequest, held: Invitation, mine: Entry | None) -> list[tuple[str, str, bool]]:
    """Return who may have answered (value, label, chosen); nothing to choose for those of age."""
    likely = actions.likely_answerer(held, on=clock.today())
    if likely is None:
        return []
    chosen = request.POST.get("answered_by") or (mine.answered_by if mine else "") or likely
    return [(value, label, value == chosen) for value, label in AnsweredBy.choices]


def _language(request: HttpRequest, held: Invitation, languages: tuple[str, ...]) -> str:
    wishes = (
        request.POST.get("language", ""),
        request.GET.get("language", ""),
        *held.paper_forms.order_by("-printed_at").values_list("language", flat=True),
        held.membership.patient.language,
    )
    return next((wish for wish in wishes if wish in languages), (*languages, Language.ENGLISH)[0])


def _day(text: str, wrong: dict[str, str]) -> date | None:
    try:
        day = parse_date(text)
    except ValueError:
        day = None
    if day is None:
        wrong["answered_on"] = _("Type the day on which the patient answered.")
    return day


def _beside(error: RuleBroken) -> dict[str, str]:
    if not hasattr(error, "error_dict"):
        return {"__all__": " ".join(error.messages)}
    return {field: " ".join(texts) for field, texts in error.message_dict.items()}


def _code_of(held: Invitation, language: str) -> str:
    forms = {form.language: form.code for form in held.paper_forms.all()}
    code = forms.get(language) or next(iter(forms.values()), "")
    return shown(code) if code else ""


def _answered_on(held: Invitation) -> date:
    return held.responses.get(current=True).answered_on


def _by_another_way(held: Invitation) -> str:
    held.refresh_from_db(fields=["submitted_at"])
    response = held.responses.get(current=True)
    day = date_format(response.answered_on, "SHORT_DATE_FORMAT")
    if response.method == EntryMethod.WEB:
        return _("The patient answered on the web on %(day)s. That answer counts.") % {"day": day}
    return _("The patient answered on %(day)s. That answer counts.") % {"day": day}


def _to_entry(register: str, invitation_id: int, language: str) -> HttpResponse:
    response = redirect("proms:enter", register, invitation_id, EntryMethod.PAPER.value)
    response["Location"] += f"?language={language}"
    return response


def _after(
    request: HttpRequest, register: str, held: Invitation, entered: actions.Entered, method: str
) -> HttpResponse:
    """Say what became of the entry, and go where the next one begins."""
    if entered.differs:
        messages.warning(request, _("The two entries differ. Take the form and say what is right."))
        return redirect("proms:compare", register, held.pk)
    if entered.response is None:
        messages.success(request, _("Saved. Now a second person enters the form."))
        return redirect("proms:find_form", register)
    given = sum(value is not None for value in entered.response.answers.values())
    messages.success(
        request,
        _("The answers are in: %(given)s of %(all)s questions answered.")
        % {"given": given, "all": len(entered.response.answers)},
    )
    if method == EntryMethod.TELEPHONE:
        return redirect("patients:detail", register, held.membership_id)
    return redirect("proms:find_form", register)
