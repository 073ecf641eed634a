"""What happens on a device's page while it is open."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

REALTIME = re.compile("/api/realtime/")
DASHBOARD = re.compile("/api/dashboard/")
POLL_MS = 6_000
MINUTE_MS = 61_000


def mark(page):
    """Leave a mark that a reload would wipe."""
    page.evaluate("document.body.dataset.mark = 'here'")


def assert_not_reloaded(page):
    assert page.evaluate("document.body.dataset.mark") == "here"


def answer_with(page, pattern, **changes):
    """Let the server's answers through with some values changed."""

    def change(route):
        response = route.fetch()
        route.fulfill(response=response, json={**response.json(), **changes})

    page.route(pattern, change)


def count_requests(page, pattern):
    seen = []
    page.on("request", lambda request: pattern.search(request.url) and seen.append(request.url))
    return seen


def test_tiles_follow_the_readings(page, device):
    device.post(power=540.7)
    page.goto(device.page)
    power = page.locator("[data-tile=power]")
    expect(power).to_have_text("540.7")
    mark(page)

    device.post(voltage=228.1, current=10.5, power=2345.6, energy=13, power_factor=0.9)
    page.clock.fast_forward(POLL_MS)

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
    assert_not_reloaded(page)


def test_age_of_the_last_reading_grows(page, device):
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
    page.clock.fast_forward(POLL_MS)

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
    expect(page.locator("[data-alert]")).to_have_count(0)
    link = page.get_by_role("link", name="Open alerts: 1")
    for _ in range(60):  # the alert is opened after the answer, in its own time
        page.clock.fast_forward(MINUTE_MS)
        page.wait_for_timeout(300)
        if link.is_visible():
            break

    expect(page.locator("[data-alert]")).to_have_count(1)
    expect(page.locator("[data-alert]")).to_contain_text("6,100")
    expect(page.get_by_text("Nothing needs your attention.")).to_be_hidden()
    answer_with(page, DASHBOARD, alerts=[])
    page.clock.fast_forward(MINUTE_MS)
    expect(page.locator("[data-alert]")).to_have_count(0)
    expect(link).to_be_hidden()


def test_lost_server_is_told_and_values_stay(page, device, complaints):
    device.post()
    page.goto(device.page)
    lost = page.get_by_text("Connection lost, retrying…")
    expect(lost).to_be_hidden()

    page.context.set_offline(True)
    page.clock.fast_forward(POLL_MS)
    expect(lost).to_be_visible()
    expect(page.locator("[data-tile=power]")).to_have_text("540.7")

    page.context.set_offline(False)
    device.post(power=777.7)
    page.clock.fast_forward(POLL_MS)
    expect(lost).to_be_hidden()
    expect(page.locator("[data-tile=power]")).to_have_text("777.7")
    complaints.forgive("Failed to load resource")


def test_server_error_is_a_lost_connection(page, device, complaints):
    device.post()
    page.goto(device.page)

    page.route(REALTIME, lambda route: route.fulfill(status=503, json={"error": "busy"}))
    page.clock.fast_forward(POLL_MS)

    expect(page.get_by_text("Connection lost, retrying…")).to_be_visible()
    complaints.forgive("Failed to load resource")


def test_ended_session_leads_to_login_and_back(page, device, complaints):
    device.post()
    page.goto(device.page)

    page.context.clear_cookies()
    page.clock.fast_forward(POLL_MS)

    page.wait_for_url(f"**/login/?next={device.page.replace('/', '%2F')}")
    complaints.forgive("401")


def test_hidden_page_asks_less_and_catches_up(page, device):
    device.post(power=540.7)
    page.goto(device.page)
    seen = count_requests(page, REALTIME)

    set_hidden(page, is_hidden=True)
    for _ in range(4):
        page.clock.run_for(5_000)
    assert seen == []
    with page.expect_request(REALTIME):
        page.clock.run_for(11_000)
    expect(page.locator("[data-tile=power]")).to_have_text("540.7")

    device.post(power=111.1)
    with page.expect_response(REALTIME):
        set_hidden(page, is_hidden=False)
    expect(page.locator("[data-tile=power]")).to_have_text("111.1")


def set_hidden(page, *, is_hidden):
    page.evaluate(
        """isHidden => {
            Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_hidden,
    )


def test_new_hour_fetches_the_charts(page, device):
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


def test_arriving_data_moves_nothing(page, device):
    device.post(power=540.7)
    page.goto(device.page)
    page.evaluate(
        """() => {
            window.moved = 0;
            const add = (entry) => (window.moved += entry.value);
            const observer = new PerformanceObserver((list) => list.getEntries().forEach(add));
            observer.observe({ type: "layout-shift", buffered: true });
        }"""
    )

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
    page.clock.fast_forward(POLL_MS)
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


def test_list_of_devices_follows(page, device):
    page.goto("/devices/")
    row = page.locator(f"[data-device='{device.id}']")
    expect(row).to_contain_text("Nothing received yet")

    device.post(power=321.5)
    page.clock.fast_forward(11_000)

    expect(row).to_contain_text("Online")
    expect(row).to_contain_text("321.5")
