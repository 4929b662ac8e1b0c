"""Application configuration."""

from django.apps import AppConfig


class ProceduresConfig(AppConfig):
    name = "procedures"

    def ready(self) -> None:
        """Wire what this app hears, shows and takes from files."""
        from procedures.resources import OPERATIONS
        from procedures.subscriptions import subscribe_all
        from registry.jobs.imports import register_import

        subscribe_all()
        register_import("operations", OPERATIONS)
