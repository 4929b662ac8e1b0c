"""Django's migrate, after which the application role gets its rights."""

from typing import Any

from django.core.management.commands.migrate import Command as MigrateCommand
from django.db import connections

from registry.audit.grants import grant_application_role


class Command(MigrateCommand):
    """Migrate as the owner, then grant the application role what it needs on every table."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate and grant: a new table without rights would stop the application."""
        super().handle(*args, **options)
        if not (options["plan"] or options["check_unapplied"]):
            grant_application_role(connections[options["database"]])
