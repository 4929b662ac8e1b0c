"""Application configuration."""

from django.apps import AppConfig


class PromsConfig(AppConfig):
    name = "proms"

    def ready(self) -> None:
        """Wire what this app hears, writes to patients and shows."""
        from proms import mail, panels
        from proms.actions import PURPOSE
        from proms.paper import job
        from proms.subscriptions import subscribe_all
        from registry.jobs.runners import register_runner
        from registry.messaging.composing import register_purpose

        panels.register_all()
        subscribe_all()
        register_purpose(PURPOSE, mail.PURPOSE)
        register_runner(job.KIND, job.LETTERS)
