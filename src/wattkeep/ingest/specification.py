"""What a reading must be: the specification, and the words of every refusal.

The endpoint accepts most bodies without it (`decoding.py`); whatever that refuses is judged here.
"""

from __future__ import annotations

import math
from typing import Any

from rest_framework import serializers

from wattkeep.domain.readings import (
    MOST_AGE_S,
    MOST_POWER_W,
    TimeError,
    aged_ms,
    impossibility,
    instant_ms,
)

# The most readings of one request, as an array or in an envelope.
MOST_READINGS = 10_000
# The most elements of one request that are put to the specification one by one.
MOST_UNUSUAL = 100


class NumberField(serializers.FloatField):
    """A finite number: a JSON number, or text that shows one."""

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or (isinstance(data, str) and "_" in data):
            self.fail("invalid")
        try:
            number = super().to_internal_value(data)
        except OverflowError:
            self.fail("invalid")
        if not math.isfinite(number):
            self.fail("invalid")
        return number


class TimestampField(serializers.Field):  # type: ignore[type-arg]
    """ISO 8601 with an offset, or Unix seconds; becomes epoch milliseconds.

    The serializer's context holds `now_ms`.
    """

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, str | int | float):
            raise serializers.ValidationError("Write ISO 8601 with an offset, or Unix seconds.")
        try:
            return instant_ms(data, self.context["now_ms"])
        except TimeError as error:
            raise serializers.ValidationError(str(error)) from None
        except OverflowError:
            raise serializers.ValidationError("Not a time.") from None


class EnergyReadingCreateSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """One reading as a device sends it. Unknown fields are ignored."""

    voltage = NumberField(min_value=0, max_value=500, help_text="V")
    current = NumberField(min_value=0, max_value=100, help_text="A")
    power = NumberField(min_value=0, help_text="W")
    energy = NumberField(min_value=0, help_text="kWh, the meter's counter")
    frequency = NumberField(min_value=45, max_value=65, help_text="Hz")
    power_factor = NumberField(min_value=0, max_value=1)
    timestamp = TimestampField(required=False, allow_null=True)
    age_s = NumberField(
        min_value=0, max_value=MOST_AGE_S, required=False, allow_null=True, help_text="s"
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        timestamp, age_s = attrs.get("timestamp"), attrs.get("age_s")
        if timestamp is not None and age_s is not None:
            raise serializers.ValidationError({"age_s": ["Send timestamp or age_s, not both."]})
        if age_s is not None:
            try:
                aged_ms(age_s, self.context["now_ms"])
            except TimeError as error:
                raise serializers.ValidationError({"age_s": [str(error)]}) from None
        if timestamp is None and age_s is None and self.context.get("needs_time"):
            raise serializers.ValidationError(
                {"timestamp": ["Each reading of an array needs its timestamp or age_s."]}
            )
        names = ("voltage", "current", "power", "energy")
        if reason := impossibility(*(attrs[name] for name in names)):
            raise serializers.ValidationError({_blamed(attrs): [reason]})
        return attrs


def _blamed(attrs: dict[str, Any]) -> str:
    """Return the field that an impossible reading's words are put to."""
    if attrs["voltage"] == 0:
        return "voltage"
    return "power" if attrs["power"] > MOST_POWER_W else "energy"


def plain_errors(serializer: serializers.BaseSerializer) -> dict[str, Any]:  # type: ignore[type-arg]
    """Return a serializer's errors as dicts, lists and texts, which is all that can be encoded."""
    errors: Any = serializer.errors
    return {str(name): _plain(value) for name, value in errors.items()}


def _plain(errors: Any) -> Any:
    if isinstance(errors, dict):
        return {str(name): _plain(value) for name, value in errors.items()}
    if isinstance(errors, list | tuple):
        return [_plain(value) for value in errors]
    return str(errors)
