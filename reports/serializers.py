"""What the API answers, field by field; the OpenAPI document is made of these."""

from datetime import date

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from proms.selectors import RateRow, RateTable
from proms.steps import EXCLUDED, Step


class RegisterSerializer(serializers.Serializer):
    """A register the viewer may read reports of."""

    code = serializers.CharField()
    name = serializers.CharField()
    country = serializers.CharField()
    definition_version = serializers.CharField(source="current.version")


class NamedSerializer(serializers.Serializer):
    """A key of the definition and its name in the reader's language."""

    key = serializers.CharField()
    label = serializers.CharField()


class GroupSerializer(NamedSerializer):
    """A diagnosis group with the scales compared for it, the most important first."""

    cohort = serializers.CharField(allow_null=True)
    scales = serializers.ListField(child=serializers.CharField())
    time_points = serializers.ListField(child=serializers.CharField())


class ScaleSerializer(serializers.Serializer):
    """A scale: range, direction and the clinically relevant change."""

    code = serializers.CharField()
    label = serializers.CharField()
    lowest = serializers.FloatField()
    highest = serializers.FloatField()
    higher_is_better = serializers.BooleanField()
    decimals = serializers.IntegerField()


class RegisterDetailSerializer(serializers.Serializer):
    """What can be asked of a register."""

    code = serializers.CharField()
    name = serializers.CharField()
    groups = GroupSerializer(many=True)
    procedure_types = NamedSerializer(many=True)
    scales = ScaleSerializer(many=True)
    time_points = NamedSerializer(many=True)
    small_number_threshold = serializers.IntegerField()


class UnitSerializer(serializers.Serializer):
    """A unit that reports to the register."""

    code = serializers.CharField()
    name = serializers.CharField()
    short_name = serializers.CharField()
    sector = serializers.CharField()
    region = serializers.CharField(source="site_region.name", default=None, allow_null=True)


class IntervalSerializer(serializers.Serializer):
    """A 95 % confidence interval."""

    low = serializers.FloatField()
    high = serializers.FloatField()


class FiguresSerializer(serializers.Serializer):
    """Figures of one set of operations; null where there is nothing or it is withheld."""

    n = serializers.IntegerField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    sd = serializers.FloatField(allow_null=True)
    paired_n = serializers.IntegerField(
        allow_null=True, help_text=_("Operations with a score before surgery as well.")
    )
    change = serializers.FloatField(
        allow_null=True, help_text=_("Mean of score − score before surgery, paired.")
    )
    change_interval = IntervalSerializer(allow_null=True)
    improved_n = serializers.IntegerField(allow_null=True)
    improved = serializers.FloatField(
        allow_null=True, help_text=_("Share that improved by the clinically relevant change.")
    )
    improved_interval = IntervalSerializer(allow_null=True)
    withheld = serializers.BooleanField(
        help_text=_("Fewer patients than the register's threshold, or a figure that tells of them.")
    )
    change_withheld = serializers.BooleanField()


class CountSerializer(serializers.Serializer):
    """Completeness: numerator and denominator on the day of reading."""

    answered = serializers.IntegerField()
    expected = serializers.IntegerField()
    share = serializers.FloatField(allow_null=True)


class PointSerializer(serializers.Serializer):
    """One time point."""

    point = serializers.CharField()
    own = FiguresSerializer(allow_null=True)
    rest = FiguresSerializer(allow_null=True)
    nation = FiguresSerializer()
    difference = serializers.FloatField(
        allow_null=True, help_text=_("Own mean change − mean change of the rest.")
    )
    difference_interval = IntervalSerializer(allow_null=True)
    own_completeness = CountSerializer(allow_null=True)
    rest_completeness = CountSerializer(allow_null=True)
    nation_completeness = CountSerializer(allow_null=True)


class BenchmarkSerializer(serializers.Serializer):
    """The own unit beside the rest and the nation."""

    register = serializers.CharField(source="scope.register_code")
    groups = serializers.ListField(child=serializers.CharField(), source="scope.groups")
    procedure_types = serializers.ListField(
        child=serializers.CharField(), source="scope.procedure_types"
    )
    scale = serializers.CharField(source="measure.code")
    unit = serializers.CharField(source="unit.code", default=None, allow_null=True)
    on = serializers.DateField()
    threshold = serializers.IntegerField()
    relevant_change = serializers.FloatField(allow_null=True)
    points = PointSerializer(many=True)


class CompletenessRowSerializer(serializers.Serializer):
    """Completeness of a unit (null: all units) by time point; null where it is withheld."""

    unit = serializers.CharField(source="unit.code", default=None, allow_null=True)
    counts = serializers.DictField(child=CountSerializer(allow_null=True))


class CompletenessSerializer(serializers.Serializer):
    """Completeness by unit."""

    points = serializers.ListField(child=serializers.CharField())
    rows = CompletenessRowSerializer(many=True)
    total = CompletenessRowSerializer()
    targets = serializers.DictField(child=serializers.FloatField())


class RateRowSerializer(serializers.Serializer):
    """One row of response rates; null where it is withheld.

    A step counts those who came so far or further. ``not_counted``: outside the denominator.
    """

    key = serializers.SerializerMethodField()
    steps = serializers.SerializerMethodField()
    not_counted = serializers.SerializerMethodField()
    all = serializers.IntegerField(allow_null=True)

    def get_key(self, row: RateRow) -> str:
        """The unit's code, the time point, the channel or the language; `total` for all."""
        return self.context["codes"].get(row.key, row.key)

    def get_steps(self, row: RateRow) -> dict[str, int] | None:
        """Eligible, reachable, invited, opened, started, completed."""
        if row.rate is None:
            return None
        return {step.value: row.rate.step(step) for step in Step}

    def get_not_counted(self, row: RateRow) -> dict[str, int | None]:
        """Not yet due, censored and never asked."""
        return {part.value: row.outside(part) for part in EXCLUDED}


class ResponseRatesSerializer(serializers.Serializer):
    """Response rates by unit, time point, channel or language."""

    by = serializers.CharField()
    on = serializers.SerializerMethodField()
    rows = RateRowSerializer(many=True)
    total = RateRowSerializer()

    def get_on(self, _table: RateTable) -> date:
        """The day on which it was so."""
        return self.context["on"]


class ChartSerializer(serializers.Serializer):
    """A chart: a Vega-Lite specification with its data, and the same in words."""

    title = serializers.CharField()
    description = serializers.CharField()
    specification = serializers.DictField()
