"""Fills a new installation with a home that has something of everything the pages can show.

python scripts/sample_home.py FOLDER DAYS STEP_MINUTES — prints what it made, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sample_loads import METERED, SAUNA_ON_S, SAUNA_W, Meter, past

from wattkeep.cli.installation import open_installation

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from wattkeep.domain.readings import Reading
    from wattkeep.monitoring.models import Alert, AlertRule, Device, Site

OWNER, OTHERS, PASSWORD = "ada", ("grace", "linus", "mary"), "lantern-orbit-7"
MEMBER = "mary"
ZONE = "Europe/Paris"
# As far apart as the packaged household's readings.
INTERVAL_S = 60


@dataclass(frozen=True)
class Made:
    """What the pages' addresses need: devices by name, and what happened to them."""

    devices: dict[str, int]
    keys: dict[str, str]
    last_seen: dict[str, tuple[float, float, float]]
    open_alert: int
    past_alert: int
    channel: int
    rule: int
    link: str
    site: int
    member_link: str
    device_link: str
    site_link: str
    account_link: str
    gap_day: str
    corrected_day: str
    last_month: str
    last_week: str
    errors: dict[str, str]


def main() -> None:
    """Make it and say what it is."""
    folder, days, step_minutes = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    open_installation(folder, may_be_new=True)
    from wattkeep.monitoring.accounts import create_account

    user = create_account(OWNER, PASSWORD, is_admin=True)
    for name in OTHERS:
        create_account(name, PASSWORD)
    site = make_site(user)
    devices, keys = make_devices(user, site)
    now = datetime.now(UTC).replace(microsecond=0)
    meters = store_past(devices, site, days, step_minutes)
    corrected = mend(devices, user, now)
    make_board(devices["House"], user, now)
    opened, over, rule = make_incidents(devices, now)
    today = now.astimezone(site.zone).date()
    monday = today - timedelta(days=today.weekday())
    made = Made(
        devices={name: device.pk for name, device in devices.items()},
        keys={**keys, "Workshop": ""},
        last_seen={name: meter.last_seen for name, meter in meters.items()},
        open_alert=opened,
        past_alert=over,
        channel=make_channels(user, now),
        rule=rule,
        link=make_link(user, opened),
        site=site.pk,
        **share(user, site, devices["House"]),
        gap_day=str((now - timedelta(days=2)).astimezone(site.zone).date()),
        corrected_day=str(corrected),
        last_month=str(today.replace(day=1) - timedelta(days=1)),
        last_week=str(monday - timedelta(days=7)),
        errors=render_errors(),
    )
    print(json.dumps(asdict(made)))


def make_site(user: User) -> Site:
    """Return the home every account begins with, with a price."""
    from wattkeep.monitoring.models import Site

    site = Site.objects.get(owner=user)
    site.time_zone = ZONE
    site.name, site.price_per_kwh, site.currency = "Mill Lane 4", "0.3175", "EUR"
    site.save()
    return site


def make_devices(user: User, site: Site) -> tuple[dict[str, Device], dict[str, str]]:
    """Make what is metered, one that is not wired yet, and one somewhere else."""
    from wattkeep.monitoring.devices import create_device
    from wattkeep.monitoring.models import Site

    devices: dict[str, Device] = {}
    keys: dict[str, str] = {}
    for one in METERED:
        devices[one.name], keys[one.name] = create_device(
            user,
            one.name,
            site=site,
            location=one.location,
            parent=devices.get(one.parent),
            interval_s=INTERVAL_S,
        )
    devices["Greenhouse"], _ = create_device(user, "Greenhouse", site=site, location="Garden")
    flat = Site.objects.create(owner=user, name="Flat by the sea", time_zone=ZONE)
    devices["Flat"], _ = create_device(user, "Flat", site=flat, location="Hall")
    return devices, keys


