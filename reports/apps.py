"""Application configuration."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"

    def ready(self) -> None:
        """Wire what this app hears and shows."""
        from reports.subscriptions import subscribe_all

        subscribe_all()
