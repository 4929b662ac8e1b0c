"""What this app announces to those above."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DefinitionChanged:
    """Another version of a register's definition has become the current one.

    `previous` is the version that held before, None when the register is new.
    """

    register_code: str
    version: str
    previous: str | None
