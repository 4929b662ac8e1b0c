"""A local SMTP server that keeps what it is sent in the demo's mailbox."""

from __future__ import annotations

from pathlib import Path

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from demo import mailbox
from registry.embedded.processes import free_port


class _Keep:
    """Takes every message for every recipient."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Store the message; accepted only when it is on the disk."""
        content = envelope.content or b""
        mailbox.store(self.folder, content if isinstance(content, bytes) else content.encode())
        return "250 Kept"


def start(folder: Path) -> Controller:
    """Start the server in a thread of its own, on a free port of 127.0.0.1."""
    controller = Controller(_Keep(folder), hostname="127.0.0.1", port=free_port())
    controller.start()
    return controller
