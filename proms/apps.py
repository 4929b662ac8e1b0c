"""Application configuration."""

from django.apps import AppConfig


class PromsConfig(AppConfig):
    name = "proms"
