"""Addresses of a register's administration."""

from django.urls import path

from registry.registers import views

app_name = "administration"
urlpatterns = [
    path("<slug:register>/people/", views.people, name="people"),
    path("<slug:register>/people/<int:assignment_id>/end/", views.end, name="end_role"),
]
