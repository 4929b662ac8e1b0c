"""Addresses of proms."""

from django.urls import URLPattern

app_name = "proms"
urlpatterns: list[URLPattern] = []
