"""Addresses of patients."""

from django.urls import path, register_converter

from patients import views


class _OneOf:
    """A word of the address that is one of a few."""

    regex = ""

    def to_python(self, value: str) -> str:
        """Take it as it is."""
        return value

    def to_url(self, value: str) -> str:
        """Write it as it is."""
        return value


class _ChangeConverter(_OneOf):
    regex = "|".join(views.CHANGES)


class _RevocableConverter(_OneOf):
    regex = "|".join(views.REVOCABLE)


register_converter(_ChangeConverter, "patient_change")
register_converter(_RevocableConverter, "patient_revocable")

app_name = "patients"
urlpatterns = [
    path("<slug:register>/", views.patient_list, name="list"),
    path("<slug:register>/new/", views.register_patient, name="register"),
    path("<slug:register>/new/suggest/", views.suggest, name="suggest"),
    path("<slug:register>/<int:membership>/", views.detail, name="detail"),
    path("<slug:register>/<int:membership>/join/", views.join, name="join"),
    path("<slug:register>/<int:membership>/<patient_change:what>/", views.change, name="change"),
    path(
        "<slug:register>/<int:membership>/<patient_revocable:what>/revoke/",
        views.revoke,
        name="revoke",
    ),
]
