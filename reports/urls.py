"""Addresses of reports."""

from django.urls import path

from reports import views

app_name = "reports"
urlpatterns = [
    path("<slug:register>/", views.dashboard, name="dashboard"),
    path("<slug:register>/completeness/", views.completeness, name="completeness"),
]
