"""Application configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReferralsConfig(AppConfig):
    name = "referrals"

    def ready(self) -> None:
        """Offer the imports, the menu entry and the panels of referrals and consultations."""
        from referrals.panels import may_use, of_patient, to_decide
        from referrals.resources import CONSULTATIONS, REFERRALS
        from registry.core.panels import MenuEntry, register_menu_entry, register_panel
        from registry.jobs.imports import register_import

        register_import("referrals", REFERRALS)
        register_import("consultations", CONSULTATIONS)
        register_menu_entry(MenuEntry(_("Referrals"), "referrals:list", 20, may_use))
        register_panel("home", to_decide, position=20)
        register_panel("patient", of_patient, position=20)
