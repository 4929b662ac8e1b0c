"""The registry's addresses; an empty page for those who are logged in, and a view that says ok."""

from django.urls import path

from bench.views import bare, empty
from registry.urls import urlpatterns as of_registry

urlpatterns = [path("bench/empty/", empty), path("bench/ok/", bare), *of_registry]