def store_past(
    devices: dict[str, Device], site: Site, days: int, step_minutes: int
) -> dict[str, Meter]:
    """Store every device's readings, with an outage of the house's board and a swapped meter."""
    from wattkeep.ingest.batches import Batch
    from wattkeep.ingest.stores import open_store
    from wattkeep.ledger.update import update_device

    until = time.time()
    samples = past(site.zone, days, step_minutes, until)
    store = open_store()
    meters = {}
    for metered in METERED:
        meter = meters[metered.name] = Meter(metered, site.zone, until)
        pk = devices[metered.name].pk
        readings = [meter.read(sample, pk) for sample in samples]
        readings = [one for one in readings if was_heard(metered.name, one, until)]
        if metered.name == "Workshop":
            readings = with_new_meter(readings, until)
        store.commit(
            [Batch(pk, readings, [False] * len(readings))], [(pk, readings[-1].timestamp_ms)]
        )
    store.close()
    note_swap(devices["Workshop"], until)
    for device in devices.values():
        update_device(device.pk, datetime.now(UTC))
    return meters


def was_heard(name: str, reading: Reading, until: float) -> bool:
    """Leave out four and a half hours of the house, two days ago, and the workshop's last three."""
    ago_h = (until - reading.timestamp_ms / 1000) / 3600
    if name == "House":
        return not 46 < ago_h < 50.5
    return name != "Workshop" or ago_h > 3


def with_new_meter(readings: list[Reading], until: float) -> list[Reading]:
    """Return readings whose counter begins anew nine days ago, at 0.4 kWh."""
    swapped_ms = round((until - 9 * 86_400) * 1000)
    first = next((one.energy for one in readings if one.timestamp_ms > swapped_ms), 0.0)
    return [
        one._replace(energy=round(one.energy - first + 0.4, 3))
        if one.timestamp_ms > swapped_ms
        else one
        for one in readings
    ]


def note_swap(device: Device, until: float) -> None:
    """Note the meter that was replaced nine days ago."""
    from wattkeep.ledger.swap import Change, swap_hardware

    at = datetime.fromtimestamp(until - 9 * 86_400, UTC)
    change = Change(at, opening_wh=400.0, note="The old one hummed")
    swap_hardware(device, change, datetime.now(UTC))


def mend(devices: dict[str, Device], user: User, now: datetime) -> object:
    """Correct two hours of the sauna, three days ago; return that day."""
    from wattkeep.ledger.corrections import Wish, set_correction

    start = (now - timedelta(days=3)).replace(hour=16, minute=0, second=0)
    wish = Wish(start, start + timedelta(hours=2), 2_400.0, "The neighbours welded on our socket")
    set_correction(devices["Sauna"], wish, user, now)
    return start.astimezone(devices["Sauna"].site.zone).date()


def make_board(device: Device, user: User, now: datetime) -> None:
    """Let the house's board have said how it is, and have something to do."""
    from wattkeep.monitoring.models import BoardCommand, BoardReport, FirmwareRelease

    BoardReport.objects.create(
        device=device,
        reported_at=now - timedelta(minutes=4),
        boot="6f1c2a90",
        firmware="1.4.0",
        slot="A",
        config_version=1,
        told_version=1,
        uptime_s=9 * 86_400 + 4_000,
        rssi_dbm=-61,
        free_heap=17_400,
        bad_polls=3,
        backlog=0,
        resets=2,
        reset_cause=0,
    )
    BoardCommand.objects.create(device=device, kind="send_log", created_by=user)
    FirmwareRelease.objects.create(
        version="1.5.0", share=20, manifest=b"{}", manifest_sha256="0" * 64, size=98_304
    )


def make_incidents(devices: dict[str, Device], now: datetime) -> tuple[int, int, int]:
    """Open the sauna's incident, which goes on; and let some others be over."""
    from wattkeep.monitoring.models import AlertRule

    rule = AlertRule.objects.get(device=devices["Sauna"], alert_type="HIGH_POWER")
    began = now - timedelta(seconds=SAUNA_ON_S - 60)
    opened = make_alert(rule, began, value=SAUNA_W)
    house = AlertRule.objects.get(device=devices["House"], alert_type="HIGH_POWER")
    over = [
        make_alert(house, began, value=peak, until=ended)
        for began, ended, peak in find_peaks(devices["House"], house.threshold or 0, now)
    ]
    return opened.pk, over[-1].pk, rule.pk


