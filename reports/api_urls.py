"""Addresses of the REST API of reports."""

from django.urls import URLPattern

app_name = "api"
urlpatterns: list[URLPattern] = []
