"""The REST API: gathers the apps' endpoints and says what went wrong in one shape."""

from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error
from rest_framework.views import exception_handler

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api-schema"), name="api-docs"),
    path("", include("reports.api_urls")),
]


def explain_error(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer broken rules of the actions as 400 beside their fields, like invalid input."""
    if isinstance(error, ModelValidationError):
        error = exceptions.ValidationError(as_serializer_error(error))
    return exception_handler(error, context)
