"""The registry's addresses, and an empty page for those who are logged in."""

from django.urls import path

from bench.views import empty
from registry.urls import urlpatterns as of_registry

urlpatterns = [path("bench/empty/", empty), *of_registry]
