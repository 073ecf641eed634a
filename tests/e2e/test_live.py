"""The device's page as readings come in: tiles, state, alerts, charts."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from e2e.running import READING
from e2e.watching import (
    DASHBOARD,
    MINUTE_MS,
    OBSERVE_SHIFTS,
    POLL_MS,
    REALTIME,
    answer_with,
    assert_not_reloaded,
    count_requests,
    cut,
    mark,
)


def test_tiles_follow_the_readings(page, device):
    device.post(power=540.7)
    page.goto(device.page)
    power = page.locator("[data-tile=power]")
    expect(power).to_have_text("540.7")
    mark(page)

    device.post(voltage=228.1, current=10.5, power=2345.6, energy=13, power_factor=0.9)

    expect(power).to_have_text("2,346")
    tiles = page.locator("[data-tile]")
    assert dict(
        zip(
            tiles.evaluate_all("tiles => tiles.map(tile => tile.dataset.tile)"),
            tiles.all_inner_texts(),
            strict=True,
        )
    ) == {
        "power": "2,346",
        "voltage": "228.1",
        "current": "10.50",
        "power_factor": "0.90",
        "frequency": "50.0",
        "energy": "13.00",
    }
    # There is no day before today to compare with.
    for words in ("Yesterday", "Average a day"):
        expect(page.get_by_text(words)).to_be_hidden()
    assert_not_reloaded(page)


def test_age_of_the_last_reading_grows(page, device):
    cut(page)
    device.post()
    page.goto(device.page)
    page.route(REALTIME, lambda _route: None)  # no answer comes
    age = page.locator("[data-reading-time]")
    expect(age).to_have_text(re.compile(r"just now|\d s ago"))

    page.clock.fast_forward(125_000)

    expect(age).to_have_text("2 min ago")
    expect(age).to_have_attribute("title", re.compile(r"^\d+ \w{3} 20\d\d, \d\d:\d\d:\d\d$"))


def test_first_reading_fills_the_page(page, device):
    page.goto(device.page)
    expect(page.get_by_role("heading", name="Connect it")).to_be_visible()
    expect(page.locator("[data-tile=power]")).to_have_text("–")

    device.post()

    expect(page.locator("[data-tile=power]")).to_have_text("540.7")
    expect(page.get_by_role("heading", name="Connect it")).to_have_count(0)
    expect(page.get_by_role("status").filter(has_text="Online")).to_be_visible()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("silent", "Meter silent: the board talks, the meter does not answer"),
        ("offline", "Offline"),
    ],
)
def test_state_changes_in_words(status, words, page, device):
    cut(page)
    device.post()
    page.goto(device.page)
    expect(page.get_by_text("Online", exact=True)).to_be_visible()
    expect(page.locator("[data-live]")).not_to_have_attribute("data-stale", "")

    answer_with(page, REALTIME, status=status, is_online=False)
    answer_with(page, DASHBOARD, status=status, is_online=False)
    page.clock.fast_forward(POLL_MS)

    expect(page.get_by_text(words, exact=True)).to_be_visible()
    expect(page.get_by_text("Online", exact=True)).to_be_hidden()
    expect(page.locator("[data-live]")).to_have_attribute("data-stale", "")
    expect(page.locator("[data-tile=power]")).to_have_text("540.7")


def test_silent_meter_is_told_by_the_server(page, device):
    cut(page)
    assert device.post(voltage=0, current=0, power=283.9, frequency=50, power_factor=0) == 400

    page.goto(device.page)

    words = page.get_by_text("the board talks, the meter does not answer")
    expect(words).to_be_visible()
    with page.expect_response(DASHBOARD):  # there is nothing yet at the other address
        page.clock.run_for(POLL_MS)
    expect(words).to_be_visible()


def test_alert_appears_and_goes(page, device):
    device.post(age_s=60)
    page.goto(device.page)
    expect(page.get_by_text("Nothing needs your attention.")).to_be_visible()

    # Over the limit for longer than the rule's hold.
    device.post(current=27, power=6100.0, age_s=40)
    device.post(current=27, power=6100.0)

    link = page.get_by_role("link", name="Open alerts: 1")
    expect(link).to_be_visible()
    expect(page.locator("[data-alert]")).to_have_count(1)
    expect(page.locator("[data-alert]")).to_contain_text("6,100")
    # A warning, and no more than that, whether the page's script or the server made the row.
    for _ in range(2):
        expect(page.locator("[data-alert] [data-tone]")).to_have_count(1)
        expect(page.locator("[data-alert] [data-tone]")).to_have_attribute("data-tone", "warning")
        expect(link).to_have_attribute("data-tone", "warning")
        page.reload()
    expect(page.get_by_text("Nothing needs your attention.")).to_be_hidden()

    # It ends when the recovery's hold is over, which is too long to wait for.
    answer_with(page, DASHBOARD, alerts=[])
    page.clock.fast_forward(MINUTE_MS)

    expect(page.locator("[data-alert]")).to_have_count(0)
    expect(link).to_be_hidden()


def test_new_hour_fetches_the_charts(page, device):
    cut(page)
    device.post()
    page.clock.set_fixed_time("2026-01-01T00:00:00Z")
    page.goto(device.page)
    seen = count_requests(page, DASHBOARD)
    with page.expect_response(REALTIME):
        page.clock.run_for(5_000)

    # The page goes by the server's clock: from there to the next full hour.
    left_ms = page.evaluate("3600000 - Date.parse(document.documentElement.dataset.now) % 3600000")
    page.clock.set_fixed_time(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(milliseconds=left_ms))
    with page.expect_request(DASHBOARD):
        page.clock.run_for(5_000)

    assert len(seen) == 1


@pytest.mark.parametrize("way", ["socket", "poll"])
def test_arriving_data_moves_nothing(way, page, device):
    if way == "poll":
        cut(page)
    device.post(power=540.7)
    page.goto(device.page)
    page.evaluate(OBSERVE_SHIFTS)

    device.post(power=612.3, voltage=229.9, current=2.7, energy=12.499)
    page.clock.fast_forward(POLL_MS)
    expect(page.locator("[data-tile=power]")).to_have_text("612.3")
    with page.expect_response(DASHBOARD):
        page.clock.fast_forward(MINUTE_MS)
    page.wait_for_load_state("networkidle")

    assert page.evaluate("window.moved") == 0


def test_longer_numbers_leave_the_page_as_it_is(page, device):
    device.post(power=5.1, current=0.05)
    page.goto(device.page)
    boxes = """Array.from(
        document.querySelectorAll("section, h2, dt"),
        (element) => element.getBoundingClientRect().toJSON(),
    )"""
    before = page.evaluate(boxes)

    device.post(power=12345.6, current=53.7, energy=98765.4)
    expect(page.locator("[data-tile=power]")).to_have_text("12,346")

    assert page.evaluate(boxes) == before


def test_day_the_clock_goes_back_has_25_bars(page, device):
    device.post()
    page.goto(device.page)
    midnight = datetime(2026, 10, 24, 22, tzinfo=UTC)  # the home is in Paris
    hours = [
        {"hour": 0, "start": (midnight + timedelta(hours=n)).isoformat(), "consumption": n / 10}
        for n in range(25)
    ]

    answer_with(page, DASHBOARD, hourly_consumption=hours, site_date="2026-10-25")
    page.clock.fast_forward(MINUTE_MS)

    rows = page.locator("[data-bars=hourly] tbody tr")
    expect(rows).to_have_count(25)
    assert rows.locator("th").all_inner_texts()[1:5] == [
        "01:00",
        "02:00 GMT+2",
        "02:00 GMT+1",
        "03:00",
    ]


def test_extremes_of_today_widen_with_the_readings(page, device):
    device.post(voltage=230.0, power=500.0)
    page.goto(device.page)
    voltage = page.locator("[data-extremes=voltage]")
    expect(voltage.locator("[data-least]")).to_have_text("230.0")

    device.post(voltage=221.4, power=500.0)

    expect(voltage.locator("[data-least]")).to_have_text("221.4")
    expect(voltage.locator("[data-greatest]")).to_have_text("230.0")


def test_trend_shows_the_last_hour_and_grows(page, device):
    device.post(
        *({**READING, "power": 100.0 + age / 10, "age_s": age} for age in range(3000, 0, -30))
    )
    with page.expect_response(re.compile("/series/")):
        page.goto(device.page)
    line = page.locator("[data-trend] [data-line]")
    expect(line).to_have_attribute("d", re.compile("^M.*L.*L"))
    before = line.get_attribute("d").count("L")

    device.post(power=700.0)

    expect(page.locator("[data-trend-words]")).to_have_text("103 – 700 W")
    assert line.get_attribute("d").count("L") >= before


def test_list_of_devices_follows(page, device):
    page.goto("/devices/")
    row = page.locator(f"[data-device='{device.id}']")
    expect(row).to_contain_text("Nothing received yet")

    device.post(power=321.5)
    page.clock.fast_forward(11_000)

    expect(row).to_contain_text("Online")
    expect(row).to_contain_text("321.5")
