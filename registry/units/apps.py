"""Application configuration."""

from django.apps import AppConfig


class UnitsConfig(AppConfig):
    name = "registry.units"
    label = "units"
