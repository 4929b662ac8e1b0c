"""What pages are compared with."""

from django.contrib.auth.decorators import login_required
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


@login_required
def empty(request: HttpRequest) -> HttpResponse:
    """A page of the registry with nothing on it: login, middleware, frame and menu."""
    return render(request, "base.html")


def bare(_request: HttpRequest) -> HttpResponse:
    """The least a view can do. Served without any middleware; see bench.wsgi."""
    return _ok()


def insert(_request: HttpRequest) -> HttpResponse:
    """One INSERT and its COMMIT. Served without any middleware; see bench.wsgi."""
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_note (text) VALUES (%s)", ["a row"])
    return _ok()


def _ok() -> HttpResponse:
    # Middleware would add the length; without it gunicorn answers in chunks.
    return HttpResponse("ok", headers={"Content-Length": "2"})
