"""Application configuration."""

from django.apps import AppConfig
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    name = "registry.jobs"
    label = "jobs"

    def ready(self) -> None:
        """Do imports, and put them into the menu of those who may."""
        from registry.core.panels import MenuEntry, register_menu_entry
        from registry.jobs.importing import IMPORT, KIND
        from registry.jobs.runners import register_runner

        register_runner(KIND, IMPORT)
        register_menu_entry(MenuEntry(_("Import"), "jobs:import", 75, _may_import))


def _may_import(request: HttpRequest, register_code: str) -> bool:
    from registry.accounts.permissions import Permission

    return request.viewer.may(Permission.IMPORT, register_code)
