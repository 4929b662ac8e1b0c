"""Application configuration."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"

    def ready(self) -> None:
        """Wire what this app hears and shows."""
        from registry.core.panels import register_menu_entry, register_panel
        from reports import panels
        from reports.subscriptions import subscribe_all

        subscribe_all()
        register_menu_entry(panels.MENU)
        register_panel("home", panels.home, position=60)
