"""Pages that belong to no app: home, health, the gallery of components."""

from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from registry.core.panels import panels_for


@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Show what waits for the viewer; each app brings its panel."""
    return render(request, "home.html", {"panels": panels_for("home", request)})


def health(request: HttpRequest) -> HttpResponse:
    """Say ``ok`` when the database answers; for load balancers."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok", content_type="text/plain")


@login_required
def gallery(request: HttpRequest) -> HttpResponse:
    """Show every component of the interface, in development and the demo only."""
    return render(request, "gallery.html")
