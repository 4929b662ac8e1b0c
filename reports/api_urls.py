"""Addresses of the REST API of reports."""

from django.urls import path

from reports import api

app_name = "api"
urlpatterns = [
    path("registers/", api.RegisterList.as_view(), name="registers"),
    path("registers/<slug:register>/", api.RegisterDetail.as_view(), name="register"),
    path("registers/<slug:register>/units/", api.UnitList.as_view(), name="units"),
    path("registers/<slug:register>/benchmark/", api.BenchmarkView.as_view(), name="benchmark"),
    path(
        "registers/<slug:register>/completeness/",
        api.CompletenessView.as_view(),
        name="completeness",
    ),
    path(
        "registers/<slug:register>/benchmark/chart/",
        api.BenchmarkChart.as_view(),
        name="benchmark-chart",
    ),
]
