"""Application configuration."""

from django.apps import AppConfig


class ProceduresConfig(AppConfig):
    name = "procedures"

    def ready(self) -> None:
        """Wire what this app hears, shows and takes from files."""
        from procedures import panels
        from procedures.resources import OPERATIONS
        from procedures.subscriptions import subscribe_all
        from registry.core.panels import register_menu_entry, register_panel
        from registry.jobs.imports import register_import

        subscribe_all()
        register_menu_entry(panels.MENU)
        register_panel("home", panels.home, position=20)
        register_panel("patient", panels.patient, position=30)
        register_import("operations", OPERATIONS)
