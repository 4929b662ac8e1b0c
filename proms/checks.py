"""What must be right before the program starts."""

from typing import Any

from django.core.checks import CheckMessage, Error

from proms.instruments import InstrumentError
from proms.plans import packs


def check_wording_packs(app_configs: Any, **_options: Any) -> list[CheckMessage]:
    """Refuse faulty packs of licensed wording, with file, key and reason."""
    try:
        packs()
    except InstrumentError as error:
        return [
            Error(fault, hint="WORDING_PACKS_DIR; see docs/wording-packs.md", id="proms.E001")
            for fault in str(error).splitlines()
        ]
    return []
