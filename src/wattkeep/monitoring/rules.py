"""Making the rules that new devices and sites start with."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from django.conf import settings

from wattkeep.domain.default_rules import device_rules, site_rule
from wattkeep.monitoring.models import AlertRule, RuleChange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wattkeep.monitoring.models import Device

ROWS_AT_ONCE = 2_000


def make_default_rules(devices: Iterable[Device]) -> None:
    """Give devices, which have none yet, their rules, and their sites the one of all together."""
    devices = list(devices)
    if not devices:
        return
    rows = [
        AlertRule(device=device, is_default=True, **asdict(values))
        for device in devices
        for values in device_rules(device.range_w, settings.HIGH_POWER_W)
    ]
    sites = {device.site_id for device in devices}
    watched = AlertRule.objects.filter(site_id__in=sites, alert_type="SITE_OFFLINE")
    sites -= set(watched.values_list("site_id", flat=True))
    rows += [
        AlertRule(site_id=one, is_default=True, **asdict(site_rule())) for one in sorted(sites)
    ]
    AlertRule.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
    RuleChange.note()
