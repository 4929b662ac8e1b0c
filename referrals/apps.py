"""Application configuration."""

from django.apps import AppConfig


class ReferralsConfig(AppConfig):
    name = "referrals"

    def ready(self) -> None:
        """Offer the imports of referrals and consultations."""
        from referrals.resources import CONSULTATIONS, REFERRALS
        from registry.jobs.imports import register_import

        register_import("referrals", REFERRALS)
        register_import("consultations", CONSULTATIONS)
