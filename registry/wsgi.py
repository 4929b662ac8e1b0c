"""The web server's way in."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

# Without this import a task would go to Celery's default broker.
import registry.celery  # noqa: F401

application = get_wsgi_application()
