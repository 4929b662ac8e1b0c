"""Addresses of the demo."""

from django.urls import path

from demo import views

app_name = "demo"
urlpatterns = [
    path("mailbox", views.mailbox, name="mailbox"),
    path("mailbox/<str:name>", views.mail, name="mail"),
]
