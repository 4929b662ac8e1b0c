"""Bring new texts of the code into the .po files."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from registry.core.translations import (
    SOURCE_LANGUAGE,
    TranslationError,
    catalog_path,
    homes,
    update_catalog,
)


class Command(BaseCommand):
    """`manage.py extract_translations`."""

    help = "Update every app's translation files with the texts found in Python and templates."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: Any) -> None:
        """An app may be named to leave the others alone."""
        parser.add_argument("apps", nargs="*", help="packages to update (default: all)")

    def handle(self, *args: Any, **options: Any) -> None:
        """Update; say how many texts wait for a translation, and where."""
        known = {home.name: home for home in homes(settings.BASE_DIR)}
        for name in options["apps"]:
            if name not in known:
                raise CommandError(f"No package {name}; choose of {', '.join(known)}.")
        for name in options["apps"] or known:
            for language, _ in settings.LANGUAGES:
                if language == SOURCE_LANGUAGE:
                    continue
                try:
                    missing = update_catalog(known[name], language)
                except TranslationError as error:
                    raise CommandError(str(error)) from error
                if missing:
                    path = catalog_path(known[name], language).relative_to(settings.BASE_DIR)
                    self.stdout.write(f"{path}: {missing} without a translation")
