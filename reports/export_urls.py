"""Addresses of the yearly export, apart from those of reports so that the menu tells them apart."""

from django.urls import path

from reports import annual_views

app_name = "exports"
urlpatterns = [path("", annual_views.export, name="choose")]
