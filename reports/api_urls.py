"""Addresses of the REST API of reports."""

from django.urls import path

from reports import api

app_name = "api"
urlpatterns = [
    path("registers/", api.RegisterList.as_view(), name="registers"),
    path("registers/<str:register>/", api.RegisterDetail.as_view(), name="register"),
    path("registers/<str:register>/units/", api.UnitList.as_view(), name="units"),
    path("registers/<str:register>/benchmark/", api.BenchmarkView.as_view(), name="benchmark"),
    path(
        "registers/<str:register>/completeness/",
        api.CompletenessView.as_view(),
        name="completeness",
    ),
    path(
        "registers/<str:register>/response-rates/",
        api.ResponseRatesView.as_view(),
        name="response-rates",
    ),
    path(
        "registers/<str:register>/benchmark/chart/",
        api.BenchmarkChart.as_view(),
        name="benchmark-chart",
    ),
]
