"""`/api/dashboard/<id>/`: values, today by hour, seven days, open alerts, all in local time."""

from datetime import UTC, date, datetime, timedelta

import pytest

from stored import VALUES, store, store_counter
from wattkeep.api.payloads import dashboard_payload, iso
from wattkeep.monitoring.models import Alert

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)  # Monday, 03:30 in Paris
MIDNIGHT = datetime(2026, 11, 22, 23, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WEEK = [
    ("2026-11-17", "Tue"), ("2026-11-18", "Wed"), ("2026-11-19", "Thu"), ("2026-11-20", "Fri"),
    ("2026-11-21", "Sat"), ("2026-11-22", "Sun"), ("2026-11-23", "Mon"),
]  # fmt: skip


def get(client, device_id):
    answer = client.get(f"/api/dashboard/{device_id}/")
    assert answer["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def open_alert(device, at, **fields):
    fields = {"message": "High power: 6,000 W (limit 5,000 W)", "value": 6000.0, **fields}
    return Alert.objects.create(device=device, alert_type="HIGH_POWER", created_at=at, **fields)


def store_constant(device, start, end, kw):
    count = round((end - start) / MINUTE)
    store_counter(
        device, *((start + n * MINUTE, round(10 + kw * n / 60, 3)) for n in range(count + 1))
    )


def device_row(device, **presence):
    return {
        "id": device.pk,
        "name": "House",
        "location": "Main panel",
        "site": device.site_id,
        "parent": device.parent_id,
        "is_active": True,
        "key_prefix": device.key_prefix,
        "interval_s": 10,
        "created_at": iso(device.created_at),
        **presence,
    }


def test_dashboard_holds_everything_the_page_shows(device):
    store_constant(device, MIDNIGHT - timedelta(days=2), NOW - MINUTE, kw=1.2)
    at = NOW - timedelta(seconds=5)
    store(device, at, energy=71.8)
    alert = open_alert(device, at)
    presence = {"status": "online", "is_online": True, "last_seen": iso(at)}

    body = dashboard_payload(device, NOW)

    assert body == {
        "device": device_row(device, power=540.67, **presence),
        **VALUES,
        "energy": 71.8,
        "latest_reading": {**VALUES, "energy": 71.8, "timestamp": iso(at)},
        **presence,
        "time_zone": "Europe/Paris",
        "site_date": "2026-11-23",
        "today_consumption": 4.2,
        "today_extremes": {
            name: {"min": value, "max": value} for name, value in VALUES.items() if name != "energy"
        },
        "hourly_consumption": [
            {"hour": 0, "start": "2026-11-22T23:00:00.000Z", "consumption": 1.2},
            {"hour": 1, "start": "2026-11-23T00:00:00.000Z", "consumption": 1.2},
            {"hour": 2, "start": "2026-11-23T01:00:00.000Z", "consumption": 1.2},
            {"hour": 3, "start": "2026-11-23T02:00:00.000Z", "consumption": 0.6},
        ],
        "weekly_consumption": [
            {"date": day, "day": name, "consumption": kwh}
            for (day, name), kwh in zip(WEEK, [0, 0, 0, 0, 28.8, 28.8, 4.2], strict=True)
        ],
        "alerts": [
            {
                "id": alert.pk,
                "alert_type": "HIGH_POWER",
                "severity": 20,
                "message": "High power: 6,000 W (limit 5,000 W)",
                "value": 6000.0,
                "is_resolved": False,
                "created_at": iso(at),
                "resolved_at": None,
            }
        ],
    }


def test_new_device_has_nulls_and_zeros(as_owner, device):
    status, body = get(as_owner, device.pk)

    presence = {"status": "never", "is_online": False, "last_seen": None}
    hours, week = body.pop("hourly_consumption"), body.pop("weekly_consumption")
    assert (status, body) == (
        200,
        {
            "device": device_row(device, power=None, **presence),
            **dict.fromkeys(VALUES),
            "latest_reading": None,
            **presence,
            "time_zone": "Europe/Paris",
            "site_date": datetime.now(device.site.zone).date().isoformat(),
            "today_consumption": 0,
            "today_extremes": {
                name: {"min": None, "max": None} for name in VALUES.keys() - {"energy"}
            },
            "alerts": [],
        },
    )
    assert {hour["consumption"] for hour in hours} == {0}
    assert [day["consumption"] for day in week] == [0] * 7


def test_hours_add_up_to_today_and_today_is_the_last_day(device):
    store_constant(device, MIDNIGHT - timedelta(days=1), NOW, kw=1.7)

    body = dashboard_payload(device, NOW)

    hours = sum(hour["consumption"] for hour in body["hourly_consumption"])
    assert abs(hours - body["today_consumption"]) < 0.001 * 4
    assert body["weekly_consumption"][-1]["consumption"] == body["today_consumption"]


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", "2026-03-29", [0, 1, *range(3, 24)]),
        ("Europe/Paris", "2026-10-25", [0, 1, 2, 2, *range(3, 24)]),
        ("Asia/Kathmandu", "2026-11-23", list(range(24))),
        ("Africa/Cairo", "2026-04-24", list(range(1, 24))),
        ("Australia/Lord_Howe", "2026-04-05", [0, 1, 1, *range(2, 24)]),
    ],
)
def test_hours_are_those_of_the_clock_on_the_wall(device, zone, day, hours):
    device.site.time_zone = zone
    late, noon = (
        datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=device.site.zone).astimezone(UTC)
        for time in ("23:59", "12:00")
    )
    store_constant(device, noon - timedelta(hours=15), noon + timedelta(hours=15), kw=0.6)

    body = dashboard_payload(device, late)

    found = body["hourly_consumption"]
    assert [hour["hour"] for hour in found] == hours
    assert {hour["consumption"] for hour in found} <= {0.6, 0.3}
    assert len({hour["start"] for hour in found}) == len(hours)


