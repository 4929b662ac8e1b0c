"""Application configuration."""

from django.apps import AppConfig


class PatientsConfig(AppConfig):
    name = "patients"

    def ready(self) -> None:
        """Offer the import of patients."""
        from patients.resources import PATIENTS
        from registry.jobs.imports import register_import

        register_import("patients", PATIENTS)
