"""Application configuration."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    name = "reports"

    def ready(self) -> None:
        """Wire what this app hears and shows."""
        from registry.core.panels import register_menu_entry, register_panel
        from registry.jobs.runners import register_runner
        from registry.registers.loader import register_check
        from reports import panels
        from reports.checks import check_breakdowns
        from reports.exports import job as export_job
        from reports.subscriptions import subscribe_all

        register_check("reports", check_breakdowns)
        subscribe_all()
        register_menu_entry(panels.MENU)
        register_panel("home", panels.home, position=60)
        register_menu_entry(export_job.MENU)
        register_runner(export_job.KIND, export_job.EXPORT)
