"""What OpenAPI is told of consumption, curves, events, corrections and what is behind a figure."""

from __future__ import annotations

from rest_framework import serializers

from wattkeep.api.serializers import LatestReadingSerializer
from wattkeep.domain.calendar import By
from wattkeep.monitoring.models import MeterEvent


class EnergySerializer(serializers.Serializer):  # type: ignore[type-arg]
    """An amount of energy, and by what it is known."""

    consumption = serializers.FloatField(help_text="kWh: the three together")
    measured = serializers.FloatField(help_text="kWh")
    estimated = serializers.FloatField(help_text="kWh: spread over a gap, or worked out from power")
    corrected = serializers.FloatField(help_text="kWh: a person's word")


class EnergyRowSerializer(EnergySerializer):
    """What was used from `start` to `end`."""

    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class PeriodSerializer(EnergyRowSerializer):
    """What was used in a period, and what happened in it that changes how to read it."""

    events = serializers.ListField(child=serializers.ChoiceField(MeterEvent.Kind.choices))


class PeriodsSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Periods of a span."""

    by = serializers.ChoiceField([one.value for one in By])
    time_zone = serializers.CharField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    total = EnergySerializer()
    rows = PeriodSerializer(many=True)


class ConsumptionSerializer(PeriodsSerializer):
    """What a device used."""

    device = serializers.IntegerField()


class BranchSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A device's part of its site. The three of its sub-meters are null where it has none."""

    device = serializers.IntegerField()
    name = serializers.CharField()
    parent = serializers.IntegerField(allow_null=True)  # type: ignore[assignment]  # DRF takes it off the class
    total = EnergySerializer()
    behind = serializers.FloatField(allow_null=True, help_text="kWh of its sub-meters")
    untracked = serializers.FloatField(allow_null=True, help_text="kWh that no sub-meter tells of")
    excess = serializers.FloatField(allow_null=True, help_text="kWh that they claim too much")
    rows = EnergyRowSerializer(many=True)


class SiteConsumptionSerializer(PeriodsSerializer):
    """What a site used, sub-meters not counted twice, and each device's part."""

    site = serializers.IntegerField()
    devices = BranchSerializer(many=True)


class PointSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A point of a curve; without values where a gap begins."""

    timestamp = serializers.DateTimeField()
    min = serializers.FloatField(allow_null=True)
    mean = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)


class CurveSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """The points of one device."""

    device = serializers.IntegerField()
    source = serializers.ChoiceField(["readings", "slots"])  # type: ignore[assignment]  # DRF takes it off the class
    step_s = serializers.FloatField(allow_null=True, help_text="null: every point is a reading")
    points = PointSerializer(many=True)


class CurvesHeadSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What curves are of."""

    metric = serializers.CharField(help_text="What was asked for.")
    unit = serializers.CharField(allow_blank=True)
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()


class SeriesSerializer(CurveSerializer, CurvesHeadSerializer):
    """A device's curve."""


class SiteSeriesSerializer(CurvesHeadSerializer):
    """The curves of a site's devices; `points` is their power together."""

    site = serializers.IntegerField()
    points = PointSerializer(many=True)
    devices = CurveSerializer(many=True)


class EventSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """Something that happened to a meter or board."""

    kind = serializers.ChoiceField(MeterEvent.Kind.choices)
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    description = serializers.CharField()
    before_wh = serializers.FloatField(allow_null=True, help_text="the counter before")
    after_wh = serializers.FloatField(allow_null=True, help_text="the counter afterwards")
    energy_wh = serializers.FloatField(allow_null=True, help_text="what was counted for it")
    times = serializers.IntegerField()
    note = serializers.CharField(allow_blank=True)


class CorrectionSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """A person's word on what an interval used."""

    id = serializers.IntegerField()
    device = serializers.IntegerField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    consumption = serializers.FloatField(allow_null=True, help_text="kWh; null: left out of sums")
    reason = serializers.CharField()
    author = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()
    undone_at = serializers.DateTimeField(allow_null=True)
    undone_by = serializers.CharField(allow_null=True)


class SlotSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What is stored of a quarter-hour."""

    samples = serializers.IntegerField()
    power_min = serializers.FloatField(allow_null=True)
    power_mean = serializers.FloatField(allow_null=True)
    power_max = serializers.FloatField(allow_null=True)
    counter_at = serializers.DateTimeField(allow_null=True)
    counter_wh = serializers.FloatField(allow_null=True)
    waiting = serializers.CharField(allow_blank=True)


class WhySerializer(EnergyRowSerializer):
    """Everything behind a quarter-hour."""

    device = serializers.IntegerField()
    before_corrections = EnergySerializer()
    readings = LatestReadingSerializer(many=True)
    events = EventSerializer(many=True)
    corrections = CorrectionSerializer(many=True)
    gap_shape = serializers.ChoiceField(["even", "usual week"], allow_null=True)
    slot = SlotSerializer(allow_null=True)
    made_up_to = serializers.DateTimeField(allow_null=True)
    readings_kept_from = serializers.DateTimeField(allow_null=True)
    will_be_made_again = serializers.BooleanField()
