"""Weekly and monthly reports: what they hold, what they look like, and when they are sent."""

import struct
import zlib
from datetime import UTC, date, datetime, timedelta

import pytest

from alerts.telling import DAY, HOUR, NOON, Network, make_channel, open_incident
from wattkeep.alerts import incidents
from wattkeep.alerts.outbox import deliver_due
from wattkeep.alerts.reports import build_report, span_before, span_of
from wattkeep.alerts.reports_chart import COLOURS, HEIGHT, WIDTH, bar_chart
from wattkeep.alerts.reports_mail import write_mail
from wattkeep.alerts.reports_queue import queue_reports, set_reports
from wattkeep.domain.instants import to_ms
from wattkeep.ledger.marks import leave_mark
from wattkeep.ledger.update import update_device
from wattkeep.monitoring.devices import create_device
from wattkeep.monitoring.models import EnergyReading, ReportSchedule

pytestmark = pytest.mark.django_db

# Two weeks of Paris before the Monday of NOON.
START = datetime(2026, 11, 8, 23, 0, tzinfo=UTC)
LAST_WEEK = span_of("week", date(2026, 11, 16))


def measure(device, kwh_a_day, start=START, days=14):
    """Store a reading every hour, the counter growing evenly; the second week twice as fast."""
    energy, rows = 100.0, []
    for hour in range(days * 24 + 1):
        rows.append(
            EnergyReading(
                device=device,
                timestamp=start + hour * HOUR,
                voltage=230.0,
                current=1.0,
                power=230.0,
                energy=round(energy, 3),
                frequency=50.0,
                power_factor=1.0,
            )
        )
        energy += kwh_a_day / 24 * (2 if hour >= 7 * 24 else 1)
    EnergyReading.objects.bulk_create(rows)
    leave_mark(device.pk, to_ms(start))
    update_device(device.pk, rows[-1].timestamp)


@pytest.fixture
def hourly(device):
    """Return the device, reporting every hour, with two weeks measured."""
    device.interval_s = 3600
    device.save()
    measure(device, 12.0)
    return device


SPANS = {
    "a week": ("week", date(2026, 11, 23), date(2026, 11, 16), "Week 47, 16 to 22 November 2026"),
    "over a month's end": (
        "week",
        date(2026, 12, 10),
        date(2026, 11, 30),
        "Week 49, 30 November to 6 December 2026",
    ),
    "a month": ("month", date(2026, 3, 1), date(2026, 2, 1), "February 2026"),
    "a year ago": ("month", date(2026, 1, 31), date(2025, 12, 1), "December 2025"),
}


@pytest.mark.parametrize(("period", "today", "start", "title"), SPANS.values(), ids=SPANS)
def test_last_span_is_the_one_that_is_over(period, today, start, title):
    span = span_before(period, today)

    assert (span.start, span.title) == (start, title)
    assert span.before.end == start


def test_report_compares_devices_with_the_week_before(hourly, owner):
    child = create_device(owner, "Heat pump", interval_s=3600)[0]
    child.parent = hourly
    child.save()
    measure(child, 6.0)

    report = build_report([hourly.site], LAST_WEEK, NOON)

    [site] = report.sites
    assert [(use.name, round(use.kwh, 1), round(use.change, 2)) for use in site.devices] == [
        ("House", 168.0, 1.0),
        ("Heat pump", 84.0, 1.0),
    ]
    # What sits behind the house's meter is in its figure already.
    assert (round(site.total.kwh, 1), round(site.total.before_kwh, 1)) == (168.0, 84.0)
    assert [round(day.kwh) for day in site.days] == [24] * 7
    assert {use.coverage for use in site.devices} == {1.0}


def test_report_says_how_much_was_measured(hourly):
    hole = EnergyReading.objects.filter(device=hourly, timestamp__gte=NOON - 3 * DAY)
    hole.delete()
    leave_mark(hourly.pk, to_ms(START))
    update_device(hourly.pk, NOON)

    [site] = build_report([hourly.site], LAST_WEEK, NOON).sites

    assert site.devices[0].is_patchy
    assert site.devices[0].coverage == pytest.approx(4.5 / 7, abs=0.01)


