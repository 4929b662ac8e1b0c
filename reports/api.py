"""The REST API of reports: what can be asked, benchmarks, completeness, charts."""

import re
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from proms.forms import RatesForm
from proms.selectors import By, response_rates
from registry.accounts.permissions import Permission
from registry.audit.actions import deny
from registry.core import clock
from registry.core.errors import NotAllowed
from registry.registers.schema import RegisterDefinition
from registry.registers.selectors import definition_for, registers, units_of
from reports import charts, serializers
from reports.forms import BenchmarkForm, ScopeForm
from reports.scales import measures
from reports.selectors import Benchmark, benchmark, completeness_by_unit


class TokenScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI document describes the registry's tokens."""

    target_class = "registry.accounts.authentication.ApiTokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        """Return the scheme: a bearer token."""
        return {"type": "http", "scheme": "bearer"}


CODE = re.compile(r"^[a-z][a-z0-9_]{1,39}$")
REGISTER = OpenApiParameter(
    "register",
    {"type": "string", "pattern": CODE.pattern},
    OpenApiParameter.PATH,
    description="Code of the register.",
)
SCOPE = [
    REGISTER,
    OpenApiParameter(
        "group",
        str,
        many=True,
        description="Diagnosis groups, joined; `cohort:<key>`, `report:<key>`: some at once.",
    ),
    OpenApiParameter("procedure_type", str, description="Only this type of operation."),
    OpenApiParameter("year_from", int, description="First year of operation."),
    OpenApiParameter("year_to", int, description="Last year of operation."),
]
QUESTION = [
    *SCOPE,
    OpenApiParameter("scale", str, description="Scale; by default the most important one."),
    OpenApiParameter(
        "unit", str, description="Code of the unit to compare; by default the own one; `nation`."
    ),
    OpenApiParameter("sex", str, enum=["female", "male"]),
    OpenApiParameter("age_from", int, description="Lowest age, whole years."),
    OpenApiParameter("age_to", int, description="Highest age, whole years."),
    OpenApiParameter("symptom_duration_axial", int, description="Coded answer before surgery."),
    OpenApiParameter("symptom_duration_limb", int, description="Coded answer before surgery."),
    OpenApiParameter("smoking", int, description="Coded answer before surgery."),
    OpenApiParameter("region", str, description="Code of the health region."),
]
PROBLEMS = {
    400: OpenApiResponse(OpenApiTypes.OBJECT, description="What is wrong, beside its field."),
    401: OpenApiResponse(OpenApiTypes.OBJECT, description="Nobody is logged in."),
    404: OpenApiResponse(OpenApiTypes.OBJECT, description="Not there, or not for this viewer."),
}


def readable(request: Request, register_code: str) -> RegisterDefinition:
    """Return the definition of a register whose reports the viewer may see, else answer 404."""
    if not CODE.match(register_code):
        # Not even a code: nothing to write into the access log.
        raise NotAllowed
    if not request.viewer.may(Permission.SEE_REPORTS, register_code):
        deny(request.viewer, "read", "reports", register_code=register_code)
    return definition_for(register_code)


def valid(form: ScopeForm) -> Any:
    """Return the form if it is valid, else answer 400 with the messages beside their fields."""
    unknown = set(form.data) - set(form.fields)
    errors: dict[str, Any] = {
        name: [_("There is no such parameter. Check the name.")] for name in sorted(unknown)
    }
    if not form.is_valid():
        errors |= form.errors
    if errors:
        raise exceptions.ValidationError(errors)
    return form


def asked(request: Request, register_code: str) -> tuple[Benchmark, BenchmarkForm]:
    """Answer the benchmark question that stands in the address."""
    definition = readable(request, register_code)
    on = clock.today()
    form = valid(
        BenchmarkForm(request.query_params, definition=definition, viewer=request.viewer, on=on)
    )
    answer = benchmark(
        request.viewer, form.scope(), scale=form.chosen_scale, unit=form.chosen_unit, on=on
    )
    return answer, form


class RegisterList(APIView):
    """Registers whose reports the viewer may read."""

    @extend_schema(
        operation_id="registers_list",
        responses={200: serializers.RegisterSerializer(many=True), 401: PROBLEMS[401]},
    )
    def get(self, request: Request) -> Response:
        """List the registers."""
        codes = request.viewer.register_codes(Permission.SEE_REPORTS)
        held = [register for register in registers() if register.code in codes]
        return Response(serializers.RegisterSerializer(held, many=True).data)


class RegisterDetail(APIView):
    """What can be asked of a register."""

    @extend_schema(
        operation_id="registers_retrieve",
        parameters=[REGISTER],
        responses={
            200: serializers.RegisterDetailSerializer,
            401: PROBLEMS[401],
            404: PROBLEMS[404],
        },
    )
    def get(self, request: Request, register: str) -> Response:
        """Describe groups, procedure types, scales and time points."""
        definition = readable(request, register)
        known = measures(definition)
        content = {
            "code": definition.code,
            "name": str(definition.about.names),
            "groups": [
                {
                    "key": key,
                    "label": str(group.labels),
                    "cohort": group.cohort,
                    "scales": [scale for scale in definition.scales_for(key) if scale in known],
                    "time_points": [point.key for point in definition.time_points_for(key)],
                }
                for key, group in definition.groups.items()
            ],
            "procedure_types": [
                {"key": key, "label": str(one.labels)}
                for key, one in definition.procedure_types.items()
            ],
            "scales": list(known.values()),
            "time_points": [
                {"key": key, "label": str(one.labels)}
                for key, one in definition.time_points.items()
            ],
            "small_number_threshold": definition.about.small_number_threshold,
        }
        return Response(serializers.RegisterDetailSerializer(content).data)


class UnitList(APIView):
    """Units that report to a register."""

    @extend_schema(
        operation_id="units_list",
        parameters=[REGISTER],
        responses={
            200: serializers.UnitSerializer(many=True),
            401: PROBLEMS[401],
            404: PROBLEMS[404],
        },
    )
    def get(self, request: Request, register: str) -> Response:
        """List the units."""
        readable(request, register)
        return Response(serializers.UnitSerializer(units_of(register), many=True).data)


class BenchmarkView(APIView):
    """The own unit beside the rest and the nation."""

    @extend_schema(
        operation_id="benchmark_retrieve",
        parameters=QUESTION,
        responses={200: serializers.BenchmarkSerializer, **PROBLEMS},
    )
    def get(self, request: Request, register: str) -> Response:
        """Return n, mean, SD, paired change with interval, share improved and completeness."""
        answer, _form = asked(request, register)
        return Response(serializers.BenchmarkSerializer(answer).data)


class CompletenessView(APIView):
    """Completeness by unit and time point."""

    @extend_schema(
        operation_id="completeness_retrieve",
        parameters=SCOPE,
        responses={200: serializers.CompletenessSerializer, **PROBLEMS},
    )
    def get(self, request: Request, register: str) -> Response:
        """Return numerators and denominators as they are today."""
        definition = readable(request, register)
        on = clock.today()
        form = valid(
            ScopeForm(
                request.query_params,
                definition=definition,
                viewer=request.viewer,
                on=on,
                whole=True,
            )
        )
        table = completeness_by_unit(request.viewer, form.scope(), on=on)
        return Response(serializers.CompletenessSerializer(table).data)


class ResponseRatesView(APIView):
    """How far the follow-ups due in a period have come."""

    @extend_schema(
        operation_id="response_rates_retrieve",
        parameters=[
            REGISTER,
            OpenApiParameter("by", str, enum=By.values, description="What the rows are."),
            OpenApiParameter("due_from", date, description="First due date; a year ago."),
            OpenApiParameter("due_to", date, description="Last due date; today."),
            OpenApiParameter("time_point", str, description="Only this time point."),
            OpenApiParameter("unit", str, description="Code of the unit; by default all."),
            OpenApiParameter("channel", str, description="How they were asked; `none`: not yet."),
            OpenApiParameter("language", str, description="Only patients of this language."),
        ],
        responses={200: serializers.ResponseRatesSerializer, **PROBLEMS},
    )
    def get(self, request: Request, register: str) -> Response:
        """Return how many are eligible and came to each step, and those not counted, apart."""
        definition = readable(request, register)
        on = clock.today()
        form = valid(RatesForm(request.query_params, definition=definition, on=on))
        table = response_rates(request.viewer, register, form.asking(), by=form.rows, on=on)
        codes = {str(unit.pk): code for code, unit in form.units.items()}
        return Response(
            serializers.ResponseRatesSerializer(table, context={"codes": codes, "on": on}).data
        )


class BenchmarkChart(APIView):
    """The benchmark as a chart."""

    @extend_schema(
        operation_id="benchmark_chart_retrieve",
        parameters=QUESTION,
        responses={200: serializers.ChartSerializer, **PROBLEMS},
    )
    def get(self, request: Request, register: str) -> Response:
        """Return a Vega-Lite specification with its data, a title and a description."""
        answer, form = asked(request, register)
        chart = charts.benchmark_chart(answer, form.definition, group_label=form.group_label)
        return Response(serializers.ChartSerializer(chart).data)
