"""Errors that a person can act on, shared by the three edges (browser, API, file)."""

from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.http import Http404


class RuleBroken(ValidationError):
    """A rule forbids the change; the message says which and what to do. Nothing was changed.

    ``message`` may map a field's name to its message(s); a rule about the whole goes under
    ``__all__``. It is a ValidationError, so that forms, serializers and imports show it beside
    the field.
    """

    def __init__(self, message: str | Mapping[str, object], code: str = "rule") -> None:
        super().__init__(dict(message) if isinstance(message, Mapping) else message, code=code)


class NotAllowed(Http404):
    """The viewer may not see or do this. Answered as 404, so as not to tell what exists."""
