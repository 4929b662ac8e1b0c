"""Application configuration."""

from django.apps import AppConfig


class PromsConfig(AppConfig):
    name = "proms"

    def ready(self) -> None:
        """Wire what this app hears and shows."""
        from proms.subscriptions import subscribe_all

        subscribe_all()
