"""Compile every changed .po file."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from registry.core.translations import TranslationError, compile_catalog, homes


class Command(BaseCommand):
    """`manage.py compile_translations`."""

    help = "Compile the translations that have changed (.po to .mo)."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Compile; name the file when one is not valid."""
        done = 0
        for home in homes(settings.BASE_DIR):
            for path in sorted(home.rglob("locale/*/LC_MESSAGES/django.po")):
                try:
                    done += compile_catalog(path)
                except TranslationError as error:
                    raise CommandError(str(error)) from error
        if done and options["verbosity"] > 0:
            self.stdout.write(f"Compiled {done} translation file{'s' if done != 1 else ''}.")
