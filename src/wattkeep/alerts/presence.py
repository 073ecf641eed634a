"""Devices and meters that are not heard, and sites of which none is."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db.models import F, Max, Q
from django.utils.translation import gettext as _

from wattkeep.alerts.causes import cause_at_closing, cause_at_opening
from wattkeep.alerts.incidents import Course, announce, close, record
from wattkeep.alerts.rules import Metric, most_gap_ms
from wattkeep.alerts.wording import duration, rule_name
from wattkeep.domain.incidents import FLAPPING_FROM, MEMORY_MS, MOST_DOUBLINGS
from wattkeep.history.reach import newest_instants
from wattkeep.monitoring.languages import speak_to
from wattkeep.monitoring.models import (
    Alert,
    AlertRule,
    AlertType,
    Device,
    DeviceBoot,
)

if TYPE_CHECKING:
    from datetime import datetime

    from django.db.models import QuerySet

    from wattkeep.monitoring.models import Site

# A site is gone when all of it missed two reports and the next is due: within three intervals.
SITE_INTERVALS = 2.5
LEAST_SITE_QUIET = timedelta(seconds=20)
# Of a site's devices those count that were there lately, and report often enough to be missed.
LATELY = timedelta(minutes=10)
MOST_INTERVAL_S = 60
FEWEST_OF_A_SITE = 2
# A board that was heard this many intervals after its last reading talks on without its meter.
TALKED_ON = 1.5
# What people closed is not opened again for so long, unless it was over in between.
BY_HAND_FOR = timedelta(days=30)
# What a look needs to know of each device; the rest is read of those whose incident opens.
OF_A_DEVICE = ("name", "user_id", "site_id", "interval_s")
# `last_value` of an incident of silence.
GONE, BACK = 1.0, 0.0

# A rule and a device; no device where it is the site's.
Key = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Heard:
    """When a device was last heard, and its newest reading; None: never."""

    device: Device
    at: datetime | None
    reading_at: datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """One look at all devices: when, by one who has been listening since when."""

    now: datetime
    since: datetime
    heard: list[Heard]
    alerts: dict[Key, Alert]
    closed_by_hand: dict[Key, datetime]

    def quiet(self, at: datetime | None) -> timedelta:
        """Return how long it is known to have been quiet after it was last heard."""
        return self.now - self.last(at)

    def last(self, at: datetime | None) -> datetime:
        return self.since if at is None else max(at, self.since)


def check_presence(now: datetime, since: datetime) -> None:
    """Open and close incidents of silence, knowing nothing of the time before `since`.

    The same three queries whatever the number of devices, as long as nothing changes.
    """
    is_of_silence = {"metric__in": (Metric.OFFLINE, Metric.SILENT)}
    rules = AlertRule.objects.filter(is_enabled=True, **is_of_silence).select_related("site")
    look = Look(now, since, hear(now), *_known(now))
    of_site = _by_site(look.heard)
    muting: dict[int, Alert] = {}
    own: dict[int, list[AlertRule]] = defaultdict(list)
    for rule in rules:
        if rule.device_id is not None:
            own[rule.device_id].append(rule)
        elif rule.site is not None and rule.alert_type == AlertType.SITE_OFFLINE:
            alert = _check_site(rule, rule.site, of_site, look)
            if alert is not None:
                muting[rule.site.pk] = alert
        else:
            for one in of_site.get(rule.site_id or 0, ()):
                own[one.device.pk].append(rule)
    for one in look.heard:
        for rule in own[one.device.pk]:
            _check_device(rule, one, look, muting.get(one.device.site_id))


def _known(now: datetime) -> tuple[dict[Key, Alert], dict[Key, datetime]]:
    """Return what is open by rule and device, and when people last closed what is closed."""
    rows = Alert.objects.filter(
        Q(is_resolved=False) | Q(resolved_by__isnull=False, resolved_at__gte=now - BY_HAND_FOR),
        rule__metric__in=(Metric.OFFLINE, Metric.SILENT),
    )
    is_open, closed = {}, {}
    for one in rows.order_by("created_at"):
        key = (one.rule_id, one.device_id)
        if one.resolved_at is None:
            is_open[key] = one
        else:
            closed[key] = one.resolved_at
    return is_open, closed


def hear(now: datetime) -> list[Heard]:
    """Return every active device that was ever heard; the same few queries however many."""
    devices = list(Device.objects.filter(is_active=True).only(*OF_A_DEVICE))
    ids = [device.pk for device in devices]
    read = newest_instants(ids, now)
    boots = DeviceBoot.objects.filter(device_id__in=ids).values_list("device_id")
    seen = dict(boots.annotate(Max("last_seen")).order_by())
    heard = []
    for device in devices:
        times = [at for at in (read.get(device.pk), seen.get(device.pk)) if at is not None]
        if times:
            heard.append(Heard(device, max(times), read.get(device.pk)))
    return heard


def _by_site(heard: list[Heard]) -> dict[int, list[Heard]]:
    of_site: dict[int, list[Heard]] = defaultdict(list)
    for one in heard:
        of_site[one.device.site_id].append(one)
    return of_site


def _check_site(
    rule: AlertRule, site: Site, of_site: dict[int, list[Heard]], look: Look
) -> Alert | None:
    """Open or close a site's incident; return it while it is open."""
    alert = look.alerts.get((rule.pk, None))
    lost = lost_together(of_site.get(site.pk, []), look)
    if alert is None:
        if not lost:
            return None
        last = max(look.last(one.at) for one in lost)
        elsewhere = [lost_together(rest, look) for pk, rest in of_site.items() if pk != site.pk]
        with speak_to(site.owner_id):
            cause = cause_at_opening(lost, elsewhere)
            message = _("%(site)s: none of %(count)s devices is heard") % {
                "site": site.name,
                "count": len(lost),
            }
        return _open(rule, last, look, message=message, cause=cause)
    heard = max((one.at for one in of_site.get(site.pk, ()) if one.at), default=look.since)
    if not _is_over(alert, rule, look, heard, is_gone=bool(lost)):
        return alert
    with speak_to(site.owner_id):
        cause = cause_at_closing(alert, of_site[site.pk])
    Alert.objects.filter(pk=alert.pk).update(cause=cause)
    close(alert.pk, alert.last_at or look.now, look.now)
    # Those that did not come back with the others have a trouble of their own.
    Alert.objects.filter(muted_by=alert, is_resolved=False).update(muted_by=None)
    return None


