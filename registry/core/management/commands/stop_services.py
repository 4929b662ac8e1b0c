"""Stop the embedded PostgreSQL and Valkey."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from registry.embedded import stop


class Command(BaseCommand):
    """`manage.py stop_services`; manage.py itself runs it before settings start the servers."""

    help = "Stop the embedded PostgreSQL and Valkey of DATA_DIR."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Stop what runs."""
        stop(settings.DATA_DIR)