def test_report_sums_incidents_up(hourly):
    for day in (1, 2, 9):
        at = NOON - day * DAY
        alert = open_incident(hourly, at)
        incidents.close(alert.pk, at + HOUR, at + HOUR)

    [site] = build_report([hourly.site], LAST_WEEK, NOON).sites

    assert (site.incident_count, site.incident_count_before) == (2, 1)
    assert [(one.title, one.place, one.count, one.lasted) for one in site.incidents] == [
        ("High power", "House", 2, "2 h 1 min")
    ]


def test_mail_holds_the_figures_as_html_and_as_text(hourly, settings):
    settings.PUBLIC_URL = "https://energy.example.org"
    hourly.name = "<House>"
    hourly.save()

    mail = write_mail(build_report([hourly.site], LAST_WEEK, NOON))

    assert mail.subject == "168.0 kWh · Week 47, 16 to 22 November 2026"
    assert "- <House>: 168.0 kWh (100 % more, 100 % measured)" in mail.body
    assert "&lt;House&gt;" in mail.html
    assert "<House>" not in mail.html
    assert mail.html.count("data:image/png;base64,") == 1
    assert "https://energy.example.org/alerts/reports/" in mail.html
    assert "https://energy.example.org/alerts/reports/" in mail.body


def test_report_of_nothing_is_a_report(device):
    mail = write_mail(build_report([device.site], LAST_WEEK, NOON))

    assert mail.subject.startswith("0.0 kWh")
    assert "nothing measured" in mail.body
    assert "data:image/png" not in mail.html


def test_report_is_sent_once_when_the_week_is_over(hourly, owner):
    channel, network = make_channel(owner), Network()
    wednesday = NOON - 5 * DAY
    set_reports(channel, ["week"], wednesday)

    sent = [queue_reports(wednesday + hour * HOUR) for hour in range(10 * 24)]
    deliver_due(NOON + 10 * DAY, network.send)

    assert (sum(sent), network.subjects) == (1, ["168.0 kWh · Week 47, 16 to 22 November 2026"])
    # Monday 07:00 in Paris.
    assert wednesday + sent.index(1) * HOUR == datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
    assert "data:image/png" in network.sent[0].html


def test_reports_nobody_wants_any_more_stop(owner, device):
    channel = make_channel(owner)
    set_reports(channel, ["week", "month"], NOON)

    set_reports(channel, ["month"], NOON)

    assert list(ReportSchedule.objects.values_list("period", flat=True)) == ["month"]
    assert queue_reports(NOON + timedelta(days=8)) == 1


def test_chart_is_a_png_with_bars_to_scale():
    png = bar_chart([(1.0, 2.0), (0.0, 4.0)])

    rows = pixels(png)
    columns = [
        bytes(row[index] for row in rows) for index in (WIDTH // 4 + 10, 3 * WIDTH // 4 + 10)
    ]
    heights = [column.count(3) for column in columns]
    assert heights == [pytest.approx(HEIGHT / 2, abs=4), pytest.approx(HEIGHT, abs=4)]


@pytest.mark.parametrize("pairs", [[], [(0.0, 0.0)], [(float(n), 1.0) for n in range(31)]])
def test_chart_of_anything_is_a_png(pairs):
    assert len(pixels(bar_chart(pairs))) == HEIGHT


def pixels(png):
    """Return the rows of palette indices of a PNG, its checksums checked."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", png[at + 8 + length : at + 12 + length])
        assert check == zlib.crc32(kind + data)
        chunks[kind] = data
        at += 12 + length
    assert (list(chunks), chunks[b"PLTE"]) == ([b"IHDR", b"PLTE", b"IDAT", b"IEND"], COLOURS)
    data = zlib.decompress(chunks[b"IDAT"])
    return [data[at + 1 : at + 1 + WIDTH] for at in range(0, len(data), WIDTH + 1)]
