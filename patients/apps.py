"""Application configuration."""

from django.apps import AppConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class PatientsConfig(AppConfig):
    name = "patients"

    def ready(self) -> None:
        """Offer the import of patients, and put them into the menu of those who may see them."""
        from patients.resources import PATIENTS
        from registry.core.panels import MenuEntry, register_menu_entry
        from registry.jobs.imports import register_import

        register_import("patients", PATIENTS)
        register_menu_entry(MenuEntry(_("Patients"), "patients:list", 10, _may_see))


def _may_see(request: HttpRequest, register_code: str) -> bool:
    from registry.accounts.permissions import Permission

    return request.viewer.may(Permission.SEE_PATIENTS, register_code)
