"""Pages that belong to no app: home, health, the gallery of components."""

from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from registry.core.panels import panels_for, registers_for


@login_required
def home(request: HttpRequest, register: str = "") -> HttpResponse:
    """Show what waits for the viewer in a register (else the first); each app brings its panel."""
    choices = {choice.code: choice for choice in registers_for(request)}
    if register and register not in choices:
        raise Http404
    chosen = choices.get(register) or next(iter(choices.values()), None)
    panels = panels_for("home", request, register=chosen.code) if chosen else []
    return render(request, "home.html", {"panels": panels, "chosen": chosen})


@login_required
def choose_register(request: HttpRequest) -> HttpResponse:
    """Go to the home page of the register chosen in the head of the page."""
    code = request.GET.get("register", "")
    if code not in {choice.code for choice in registers_for(request)}:
        raise Http404
    return redirect("home_of", register=code)


def health(request: HttpRequest) -> HttpResponse:
    """Say ``ok`` when the database answers; for load balancers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


@login_required
def gallery(request: HttpRequest) -> HttpResponse:
    """Show every component of the interface, in development and the demo only."""
    return render(request, "gallery.html")
