"""The demo's mailbox page. Open to whoever can reach the demo, as a patient has no login."""

from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from demo import mailbox as mails

PAGE_SIZE = 50


def _folder() -> Path:
    return Path(settings.DATA_DIR) / "mailbox"


def mailbox(request: HttpRequest) -> HttpResponse:
    """List every message that the registry has sent, newest first."""
    page = Paginator(mails.names(_folder()), PAGE_SIZE).get_page(request.GET.get("page"))
    shown = [mails.read(_folder(), name) for name in page]
    return render(request, "demo/mailbox.html", {"page": page, "mails": shown})


def mail(request: HttpRequest, name: str) -> HttpResponse:
    """Show one message as text; its links can be clicked."""
    try:
        found = mails.read(_folder(), name)
    except mails.NoSuchMail as error:
        raise Http404(_("There is no such message.")) from error
    return render(request, "demo/mailbox_message.html", {"mail": found})
