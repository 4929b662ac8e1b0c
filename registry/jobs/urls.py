"""Addresses of jobs and imports."""

from django.urls import path

from registry.jobs import views

app_name = "jobs"
urlpatterns = [
    path("<slug:register>/", views.job_list, name="list"),
    path("<slug:register>/import/", views.upload, name="import"),
    path("<slug:register>/import/<uuid:job>/", views.preview, name="preview"),
    path("<slug:register>/import/<uuid:job>/confirm/", views.confirm, name="confirm"),
    path("<slug:register>/import/<uuid:job>/withdraw/", views.withdraw, name="withdraw"),
    path("<slug:register>/<uuid:job>/", views.detail, name="detail"),
    path("<slug:register>/<uuid:job>/status/", views.status, name="status"),
    path("<slug:register>/<uuid:job>/file/", views.result_file, name="file"),
]
