"""Yearly files for coordinators and researchers: pseudonymous rows with a codebook."""

from reports.exports.files import (
    FORMATS,
    Format,
    NoExport,
    Written,
    export_year,
    export_years,
    zipped,
)

__all__ = ["FORMATS", "Format", "NoExport", "Written", "export_year", "export_years", "zipped"]
