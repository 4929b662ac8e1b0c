"""What every staff template knows."""

from django.http import HttpRequest

from registry.accounts.permissions import NOBODY


def viewer(request: HttpRequest) -> dict[str, object]:
    """Return the viewer for templates."""
    return {"viewer": getattr(request, "viewer", NOBODY)}
