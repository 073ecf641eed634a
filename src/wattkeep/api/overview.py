"""A site at a glance: each device's power now and where its day and month stand, and the sums."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response

from wattkeep.api.access import OwnView, shown_devices, site_or_404
from wattkeep.api.payloads import device_row, iso
from wattkeep.api.serializers import DeviceRowSerializer
from wattkeep.history.consumption import to_kwh
from wattkeep.history.quarters import NOTHING
from wattkeep.history.standing import Standing, moments, standings
from wattkeep.history.trees import branches
from wattkeep.live.power import draws, total_w
from wattkeep.live.presence import presences_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from rest_framework.request import Request

    from wattkeep.domain.corrections import Energy
    from wattkeep.live.power import Draw
    from wattkeep.monitoring.models import Device, Site


class StandingSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What was used so far."""

    today = serializers.FloatField(help_text="kWh")
    month = serializers.FloatField(help_text="kWh")
    month_before = serializers.FloatField(
        allow_null=True, help_text="kWh of the month before, up to the same day and time"
    )


class RestSerializer(serializers.Serializer):  # type: ignore[type-arg]
    """What passes through a meter and through none of its sub-meters; negative: they claim more."""

    power = serializers.FloatField(allow_null=True, help_text="W")
    today = serializers.FloatField(help_text="kWh")
    month = serializers.FloatField(help_text="kWh")


class OverviewRowSerializer(DeviceRowSerializer, StandingSerializer):
    """A device, with what its sub-meters do not tell of where it has some."""

    depth = serializers.IntegerField(help_text="behind how many meters of the site it is")
    rest = RestSerializer(allow_null=True)


class OverviewSerializer(StandingSerializer):
    """A site's sums, of the devices behind no other, and its devices as a tree from the top."""

    site = serializers.IntegerField()
    time_zone = serializers.CharField()
    timestamp = serializers.DateTimeField()
    before_start = serializers.DateTimeField()
    before_end = serializers.DateTimeField()
    power = serializers.FloatField(
        allow_null=True, help_text="W of those that are online; null if none is"
    )
    devices = OverviewRowSerializer(many=True)


class SiteOverviewView(OwnView):
    """A site at a glance."""

    @extend_schema(responses={200: OverviewSerializer})
    def get(self, request: Request, site_id: int) -> Response:
        """Return power now, today, this month and the month before up to the same moment."""
        site = site_or_404(request, site_id)
        devices = shown_devices(request, site.pk)
        return Response(overview_payload(site, devices, timezone.now()))


def overview_payload(site: Site, devices: Sequence[Device], now: datetime) -> dict[str, Any]:
    """Return what the overview shows, in a number of queries that does not grow with devices."""
    presences = presences_of(devices, now)
    found = draws(devices, presences)
    stand = standings(devices, now, site.zone)
    rests = _rests(devices, stand)
    depths: dict[int | None, int] = {None: -1}
    rows = []
    for one in found:
        depths[one.device.pk] = depth = depths[one.parent_id] + 1
        rows.append(
            {
                **device_row(one.device, presences[one.device.pk]),
                "parent": one.parent_id,
                "depth": depth,
                **_standing(stand[one.device.pk]),
                "rest": _rest(one, rests),
            }
        )
    at = moments(now, site.zone)
    power = total_w(found)
    return {
        "site": site.pk,
        "time_zone": site.time_zone,
        "timestamp": iso(now),
        "before_start": iso(at.before),
        "before_end": iso(at.before_end),
        "power": None if power is None else round(power, 2),
        **_standing(_together([stand[one.device.pk] for one in found if one.parent_id is None])),
        "devices": rows,
    }


def _together(parts: Sequence[Standing]) -> Standing:
    """Return the sum; it can be compared with the month before if each part can."""
    # What never measured anything yet takes nothing from the comparison.
    parts = [one for one in parts if one.month_before is not None or one.month.total_mwh]
    before = [one.month_before for one in parts if one.month_before is not None]
    return Standing(
        sum((one.today for one in parts), NOTHING),
        sum((one.month for one in parts), NOTHING),
        sum(before, NOTHING) if parts and len(before) == len(parts) else None,
    )


def _standing(stand: Standing) -> dict[str, float | None]:
    before = stand.month_before
    return {
        "today": round(to_kwh(stand.today.total_mwh), 3),
        "month": round(to_kwh(stand.month.total_mwh), 3),
        "month_before": None if before is None else round(to_kwh(before.total_mwh), 3),
    }


Rests = dict[int, tuple[float, float]]


def _rests(devices: Sequence[Device], stand: Mapping[int, Standing]) -> Rests:
    """Return, for devices with sub-meters, kWh of today and of the month that those do not tell."""

    def rests_of(part: Callable[[Standing], Energy]) -> dict[int, float]:
        used = {device_id: part(one) for device_id, one in stand.items()}
        return {
            branch.device.pk: round(to_kwh(branch.untracked_mwh - branch.excess_mwh), 3)
            for branch in branches(devices, used)
            if branch.has_children
        }

    month = rests_of(lambda one: one.month)
    return {pk: (kwh, month[pk]) for pk, kwh in rests_of(lambda one: one.today).items()}


def _rest(one: Draw, rests: Rests) -> dict[str, float | None] | None:
    if one.device.pk not in rests:
        return None
    today, month = rests[one.device.pk]
    power = None if one.rest_w is None else round(one.rest_w, 2)
    return {"power": power, "today": today, "month": month}
