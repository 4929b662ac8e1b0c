"""Application configuration."""

from django.apps import AppConfig


class MessagingConfig(AppConfig):
    name = "registry.messaging"
    label = "messaging"
