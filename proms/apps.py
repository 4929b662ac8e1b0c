"""Application configuration."""

from django.apps import AppConfig
from django.core import checks


class PromsConfig(AppConfig):
    name = "proms"

    def ready(self) -> None:
        """Wire what this app hears, writes to patients and shows."""
        from proms import mail, notice, panels
        from proms.actions import NOTICE_PURPOSE, PURPOSE
        from proms.checks import (
            check_computed_scores,
            check_questionnaires,
            check_wording_packs,
        )
        from proms.paper import job
        from proms.subscriptions import subscribe_all
        from registry.jobs.runners import register_runner
        from registry.messaging.composing import register_purpose
        from registry.registers.loader import register_check

        checks.register(check_wording_packs)
        register_check("proms", check_questionnaires)
        register_check("procedures", check_computed_scores)
        panels.register_all()
        subscribe_all()
        register_purpose(PURPOSE, mail.PURPOSE)
        register_purpose(NOTICE_PURPOSE, notice.PURPOSE)
        register_runner(job.KIND, job.LETTERS)
