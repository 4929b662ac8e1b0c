"""The web server's way in."""

import os

from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "registry.settings")

# Without this import a task would go to Celery's default broker.
import registry.celery  # noqa: F401

application = get_wsgi_application()
# Loaded now and not by the first visitor: a fault in an address stops the start.
get_resolver().url_patterns  # noqa: B018
# gunicorn checks nothing of itself. What manage.py and the worker refuse to start with, such as a
# faulty pack of licensed wording, stops the web server too, and not the patient who is sent it.
call_command("check", verbosity=0)
