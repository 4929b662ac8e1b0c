"""Application configuration."""

from django.apps import AppConfig


class RegistersConfig(AppConfig):
    name = "registry.registers"
    label = "registers"
