"""The registry's addresses; an empty page for staff, and the bare views behind middleware."""

from django.urls import path

from bench.views import bare, empty, insert
from registry.urls import urlpatterns as of_registry

urlpatterns = [
    path("bench/empty/", empty),
    path("bench/ok/", bare),
    path("bench/insert/", insert),
    *of_registry,
]
