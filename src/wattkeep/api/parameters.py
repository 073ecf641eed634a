"""What addresses may be asked with, as OpenAPI tells it."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter

from wattkeep.domain.calendar import By
from wattkeep.history.series import MOST_POINTS, UNITS
from wattkeep.monitoring.models import MeterEvent

TIME = "A time with its offset, or a date: that day's start on the site's clock."
START = OpenApiParameter("start", OpenApiTypes.STR, description=f"{TIME} Without it, today's.")
END = OpenApiParameter("end", OpenApiTypes.STR, description=f"{TIME} Without it, now.")
EXPORT_START = OpenApiParameter(
    "start", OpenApiTypes.STR, description=f"{TIME} Without it, all there is."
)
LIST_START = OpenApiParameter(
    "start", OpenApiTypes.STR, description=f"{TIME} Without it and end, all there are."
)
AT = OpenApiParameter("at", OpenApiTypes.STR, description=TIME, required=True)
BY = OpenApiParameter("by", OpenApiTypes.STR, enum=[one.value for one in By], default="day")
METRIC = OpenApiParameter("metric", OpenApiTypes.STR, enum=list(UNITS), default="power")
POINTS = OpenApiParameter(
    "points", OpenApiTypes.INT, default=500, description=f"At most so many, up to {MOST_POINTS:,}."
)
KIND = OpenApiParameter("kind", OpenApiTypes.STR, enum=MeterEvent.Kind.values)
