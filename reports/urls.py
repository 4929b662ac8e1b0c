"""Addresses of reports."""

from django.urls import include, path

from reports import annual_views, views

app_name = "reports"
urlpatterns = [
    path("<slug:register>/", views.dashboard, name="dashboard"),
    path("<slug:register>/completeness/", views.completeness, name="completeness"),
    path("<slug:register>/annual/", annual_views.latest_annual, name="latest_annual"),
    path("<slug:register>/annual/<int:year>/", annual_views.annual, name="annual"),
    path("<slug:register>/annual/<int:year>/json/", annual_views.annual_json, name="annual_json"),
    path(
        "<slug:register>/annual/<int:year>/<slug:table>/csv/",
        annual_views.annual_csv,
        name="annual_csv",
    ),
    path("<slug:register>/export/", include("reports.export_urls")),
]
