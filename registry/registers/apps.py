"""The app that knows which registers exist and how each one is described."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistersConfig(AppConfig):
    """Register definitions, their versions, and the table of stale slices."""

    name = "registry.registers"
    label = "registers"
    verbose_name = _("Registers")

    def ready(self) -> None:
        """Tell the pages which registers a viewer may enter."""
        from registry.core.panels import provide_registers
        from registry.registers.pages import register_choices

        provide_registers(register_choices)
