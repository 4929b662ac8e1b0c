"""The annual report: tables computed from the definition, the same objects for every format."""

from reports.annual.report import (
    AnnualReport,
    NoReport,
    annual_report,
    report_years,
    to_json,
    trusted_viewer,
)
from reports.annual.tables import Table

__all__ = [
    "AnnualReport",
    "NoReport",
    "Table",
    "annual_report",
    "report_years",
    "to_json",
    "trusted_viewer",
]