def test_long_and_short_days_have_what_was_used_in_them(device):
    start = datetime(2026, 10, 23, 12, tzinfo=UTC)
    store_constant(device, start, start + timedelta(days=4), kw=1)

    body = dashboard_payload(device, start + timedelta(days=4))

    assert [day["consumption"] for day in body["weekly_consumption"][-4:-1]] == [24, 25, 24]


def test_today_is_the_sites_day_and_not_the_servers(device):
    device.site.time_zone = "Pacific/Auckland"

    body = dashboard_payload(device, datetime(2026, 11, 23, 11, 0, tzinfo=UTC))

    assert body["site_date"] == "2026-11-24"
    assert [row["date"] for row in body["weekly_consumption"]] == [
        (date(2026, 11, 18) + timedelta(days=n)).isoformat() for n in range(7)
    ]
    assert [row["hour"] for row in body["hourly_consumption"]] == [0]


def test_alerts_are_the_five_newest_open_ones(device):
    kinds = [f"KIND_{n}" for n in range(7)]
    for number, kind in enumerate(kinds):
        Alert.objects.create(
            device=device, alert_type=kind, message=kind, value=number,
            created_at=NOW - timedelta(minutes=number), is_resolved=number == 1,
            resolved_at=NOW if number == 1 else None,
        )  # fmt: skip

    shown = dashboard_payload(device, NOW)["alerts"]

    assert [alert["alert_type"] for alert in shown] == [
        "KIND_0", "KIND_2", "KIND_3", "KIND_4", "KIND_5",
    ]  # fmt: skip


def test_strangers_dashboard_does_not_exist(as_stranger, device):
    there = get(as_stranger, device.pk)

    assert there == get(as_stranger, device.pk + 1000)
    assert there == (404, {"detail": "Not found."})


def test_nobody_is_asked_to_log_in(nobody, device):
    assert get(nobody, device.pk) == (
        401,
        {"detail": "Authentication credentials were not provided."},
    )


def test_team_mate_who_is_staff_sees_no_more_than_anybody(admin_client, device):
    assert get(admin_client, device.pk)[0] == 404
