"""Pages about the user themselves."""

from datetime import timedelta

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from registry.accounts.actions import choose_language, issue_api_token, revoke_api_token
from registry.accounts.forms import TokenForm
from registry.accounts.selectors import roles_of, tokens_of
from registry.core import clock
from registry.core.panels import registers_for


@require_POST
def set_language(request: HttpRequest) -> HttpResponse:
    """Change the language of the pages; a user's choice is kept with the user."""
    back = request.POST.get("next", "/")
    if not url_has_allowed_host_and_scheme(back, allowed_hosts={request.get_host()}):
        back = "/"
    response = redirect(back)
    language = request.POST.get("language", "")
    if language in dict(settings.LANGUAGES):
        if request.user.is_authenticated:
            choose_language(user=request.user, language=language)
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            language,
            max_age=365 * 24 * 3600,
            samesite="Lax",
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
        )
    return response


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Show the user their roles in force, and the ways to their password and second step."""
    names = {choice.code: choice.short_name for choice in registers_for(request)}
    roles = list(roles_of(request.user, on=clock.today()))
    for role in roles:
        role.register_name = names.get(role.register_code, role.register_code)
    return render(
        request,
        "account/account.html",
        {"roles": roles, "has_second_step": is_mfa_enabled(request.user)},
    )


@login_required
def tokens(request: HttpRequest) -> HttpResponse:
    """List the user's API tokens and issue one; its secret is shown this once."""
    registers = [(choice.code, choice.short_name) for choice in registers_for(request)]
    form = TokenForm(request.POST or None, registers=registers)
    secret = ""
    if request.method == "POST" and form.is_valid():
        now = clock.now()
        _token, secret = issue_api_token(
            user=request.user,
            name=form.cleaned_data["name"],
            register_codes=form.cleaned_data["register_codes"],
            expires_at=now + timedelta(days=form.cleaned_data["days"]),
        )
        form = TokenForm(registers=registers)
    response = render(
        request,
        "account/tokens.html",
        {
            "form": form,
            "secret": secret,
            "tokens": tokens_of(request.user),
            "now": clock.now(),
            "names": dict(registers),
        },
    )
    response["Cache-Control"] = "no-store"
    return response


@login_required
@require_POST
def revoke_token(request: HttpRequest, token_id: int) -> HttpResponse:
    """Make one of the user's own tokens useless from now on."""
    token = tokens_of(request.user).filter(pk=token_id).first()
    if token is None:
        raise Http404
    revoke_api_token(token=token, now=clock.now())
    messages.success(request, _("The token no longer opens anything."))
    return redirect("api_tokens")