def lost_together(heard: list[Heard], look: Look) -> list[Heard]:
    """Return a site's devices if all that were there lately are gone, else nothing."""
    if not heard:
        return []
    newest = max(look.last(one.at) for one in heard)
    here = [
        one
        for one in heard
        if one.at is not None
        and newest - one.at <= LATELY
        and one.device.interval_s <= MOST_INTERVAL_S
    ]
    for one in here:
        limit = max(SITE_INTERVALS * timedelta(seconds=one.device.interval_s), LEAST_SITE_QUIET)
        if look.quiet(one.at) < limit:
            return []
    return here if len(here) >= FEWEST_OF_A_SITE else []


def _check_device(rule: AlertRule, one: Heard, look: Look, site_alert: Alert | None) -> None:
    alert = look.alerts.get((rule.pk, one.device.pk))
    last = one.reading_at if rule.metric == Metric.SILENT else one.at
    limit = timedelta(milliseconds=most_gap_ms(one.device.interval_s))
    if rule.metric == Metric.OFFLINE:
        limit = min(limit, 3 * timedelta(seconds=max(one.device.interval_s, 10)))
    is_gone = look.quiet(last) > limit
    if rule.metric == Metric.SILENT and is_gone and not _talks_on(one, look):
        # The board is gone as well, which is another rule's matter: nothing is known here.
        return
    if alert is None:
        held = limit + timedelta(seconds=rule.hold_s)
        if is_gone and look.quiet(last) > held:
            with speak_to(one.device.user_id):
                quiet = duration(look.quiet(last).total_seconds())
                message = _("%(rule)s: %(device)s, for %(time)s") % {
                    "rule": rule_name(rule),
                    "device": one.device.name,
                    "time": quiet,
                }
            _open(
                rule, look.last(last), look, device=one.device, message=message, muted_by=site_alert
            )
    elif _is_over(alert, rule, look, last or look.since, is_gone=is_gone):
        close(alert.pk, alert.last_at or look.now, look.now)
    elif is_gone and alert.announced_at is None and site_alert is None:
        announce(alert, look.now)


def _talks_on(one: Heard, look: Look) -> bool:
    """Tell whether a board is there whose meter is not."""
    interval = timedelta(seconds=one.device.interval_s)
    limit = timedelta(milliseconds=most_gap_ms(one.device.interval_s))
    if one.at is None or look.quiet(one.at) > limit:
        return False
    return one.reading_at is None or one.at - one.reading_at > TALKED_ON * interval


def _open(  # noqa: PLR0913 - what an incident needs, named
    rule: AlertRule,
    last: datetime,
    look: Look,
    *,
    message: str,
    device: Device | None = None,
    cause: str = "",
    muted_by: Alert | None = None,
) -> Alert | None:
    by_hand = look.closed_by_hand.get((rule.pk, device.pk if device else None))
    if by_hand is not None and last <= by_hand:
        # Somebody closed it, and nothing was heard since: that is known.
        return None
    before = Alert.objects.filter(
        rule=rule,
        device=device,
        is_resolved=True,
        resolved_at__gte=look.now - timedelta(milliseconds=MEMORY_MS),
    ).first()
    relapses = 0 if before is None else before.relapses + 1
    course = Course(
        last,
        value=GONE,
        peak=GONE,
        last=GONE,
        last_at=look.now,
        relapses=relapses,
        is_flapping=relapses >= FLAPPING_FROM,
        recovery_hold_s=_hold_s(rule, relapses),
    )
    return record(
        rule, course, look.now, device=device, message=message, cause=cause, muted_by=muted_by
    )


def _is_over(alert: Alert, rule: AlertRule, look: Look, heard: datetime, *, is_gone: bool) -> bool:
    """Follow an open incident; tell whether it was back, and heard, for the whole recovery hold.

    Since when it is back is kept in the row, so any process may go on with it.
    """
    was_gone = alert.last_value == GONE
    if is_gone:
        if not was_gone:
            _still_open(alert).update(
                last_value=GONE,
                last_at=look.now,
                relapses=F("relapses") + 1,
                is_flapping=alert.relapses + 1 >= FLAPPING_FROM,
                recovery_hold_s=_hold_s(rule, alert.relapses + 1),
            )
        return False
    if was_gone:
        _still_open(alert).update(last_value=BACK, last_at=look.now)
        alert.last_value, alert.last_at = BACK, look.now
    back = alert.last_at or look.now
    return heard - back >= timedelta(seconds=_hold_s(rule, alert.relapses))


def _still_open(alert: Alert) -> QuerySet[Alert]:
    return Alert.objects.filter(pk=alert.pk, is_resolved=False)


def _hold_s(rule: AlertRule, relapses: int) -> int:
    return rule.recovery_hold_s << min(relapses, MOST_DOUBLINGS)
