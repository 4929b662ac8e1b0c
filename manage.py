#!/usr/bin/env python
"""The registry's command line. `manage.py help` lists the commands."""

import os
import sys

# These change tables, or load data past the application role's rights: they log in as the owner.
OWNER_COMMANDS = frozenset(
    {
        "flush",
        "load_demo",
        "makemigrations",
        "migrate",
        "optimizemigration",
        "pgtrigger",
        "sqlflush",
        "sqlmigrate",
        "squashmigrations",
        "test",
    }
)
# These read and write files only; no server is started for them.
COMMANDS_WITHOUT_SERVERS = frozenset(
    {"build_assets", "collectstatic", "compile_translations", "extract_translations"}
)


def main() -> int:
    """Run one command; return the exit code."""
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command == "stop_services":
        # Settings would start the servers, only to stop them.
        from registry.embedded.__main__ import main as embedded

        return embedded(["stop"])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")
    if command in OWNER_COMMANDS:
        os.environ.setdefault("REGISTRY_DATABASE_ROLE", "owner")
    if command in COMMANDS_WITHOUT_SERVERS:
        os.environ.setdefault("DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
        os.environ.setdefault("REDIS_URL", "redis://127.0.0.1:9/0")

    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from registry.embedded import EmbeddedServicesError

    try:
        # Without this import a task would go to Celery's default broker.
        import registry.celery  # noqa: F401

        execute_from_command_line(sys.argv)
    except (ImproperlyConfigured, EmbeddedServicesError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
