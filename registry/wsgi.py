"""The web server's way in."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

# Without this import a task would go to Celery's default broker.
import registry.celery  # noqa: F401

application = get_wsgi_application()
# Loaded now and not by the first visitor: a fault in an address stops the start.
get_resolver().url_patterns  # noqa: B018
