"""Keeps patients' links out of every log."""

import logging
import re

# A patient's link is /q/<token>/…; whoever reads a log must not be able to open it.
LINK_PATTERN = re.compile(r"/q/[A-Za-z0-9_=\-]{16,}")


def scrub(text: str) -> str:
    """Return ``text`` with every patient link shortened to ``/q/…``."""
    return LINK_PATTERN.sub("/q/…", text)


class ScrubLinks(logging.Filter):
    """Logging filter that shortens patient links in message and arguments."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; never drops it."""
        record.msg = scrub(record.getMessage())
        record.args = ()
        if hasattr(record, "request"):
            del record.request
        return True
