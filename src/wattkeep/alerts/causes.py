"""What is known about why a site was gone: mains, network, or this server's own network."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from wattkeep.monitoring.models import DeviceBoot, EnergyReading, EnergySlot

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wattkeep.alerts.presence import Heard
    from wattkeep.monitoring.models import Alert


SLOT = timedelta(minutes=15)


def cause_at_opening(lost: Sequence[Heard], elsewhere: Sequence[Sequence[Heard]]) -> str:
    """Say what the way a site went tells. `elsewhere`: of each other site, what is lost of it."""
    times = [one.at for one in lost if one.at is not None]
    spread = (max(times) - min(times)).total_seconds()
    together = _("They were last heard within %(count)s s of each other.") % {
        "count": f"{spread:.0f}"
    }
    if elsewhere and all(elsewhere):
        return f"{together} " + _(
            "So were the devices of every other site: it is probably this server's own network."
        )
    return f"{together} {_('A power cut or the network: it shows when they are back.')}"


def cause_at_closing(alert: Alert, heard: Sequence[Heard]) -> str:
    """Say what the way it came back tells: boards that started anew had no power."""
    ids = [one.device.pk for one in heard]
    numbered = DeviceBoot.objects.filter(device_id__in=ids).exclude(boot="")
    started = numbered.filter(first_seen__gte=alert.created_at).values("device_id").distinct()
    count = started.count()
    if count * 2 > len(ids):
        return _("Mains: %(count)s of %(all)s boards started anew.") % {
            "count": count,
            "all": len(ids),
        }
    device_id = OuterRef("device_id")
    measured = EnergyReading.objects.filter(
        device_id=device_id, timestamp__gt=alert.created_at, timestamp__lt=alert.last_at
    )
    # Readings of a day that is over may be sealed; full quarter-hours in between tell as well.
    folded = EnergySlot.objects.filter(
        device_id=device_id,
        samples__gt=0,
        start__gt=alert.created_at,
        start__lt=(alert.last_at or alert.created_at) - SLOT,
    )
    kept = numbered.filter(Exists(measured) | Exists(folded)).values("device_id").distinct().count()
    if kept * 2 > len(ids):
        return _("Network: %(count)s of %(all)s boards kept measuring and sent it afterwards.") % {
            "count": kept,
            "all": len(ids),
        }
    return _("Power cut or network: the boards do not tell which.")
