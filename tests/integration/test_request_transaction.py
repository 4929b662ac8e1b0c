"""What a request changed is kept, unless it failed; refusals leave their trace."""

import pytest
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path

from registry.accounts.permissions import NOBODY
from registry.audit.actions import deny, record_access
from registry.audit.models import AccessLog, AccessOutcome

pytestmark = pytest.mark.django_db(transaction=True)


def answer(request: HttpRequest, how: str) -> HttpResponse:
    record_access(NOBODY, how, "page")
    match how:
        case "denied":
            deny(NOBODY, "see", "patient", 7, patient_id=7)
        case "missing":
            raise Http404
        case "refused":
            return HttpResponse(status=403)
        case "broken":
            raise RuntimeError("a fault")
        case "unavailable":
            return HttpResponse(status=503)
    return HttpResponse("ok")


urlpatterns = [path("answer/<str:how>", answer)]


@pytest.mark.parametrize(
    ("how", "status", "kept"),
    [
        ("well", 200, True),
        ("missing", 404, True),
        ("refused", 403, True),
        ("denied", 404, True),
        ("broken", 500, False),
        ("unavailable", 503, False),
    ],
)
@override_settings(ROOT_URLCONF=__name__)
def test_changes_are_kept_unless_the_request_failed(how: str, status: int, kept: bool):
    response = Client(raise_request_exception=False).get(f"/answer/{how}")
    assert response.status_code == status
    assert AccessLog.objects.filter(action=how).exists() is kept


@override_settings(ROOT_URLCONF=__name__)
def test_a_denied_look_leaves_a_trace():
    Client().get("/answer/denied")
    entry = AccessLog.objects.get(outcome=AccessOutcome.DENIED)
    assert (entry.action, entry.object_type, entry.object_id) == ("see", "patient", "7")
