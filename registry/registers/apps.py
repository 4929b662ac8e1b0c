"""The app that knows which registers exist and how each one is described."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistersConfig(AppConfig):
    """Register definitions, their versions, and the table of stale slices."""

    name = "registry.registers"
    label = "registers"
    verbose_name = _("Registers")

    def ready(self) -> None:
        """Tell the pages which registers a viewer may enter, and who administers one."""
        from registry.core.panels import MenuEntry, provide_registers, register_menu_entry
        from registry.registers.pages import may_administer, register_choices

        provide_registers(register_choices)
        register_menu_entry(
            MenuEntry(_("Administration"), "administration:people", 90, may_administer)
        )
