"""The demo's mailbox page. Open to whoever can reach the demo, as a patient has no login."""

import re
from datetime import date
from pathlib import Path

from django.conf import settings
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from demo import mailbox as mails
from proms.actions import invitation_of

PAGE_SIZE = 50
LINK = re.compile(r"/q/([\w-]{40,})/(?!stop/)")


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
    context = {"mail": found, "birth_date": _birth_date(found.body)}
    return render(request, "demo/mailbox_message.html", context)


def _birth_date(body: str) -> date | None:
    """Return the birth date of who was written to: a visitor is to answer as that patient."""
    link = LINK.search(body)
    invitation = invitation_of(link[1]) if link else None
    return invitation.membership.patient.birth_date if invitation else None
