"""The app that knows which registers exist and how each one is described."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistersConfig(AppConfig):
    """Register definitions, their versions, and the table of stale slices."""

    name = "registry.registers"
    label = "registers"
    verbose_name = _("Registers")