def find_peaks(
    device: Device, limit_w: float, now: datetime
) -> list[tuple[datetime, datetime, float]]:
    """Return begin, end and worst of each day's time above a limit, of the last week."""
    from wattkeep.monitoring.models import EnergyReading

    above = EnergyReading.objects.filter(
        device_id=device.pk, power__gt=limit_w, timestamp__range=(now - timedelta(days=7), now)
    ).order_by("timestamp")
    peaks: dict[object, list[tuple[datetime, float]]] = {}
    for at, power in above.values_list("timestamp", "power"):
        rows = peaks.setdefault(at.date(), [])
        # A day's first time above it, with short rests.
        if not rows or at - rows[-1][0] < timedelta(minutes=20):
            rows.append((at, power))
    return [
        (rows[0][0], rows[-1][0] + timedelta(minutes=10), max(power for _, power in rows))
        for day, rows in peaks.items()
        if day != now.date()
    ]


def make_alert(
    rule: AlertRule, began: datetime, *, value: float, until: datetime | None = None
) -> Alert:
    """Return an incident of high power, as the server would have opened it."""
    from wattkeep.monitoring.models import Alert

    return Alert.objects.create(
        device=rule.device,
        rule=rule,
        alert_type="HIGH_POWER",
        message=f"High power: {value:,.0f} W (limit {rule.threshold:,.0f} W)",
        value=value,
        peak_value=value,
        last_value=value,
        last_at=until or datetime.now(UTC),
        created_at=began,
        noticed_at=began,
        announced_at=began,
        resolved_at=until,
        is_resolved=until is not None,
    )


def make_channels(user: User, now: datetime) -> int:
    """Make a channel in the browser, and one by mail that works; return the second."""
    from wattkeep.alerts.notify_channels import set_address
    from wattkeep.monitoring.models import NotificationChannel, ReportSchedule

    NotificationChannel.objects.create(user=user, name="This browser", kind="browser")
    mail = NotificationChannel(user=user, name="Mail", last_success_at=now, verified_at=now)
    # Nobody listens there: what these pages show never leaves the machine.
    set_address(mail, "mailto://127.0.0.1:9/?from=home@example.org&to=ada@example.org")
    mail.save()
    ReportSchedule.objects.create(channel=mail, period="week")
    return mail.pk


def make_link(user: User, alert_id: int) -> str:
    """Return the token of a link that acknowledges an incident out of a message."""
    from wattkeep.alerts.notify_links import Link, sign

    return sign(Link("acknowledge", user.pk, (alert_id,)))


def share(user: User, site: Site, device: Device) -> dict[str, str]:
    """Share the home with somebody and by links; return what opens invitations and links."""
    from django.contrib.auth import get_user_model

    from wattkeep.monitoring.audit import Subject, note
    from wattkeep.monitoring.invitations import make_invitation
    from wattkeep.monitoring.models import Role, Site, SiteMember
    from wattkeep.monitoring.sharing import invite, make_link
    from wattkeep.monitoring.tokens import make_token

    member = get_user_model().objects.get(username=MEMBER)
    SiteMember.objects.create(site=site, user=member, role=Role.VIEWER)
    flat = Site.objects.get(owner=user, name="Flat by the sea")
    invite(flat, Role.EDITOR, user, user_name=MEMBER)
    by_link, by_device, by_site, account = (
        invite(site, Role.EDITOR, user),
        make_link(site, device, user, days=30, name="Neighbour"),
        make_link(site, None, user, days=7),
        make_invitation(user, email="linda@example.org"),
    )
    ends = datetime.now(UTC) + timedelta(days=365)
    make_token(user, "Spreadsheet", scope="read", expires_at=ends)
    note(None, Subject.MEMBER, "joined", on=site, name=f"{MEMBER} ({site})", details="Role: Viewer")
    return {
        "member_link": by_link[1],
        "device_link": by_device[1],
        "site_link": by_site[1],
        "account_link": account[1],
    }


def render_errors() -> dict[str, str]:
    """Return the pages of errors that cannot be asked for."""
    from django.template.loader import render_to_string

    return {code: render_to_string(f"{code}.html") for code in ("403", "500", "503")}


if __name__ == "__main__":
    main()
